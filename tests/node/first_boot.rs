//! Checks that only first-boot services that would undo or block a node are disabled, as each release needs it.

use crate::support::checker::Disk;
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// The kernel arguments that the appliance adds.
const APPLIANCE: &str =
    "ro fsck.mode=skip init=/usr/local/lib/etcd-node/init panic=10 cgroup_enable=memory";

fn node(family: &str) -> Node {
    let scene = Scene::built(family, "", &["--nodes", "3"]);
    Node::open(&scene.image_path("etcd1"))
}

/// Asserts that login and SSH work as in a finished installation.
#[track_caller]
fn is_reachable(node: &Node) {
    assert!(node.starts("multi-user.target", "ssh.service"));
    assert!(node.starts("multi-user.target", "NetworkManager.service"));
    assert!(node.starts("sysinit.target", "nftables.service"));
    assert!(!node.starts("multi-user.target", "avahi-daemon.service"));
    assert!(node.starts("getty.target", "getty@tty1.service"));
    assert!(
        node.access("/etc/systemd/system/sshd.service")
            .starts_with("link → ")
    );
    assert_eq!(
        node.access("/etc/ssh/sshd_config.d/rename_user.conf"),
        "nothing"
    );
    assert!(!node.starts("multi-user.target", "userconfig.service"));
}

#[test]
fn trixie_keeps_its_disk_id_and_asks_nothing() {
    let node = node("raspios-trixie");
    is_reachable(&node);
    let id = node.disk.id.trim_start_matches("0x").to_owned();
    let wanted = format!(
        "console=serial0,115200 console=tty1 root=PARTUUID={id}-02 rootfstype=ext4 rootwait {APPLIANCE}"
    );
    assert_eq!(node.kernel_arguments().join(" "), wanted);
    assert_eq!(
        node.access("/etc/cloud/cloud-init.disabled"),
        "file 0644 root:root"
    );
    assert!(!node.starts("multi-user.target", "rpi-resize.service"));
}

#[test]
fn ids_in_upper_case_follow_the_disk_id() {
    let node = node("raspios-trixie+upper-id");
    let id = node.disk.id.trim_start_matches("0x").to_owned();
    assert!(
        node.kernel_arguments()
            .contains(&format!("root=PARTUUID={id}-02"))
    );
    let table = node.text("/etc/fstab");
    for number in [1, 2] {
        assert!(
            table.contains(&format!("PARTUUID={id}-0{number} ")),
            "{table}"
        );
    }
}

#[test]
fn trixie_swaps_nothing() {
    let node = node("raspios-trixie");
    let folder = "/etc/rpi/swap.conf.d";
    let texts: Vec<_> = node
        .ext4
        .names(folder)
        .iter()
        .map(|name| node.text(&format!("{folder}/{name}")))
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("[Main]\nMechanism=none\n")),
        "{texts:?}"
    );
    assert_eq!(node.text("/etc/rpi/swap.conf"), "[Main]\n#Mechanism=auto\n");
}

#[test]
fn mdns_answers_if_it_is_asked_for_whatever_the_base_starts() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    let start = Disk::open(&base).partitions[1].start;
    let root = format!("{}?offset={start}", base.display());
    let request = "rm /etc/systemd/system/multi-user.target.wants/avahi-daemon.service";
    tool("debugfs", &["-w", "-R", request, &root]).done();
    scene.file("cluster.toml", "[appliance]\navahi = true\n");
    scene.build(&["--nodes", "1"]);
    let node = Node::open(&scene.image_path("etcd1"));
    assert!(node.starts("multi-user.target", "avahi-daemon.service"));
}

#[test]
fn bookworm_keeps_its_host_keys_and_disk_id() {
    let node = node("raspios-bookworm");
    is_reachable(&node);
    let id = node.disk.id.trim_start_matches("0x").to_owned();
    let wanted = format!(
        "console=serial0,115200 console=tty1 root=PARTUUID={id}-02 rootfstype=ext4 rootwait {APPLIANCE}"
    );
    assert_eq!(node.kernel_arguments().join(" "), wanted);
    assert!(!node.starts("multi-user.target", "regenerate_ssh_host_keys.service"));
    assert_eq!(node.ext4.names("/etc/rc3.d"), Vec::<String>::new());
    assert_eq!(node.access("/etc/cloud"), "nothing");
}

#[test]
fn bookworm_swaps_nothing_and_its_clock_starts_at_the_build() {
    let scene = Scene::built("raspios-bookworm", "", &["--nodes", "3"]);
    let node = Node::open(&scene.image_path("etcd1"));
    assert!(!node.starts("multi-user.target", "dphys-swapfile.service"));
    assert!(node.starts("sysinit.target", "fake-hwclock.service"));
    let time = time::OffsetDateTime::from_unix_timestamp(
        scene.manifest()["nodes"][0]["time"].as_i64().unwrap(),
    )
    .unwrap();
    let (date, clock) = (time.date(), time.time());
    let wanted = format!(
        "{date} {:02}:{:02}:{:02}\n",
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    assert_eq!(node.text("/etc/fake-hwclock.data"), wanted);
}

#[test]
fn debian_gets_its_user_and_no_cloud_init() {
    let node = node("debian-trixie");
    is_reachable(&node);
    assert_eq!(
        node.access("/etc/cloud/cloud-init.disabled"),
        "file 0644 root:root"
    );
    let passwd = node.text("/etc/passwd");
    assert!(passwd.contains("\npi:x:1000:1000:"), "{passwd}");
    assert_eq!(node.access("/home/pi"), "directory 0700 pi:pi");
    assert!(
        node.kernel_arguments()
            .contains(&"net.ifnames=0".to_owned())
    );
}

#[test]
fn the_seed_files_of_cloud_init_stay() {
    let node = node("raspios-trixie");
    assert_eq!(
        node.boot_text("meta-data"),
        "dsmode: local\ninstance_id: rpios-image\n"
    );
}

//! Checks what cloud-init gets to do at the first boot of Ubuntu Server, using cloud-init's own code.

use std::collections::BTreeSet;

use super::network::{DISTANT, FURTHER};
use crate::support::checker::cloud;
use crate::support::node::Node;
use crate::support::refusal::refused;
use crate::support::rendered::rendered_on;
use crate::support::scene::Scene;

const FAMILY: &str = "ubuntu-server-24.04";
const SEED: [&str; 3] = ["meta-data", "user-data", "network-config"];

/// Builds three nodes of a cluster with this configuration.
fn nodes(configuration: &str) -> Vec<Node> {
    let scene = Scene::built(FAMILY, configuration, &["--nodes", "3"]);
    ["etcd1", "etcd2", "etcd3"]
        .map(|name| Node::open(&scene.image_path(name)))
        .into()
}

fn seed(node: &Node) -> [(&'static str, String); 3] {
    SEED.map(|name| (name, node.boot_text(name)))
}

#[test]
fn cloud_init_accepts_and_understands_every_node_s_seed() {
    let mut identities = BTreeSet::new();
    for (node, name) in nodes("").iter().zip(["etcd1", "etcd2", "etcd3"]) {
        let seed = seed(node);
        cloud::schema(&seed[1].1).unwrap();
        let files = seed.each_ref().map(|(name, text)| (*name, text.as_str()));
        let read = cloud::reads(&files).unwrap();
        let words: Vec<&str> = read.split(' ').collect();
        assert_eq!(words[1..], [name, "networkd"]);
        identities.insert(words[0].to_owned());
        let own = node.text("/etc/cloud/cloud.cfg.d/99-z-etcd-node.cfg");
        let theirs = node.text("/etc/cloud/cloud.cfg.d/99-fake-cloud.cfg");
        let configuration = [
            ("cloud.cfg.d/99-fake-cloud.cfg", theirs.as_str()),
            ("cloud.cfg.d/99-z-etcd-node.cfg", &own),
        ];
        for known in [&configuration[..], &configuration[1..]] {
            assert_eq!(
                cloud::sources(known).unwrap(),
                "datasource_list: [ NoCloud, None ]\n"
            );
        }
    }
    assert_eq!(identities.len(), 3, "{identities:?}");
}

#[test]
fn the_address_is_static_and_comes_through_networkd() {
    for (node, address) in nodes("").iter().zip(["50", "51", "52"]) {
        let made = cloud::networkd(&node.boot_text("network-config")).unwrap();
        let texts: Vec<&String> = made.values().collect();
        let [network] = texts[..] else {
            panic!("one network: {made:?}")
        };
        for line in [
            &format!("Address=192.168.0.{address}/24"),
            "DHCP=no",
            "Gateway=192.168.0.1",
            "Destination=0.0.0.0/0",
            "DNS=1.1.1.1",
            "Domains=local",
        ] {
            assert!(
                network.lines().any(|found| found == line),
                "{line}\n{network}"
            );
        }
    }
}

#[test]
fn an_interface_is_found_by_its_written_name_else_whatever_it_is_called() {
    for (written, matched) in [
        ("", "e*"),
        ("[network]\ninterface = \"eth0\"\n", "eth0"),
        (
            "[network]\ninterface = \"enx001122334455\"\n",
            "enx001122334455",
        ),
    ] {
        let network = nodes(written)[0].boot_text("network-config");
        let wanted = format!("      match:\n        name: \"{matched}\"\n");
        assert!(network.contains(&wanted), "{wanted}{network}");
    }
}

#[test]
fn netplan_receives_routes_and_the_size_of_packets() {
    let node = &nodes(DISTANT)[0];
    let config = node.boot_text("network-config");
    // cloud-init hands this key on to netplan; its own writer, which is asked here, does not know it.
    let gateway = "via: \"203.0.113.1\"\n          on-link: true\n";
    assert!(config.contains(gateway), "{config}");
    let network: String = cloud::networkd(&config).unwrap().into_values().collect();
    for line in [
        "Address=192.168.0.50/24",
        "Gateway=203.0.113.1",
        "Destination=10.0.0.0/8",
        "Gateway=192.168.0.254",
        "MTUBytes=1400",
        "Domains=lan example.org",
    ] {
        let found = network.lines().any(|found| found == line);
        assert!(found, "{line}\n{network}");
    }
}

#[test]
fn netplan_receives_further_networks() {
    let config = nodes(FURTHER)[1].boot_text("network-config");
    let (_, further) = config.split_once("search: [\"local\"]\n").unwrap();
    let (_, further) = further.split_once("\"1.1.1.1\"\n").unwrap();
    let wanted = r#"    eth1: {"accept-ra":false,"dhcp-identifier":"mac","dhcp4":true,"dhcp4-overrides":{"use-dns":true,"use-routes":true},"dhcp6":false,"match":{"name":"eth1"},"optional":true}
    eth2: {"match":{"name":"eth2"},"optional":true}
  vlans:
    eth0.20: {"accept-ra":false,"addresses":["10.1.0.12/24"],"dhcp6":false,"id":20,"link":"etcd-node","mtu":1400,"optional":true,"routes":[{"to":"10.2.0.0/16","via":"10.1.0.1"}]}
    eth2.30: {"accept-ra":false,"addresses":["fd01::12/64"],"dhcp6":false,"id":30,"link":"eth2","optional":true}
"#;
    assert_eq!(further, wanted);
}

#[test]
fn a_dhcp_server_recognizes_a_node_by_its_mac_address() {
    let config = nodes("[network]\ndhcp = true\n")[0].boot_text("network-config");
    // networkd would otherwise send an identifier that the owner of the network cannot know before the first boot.
    let asked = "      dhcp4: true\n      dhcp-identifier: mac\n      dhcp6: false\n";
    assert!(config.contains(asked), "{config}");
    let network: String = cloud::networkd(&config).unwrap().into_values().collect();
    // cloud-init's own writer, which is asked here, drops the search domain; netplan receives it.
    assert!(config.contains("        search: [\"local\"]\n"), "{config}");
    assert!(network.contains("\nDHCP=ipv4\n"), "{network}");
    assert!(!network.contains("Address="), "{network}");
}

#[test]
fn a_version_six_address_has_its_own_default_route() {
    let configuration = "[network]\nprefix = 64\ngateway = \"fd00::1\"\ndns = [\"fd00::53\"]\n\
        [[node]]\nname = \"etcd1\"\naddress = \"fd00::50\"\n[[node]]\nname = \"etcd2\"\naddress = \"fd00::51\"\n\
        [[node]]\nname = \"etcd3\"\naddress = \"fd00::52\"\n";
    let nodes = nodes(configuration);
    let made = cloud::networkd(&nodes[1].boot_text("network-config")).unwrap();
    let network: String = made.into_values().collect();
    let config = nodes[1].boot_text("network-config");
    assert!(config.contains("- to: \"::/0\"\n"), "{config}");
    assert!(config.contains("      accept-ra: false\n"), "{config}");
    for line in ["Address=fd00::51/64", "Gateway=fd00::1"] {
        assert!(
            network.lines().any(|found| found == line),
            "{line}\n{network}"
        );
    }
}

#[test]
fn nothing_in_the_root_is_done_again_by_cloud_init() {
    let node = &nodes("")[0];
    let user_data = node.boot_text("user-data");
    for line in [
        "preserve_hostname: true",
        "manage_etc_hosts: false",
        "  - name: pi",
        "ssh_deletekeys: false",
        "ssh_genkeytypes: [ed25519]",
        "  mode: \"off\"",
        "resize_rootfs: false",
    ] {
        assert!(user_data.lines().any(|found| found == line), "{line}");
    }
    for password in [" passwd:", "chpasswd", "plain_text", "password:"] {
        assert!(!user_data.contains(password), "{password}");
    }
    assert_eq!(node.text("/etc/hostname"), "etcd1\n");
    assert!(node.text("/etc/passwd").contains("\npi:x:1000:1000:"));
    assert_eq!(node.access("/home/pi"), "directory 0700 pi:pi");
    assert!(node.starts("multi-user.target", "etcd.service"));
    assert!(node.starts("multi-user.target", "ssh.service"));
    assert!(node.starts("multi-user.target", "etcd-node-grow.service"));
    assert_eq!(node.access("/etc/cloud/cloud-init.disabled"), "nothing");
    assert_eq!(node.access("/etc/NetworkManager"), "nothing");
    let arguments = node.kernel_arguments();
    assert!(arguments.contains(&"root=LABEL=writable".to_owned()));
    assert!(node.text("/etc/fstab").starts_with("LABEL=writable\t/\t"));
}

#[test]
fn no_private_key_is_on_the_boot_partition() {
    let node = &nodes("")[0];
    let seed: String = seed(node).into_iter().map(|(_, text)| text).collect();
    assert!(!seed.contains("PRIVATE KEY"));
    assert_eq!(node.access("/etc/etcd/pki/peer.key"), "file 0600 etcd:etcd");
}

#[test]
fn what_would_ignore_the_seed_is_refused() {
    let refuses = |mistake: &str, things: &[&str]| {
        refused(&Scene::with(&format!("{FAMILY}+{mistake}")), &[], 4, things);
    };
    refuses(
        "no-cloud-init",
        &["the base has no /usr/bin/cloud-init: it reads the seed"],
    );
    // Its settings for the firmware would also be looked for there.
    let scene = Scene::with(&format!("{FAMILY}+other-label"));
    let told = refused(&scene, &[], 4, &["2 reasons to refuse this build"]).stderr;
    assert!(
        told.contains("is called `bootfs`, not `system-boot`"),
        "{told}"
    );
    refuses(
        "booted",
        &["has been booted already", "/etc/machine-id is set"],
    );
    refuses(
        "jammy",
        &[
            "the image is Ubuntu 22.04 (jammy) (`ubuntu`, version `22.04`), which no recipe describes",
        ],
    );
}

const WIRELESS: &str = "[network]\ninterface = \"wlan0\"\n[network.wifi]\nssid = \"ho\\\"me\"\n\
    password = \"correct horse\"\ncountry = \"DE\"\nhidden = true\n";

#[test]
fn netplan_receives_a_wireless_network() {
    let config = rendered_on(FAMILY, WIRELESS, "/network-config");
    let wanted = r#"network:
  version: 2
  renderer: networkd
  wifis:
    wlan0:
      regulatory-domain: "DE"
      access-points: {"ho\"me":{"hidden":true,"password":"correct horse"}}
      dhcp4: false
      dhcp6: false
      addresses:
        - "192.168.0.50/24"
"#;
    assert!(config.starts_with(wanted), "{config}");
    let wpa3 = rendered_on(
        FAMILY,
        &format!("{WIRELESS}wpa3 = true\n"),
        "/network-config",
    );
    let login = r#"{"auth":{"key-management":"sae","password":"correct horse"},"hidden":true}"#;
    assert!(wpa3.contains(login), "{wpa3}");
}

#[test]
fn wireless_needs_its_program_and_a_single_network() {
    let scene = Scene::with(FAMILY);
    scene.file("cluster.toml", WIRELESS);
    refused(&scene, &[], 4, &["/usr/sbin/wpa_supplicant"]);
    let other = "[[network.wifi.other]]\nssid = \"garage\"\npassword = \"none\"\n";
    scene.file("cluster.toml", &format!("{WIRELESS}{other}"));
    refused(
        &scene,
        &[],
        4,
        &[
            "the base ubuntu-server-24.04 does not support `[[network.wifi.other]]`: netplan cannot say which of several networks is preferred",
        ],
    );
}

#[test]
fn the_root_is_a_classic_one_and_settings_for_another_are_refused() {
    let node = &nodes("[appliance]\nread-only = false\n")[0];
    let unit = node.text("/etc/systemd/system/etcd.service");
    assert!(!unit.contains("etcd-node-data.service"), "{unit}");
    let scene = Scene::with(FAMILY);
    scene.file("cluster.toml", "[appliance]\nwipe-data = true\n");
    refused(
        &scene,
        &[],
        4,
        &[
            "ubuntu-server-24.04",
            "does not support `[appliance]`: its root file system is writable",
        ],
    );
}

/// 26.04 keeps its kernel twice: what the next boot uses is in `current/`.
#[test]
fn a_base_with_two_places_for_the_kernel_gets_its_arguments_where_they_are_read() {
    let scene = Scene::with("ubuntu-server-26.04");
    scene.file(
        "cluster.toml",
        "[firmware]\ncmdline = [\"quiet\"]\nconfig = [\"dtparam=i2c_arm=on\"]\n",
    );
    scene.build(&["--nodes", "1"]);
    let node = Node::open(&scene.image_path("etcd1"));
    let arguments = node.boot_text("current/cmdline.txt");
    let wanted = " root=LABEL=writable rootfstype=ext4 panic=10 rootwait fixrtc quiet";
    assert!(arguments.trim_end().ends_with(wanted), "{arguments}");
    assert_eq!(node.boot_text("current/state"), "good\n");
    let config = node.boot_text("config.txt");
    for line in ["[tryboot]\nos_prefix=new/\n", "\nos_prefix=current/\n"] {
        assert!(config.contains(line), "{config}");
    }
    assert!(
        config.ends_with("\n[all]\ndtparam=i2c_arm=on\n"),
        "{config}"
    );

    // The seed is where it was, and networkd does not wait for netplan to start it.
    let seed = seed(&node);
    cloud::schema(&seed[1].1).unwrap();
    let files = seed.each_ref().map(|(name, text)| (*name, text.as_str()));
    assert!(cloud::reads(&files).unwrap().ends_with(" etcd1 networkd"));
    assert!(node.starts("multi-user.target", "systemd-networkd.service"));
    let image = scene.image_path("etcd1");
    scene.bare(&["verify", image.to_str().unwrap()]).done();
}

#[test]
fn owners_of_certain_boards_are_told_which_eeprom_takes_updates() {
    let scene = Scene::with("ubuntu-server-26.04");
    for (board, date) in [("cm4", "2022-11-25"), ("pi5", "2025-02-11")] {
        let node = format!(
            "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\nboard = \"{board}\"\n"
        );
        scene.file("cluster.toml", &node);
        let told = scene.run("plan", &[]).done().stderr;
        let wanted = format!("only with an EEPROM of {date} or newer");
        assert!(told.contains(&wanted), "{told}");
    }
}

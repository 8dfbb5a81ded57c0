//! Boots what only `cargo xtask test --full` covers: harsher power cuts, IPv6, Raspberry Pi OS, Ubuntu Server and Ubuntu Core.

use std::fs;
use std::path::Path;

use crate::support::cluster::{Images, inside, turn};
use crate::support::core_like;
use crate::support::kept::Kept;
use crate::support::pi_like;
use crate::support::three::Three;
use crate::support::tool::tool;
use crate::support::ubuntu_like;

/// The report about a node on which every check passed.
const GOOD: &str = "good: host key, keys only, user key, host name, address, time, failed units, swap, etcd's exposure\n";

/// Boots these images to a healthy cluster and returns the output.
#[track_caller]
fn boots(images: &Images) -> String {
    let (key, folder) = (images.key(), images.images());
    let words = [
        "boot",
        "--ssh-identity",
        key.to_str().unwrap(),
        folder.to_str().unwrap(),
    ];
    let said = tool(env!("CARGO_BIN_EXE_etcd-image"), &words).done();
    said.words()
}

/// Boots images of core-like, checks the results of the first boot on each of these nodes and returns the output.
///
/// snapd refreshes the first node on Mondays, the next ones on the following days.
#[track_caller]
fn boots_provisioned(images: &Images, nodes: &[&str]) -> String {
    let kept = Kept::boot(images);
    for (node, day) in nodes.iter().zip(["mon", "tue", "wed"]) {
        let seen = kept.on(node, PROVISIONED);
        let timer = format!("{day},00:00-01:00");
        let wanted = [
            "./etcd-node/pki/ca.crt",
            "./etcd-node/pki/peer.crt",
            "./etcd-node/pki/server.crt",
            &timer,
            "/var/lib/console-conf/complete",
        ];
        assert_eq!(seen, wanted, "{node}");
    }
    kept.ends()
}

/// Waits for the first boot to end, then prints the certificates and private keys anywhere on the seed's FAT, the day of snapd's
/// refreshes, and the file that disables the setup wizard.
const PROVISIONED: &str = "timeout 600 systemctl is-system-running --wait >/dev/null 2>&1; \
    cd /run/mnt/ubuntu-seed && \
    sudo find . -type f -size -64k -exec grep -l -e 'PRIVATE KEY' -e 'BEGIN CERTIFICATE' '{}' + | sort; \
    sudo snap get system refresh.timer; \
    sudo ls /var/lib/console-conf/complete";

/// Returns a file path for the images of that name.
fn file(name: &str, ending: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.{ending}"));
    path.to_str().unwrap().to_owned()
}

#[test]
#[ignore = "boots a machine: about two minutes"]
fn a_node_with_an_ipv6_address_boots() {
    let _turn = turn();
    let config = file("six", "toml");
    let text = "[network]\nprefix = 64\ngateway = \"fd00::1\"\ndns = []\n\n\
                [[node]]\nname = \"six\"\naddress = \"fd00::50\"\n";
    fs::write(&config, text).unwrap();
    let said = boots(&Images::of(
        "six",
        &["--config", &config, "--base", "debian-trixie"],
    ));
    assert!(said.contains("https://[fd00::50]:2379"), "{said}");
}

#[test]
#[ignore = "boots a machine: about two minutes"]
fn raspberry_pi_os_boots_with_a_borrowed_kernel() {
    let _turn = turn();
    let base = file("pi", "img");
    pi_like::make(Path::new(&base));
    let said = boots(&Images::of("pi", &["--nodes", "1", "--base", &base]));
    assert!(said.contains("booting with Debian's, from "), "{said}");
    assert!(said.contains("leader"), "{said}");
}

#[test]
#[ignore = "boots three machines: about five minutes"]
fn what_looks_like_ubuntu_server_gets_its_address_from_cloud_init() {
    let _turn = turn();
    let base = file("ubuntu", "img");
    ubuntu_like::make(Path::new(&base));
    let said = boots(&Images::of("ubuntu", &["--nodes", "3", "--base", &base]));
    for node in ["etcd1", "etcd2", "etcd3"] {
        assert!(said.contains(&format!("{node}        good: ")), "{said}");
    }
    assert!(said.contains("leader"), "{said}");
}

#[test]
#[ignore = "boots a machine: about two minutes"]
fn what_looks_like_ubuntu_26_boots_the_kernel_in_current() {
    let _turn = turn();
    let base = file("ubuntu26", "img");
    ubuntu_like::make_26(Path::new(&base));
    let said = boots(&Images::of("ubuntu26", &["--nodes", "1", "--base", &base]));
    assert!(said.contains("etcd1        good: "), "{said}");
    assert!(said.contains("leader"), "{said}");
}

#[test]
#[ignore = "boots three machines twice: about ten minutes"]
fn core_like_nodes_install_themselves_and_form_a_cluster() {
    let _turn = turn();
    let base = file("core", "img");
    core_like::make("dangerous", Path::new(&base));
    let nodes = ["etcd1", "etcd2", "etcd3"];
    let images = Images::of("core", &["--nodes", "3", "--base", &base]);
    let said = boots_provisioned(&images, &nodes);
    for node in nodes {
        assert!(said.contains(&format!("{node}        {GOOD}")), "{said}");
    }
    assert!(said.contains("leader"), "{said}");
}

#[test]
#[ignore = "boots a machine twice: about four minutes"]
fn a_core_like_node_of_a_signed_model_is_started_by_its_command_line() {
    let _turn = turn();
    let base = file("signed", "img");
    core_like::make("signed", Path::new(&base));
    let options = ["--nodes", "1", "--core-signed-cmdline", "--base", &base];
    let said = boots_provisioned(&Images::of("signed", &options), &["etcd1"]);
    assert!(said.contains(&format!("etcd1        {GOOD}")), "{said}");
}

#[test]
#[ignore = "boots three machines twenty-one times: about an hour"]
fn twenty_power_cuts_lose_no_acknowledged_write() {
    inside(|| {
        Three::healthy("twenty").keeps_its_promises_through_power_cuts(20);
    });
}

#[test]
#[ignore = "boots three machines three times: about ten minutes"]
fn a_power_cut_that_loses_what_was_not_flushed_loses_no_acknowledged_write() {
    inside(|| Three::off("forgetful").keeps_its_promises_on_forgetful_disks(2));
}

//! Checks that a recipe, an overlay directory and a fixture are enough to add a base that the program does not know.

use crate::support::node::Node;
use crate::support::refusal::refused;
use crate::support::scene::Scene;

/// The options that add the base.
const FILES: [&str; 4] = [
    "--recipes",
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/future-os/recipes"
    ),
    "--overlays",
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/future-os/overlays"
    ),
];

#[test]
fn a_new_base_is_files_only() {
    let scene = Scene::with("future-os");
    let built = scene.build(&[&["--nodes", "3"][..], &FILES].concat());
    assert!(
        built
            .stdout
            .contains("on future-os-7 (Future OS 7 (tomorrow))"),
        "{}",
        built.stdout
    );
    for expected in [
        "nodes of future-os-7 keep etcd's data beside the system: flashing a card again deletes its data\n",
        "warning: future-os-7 starts on a Pi 5 only from 2031 on\n",
    ] {
        assert!(built.stderr.contains(expected), "{}", built.stderr);
    }
    scene.bare(&["verify", "images"]).done();
    let inspected = scene.bare(&["inspect", "images/etcd2.img"]).done().stdout;
    for expected in ["Future OS 7 (tomorrow)", "etcd2"] {
        assert!(inspected.contains(expected), "{inspected}");
    }
}

#[test]
fn its_overlay_and_those_of_the_program_apply() {
    let scene = Scene::with("future-os");
    scene.build(&[&["--nodes", "1"][..], &FILES].concat());
    let node = Node::open(&scene.image_path("etcd1"));
    assert_eq!(
        node.text("/etc/systemd/network/10-etcd.network"),
        "[Match]\nName=eth0\n\n[Network]\nAddress=192.168.0.50/24\nGateway=192.168.0.1\n"
    );
    assert!(node.starts("multi-user.target", "etcd.service"));
    assert!(!node.starts("multi-user.target", "future-setup.service"));
    let id = node.disk.id.trim_start_matches("0x").to_owned();
    assert_eq!(
        node.kernel_arguments().join(" "),
        format!("console=tty1 root=PARTUUID={id}-02 rootwait")
    );
}

#[test]
fn without_its_recipe_it_is_refused_by_its_name() {
    let unknown =
        "the image is Future OS 7 (tomorrow) (`future`, version `7`), which no recipe describes";
    refused(&Scene::with("future-os"), &[], 4, &[unknown]);
}

#[test]
fn what_its_recipe_says_it_cannot_do_is_refused() {
    let scene = Scene::with("future-os");
    scene.file(
        "cluster.toml",
        "[network]\ninterface = \"wlan0\"\nwifi = { ssid = \"home\", password = \"correct horse\", country = \"DE\" }\n",
    );
    let reason = "the base future-os-7 does not support `wifi` of [network]: no driver for Pi radios has been written yet";
    refused(&scene, &FILES, 4, &[reason]);
}

//! Checks that a base from which no working node can be built is refused with its reason, and that an unusual one is not.

use std::fs;

use crate::support::node::Node;
use crate::support::refusal::leaves_nothing;
use crate::support::scene::Scene;

const FRESH: &str = "start from an unmodified image";

/// Asserts that a build from this fixture fails with exactly this reason and hint, and leaves nothing.
#[track_caller]
fn refused(base: &str, reason: &str, hint: &str) {
    let scene = Scene::with(base);
    let outcome = scene.run("build", &["--nodes", "1"]);
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let (_, error) = outcome.stderr.split_once("error: ").unwrap();
    let (context, _) = error.split_once(reason).unwrap_or((error, ""));
    let expected = format!("{context}{reason}\nhint: {hint}\n");
    assert_eq!(error, expected);
    leaves_nothing(&scene);
}

/// Builds a node from this fixture, and asserts that `verify` finds nothing wrong.
#[track_caller]
fn accepted(base: &str, config: &str) -> Scene {
    let scene = Scene::with(base);
    scene.file("cluster.toml", config);
    scene.build(&["--nodes", "1"]);
    scene.bare(&["verify", "images"]).done();
    scene
}

#[test]
fn a_command_line_without_a_root() {
    let reason = "cmdline.txt has no `root=`: the kernel would not find its root file system";
    let hint = "start from a stock image, or correct the file in the base";
    refused("raspios-trixie+no-root-argument", reason, hint);
    refused("raspios-bookworm+empty-cmdline", reason, hint);
}

#[test]
fn references_to_other_partitions_are_told_together() {
    refused(
        "raspios-trixie+lost-root",
        "cmdline.txt says `root=PARTUUID=0badcafe-02`, which is not partition 2 of the image, its root; \
         /etc/fstab mounts `PARTUUID=0badcafe-01` at /boot/firmware, which is not partition 1 of the image; \
         /etc/fstab mounts `PARTUUID=0badcafe-02` at /, which is not partition 2 of the image",
        "start from a stock image, or correct the file in the base",
    );
}

#[test]
fn an_id_that_udev_spells_differently() {
    refused(
        "raspios-trixie+upper-uuid",
        "/etc/fstab mounts `UUID=15F4C6BE-1102-4331-9904-F78E78AFD1FD` at /, which is not partition 2 of the image",
        "start from a stock image, or correct the file in the base",
    );
}

#[test]
fn other_spellings_of_the_same_partition_work() {
    for base in [
        "raspios-trixie+quoted",
        "raspios-trixie+by-partuuid+upper-id",
        "raspios-trixie+single-quotes",
        "raspios-bookworm+quoted+upper-id",
    ] {
        accepted(base, "");
    }
}

#[test]
fn a_root_on_partition_3() {
    refused(
        "raspios-trixie+root-on-3",
        "the base has a partition 3, whose entry a node needs for its data",
        "use a stock image, put the data on a disk of its own with `[appliance] data`, or set `read-only = false`",
    );
    accepted(
        "raspios-trixie+root-on-3",
        "[appliance]\nread-only = false\n",
    );
}

#[test]
fn a_base_that_imager_has_customized() {
    let hint = format!("{FRESH}; cluster.toml sets the user, the keys and Wi-Fi");
    refused(
        "raspios-bookworm+imager-script",
        "Raspberry Pi Imager has customized the base: cmdline.txt says `systemd.run=/boot/firstrun.sh`",
        &hint,
    );
    refused(
        "raspios-trixie+imager-seed",
        "Raspberry Pi Imager has customized the base: meta-data says `instance-id: rpi-imager-1791282030123`",
        &hint,
    );
}

#[test]
fn a_base_without_the_units_that_a_node_needs() {
    let hint = "use a stock image of a base that `etcd-image recipes` lists";
    refused(
        "raspios-trixie+no-network-manager",
        "the base has no /usr/lib/systemd/system/NetworkManager.service: gives the node its address",
        hint,
    );
    refused(
        "raspios-trixie+no-sshd",
        "the base has no /usr/lib/systemd/system/ssh.service: lets the owner log in",
        hint,
    );
}

#[test]
fn a_base_with_an_identity_or_etcd_data_is_refused() {
    refused(
        "raspios-trixie+dbus-id",
        "the base has been booted already: /var/lib/dbus/machine-id is set",
        &format!("{FRESH}; a booted one has an identity that nodes must not share"),
    );
    refused(
        "raspios-trixie+etcd-data",
        "the base contains etcd data: /var/lib/etcd/default/member exists",
        &format!("{FRESH}; a node would use this data as its own"),
    );
    refused(
        "raspios-trixie+a-node",
        "the base is a node that etcd-image built: /usr/local/lib/etcd-node/node.json exists",
        &format!("{FRESH}, or name a recipe with `--base`"),
    );
}

#[test]
fn a_random_seed_of_the_base_is_removed() {
    let scene = accepted("raspios-trixie+random-seed", "");
    let node = Node::open(&scene.image_path("etcd1"));
    assert_eq!(node.access("/var/lib/systemd/random-seed"), "nothing");
}

#[test]
fn what_only_the_finished_image_shows_is_told_at_once() {
    refused(
        "raspios-trixie+locked-out",
        "the finished image would not work, for 3 reasons\n  \
         /etc/systemd/system/NetworkManager.service masks NetworkManager.service\n  \
         sshd accepts no public keys (PubkeyAuthentication no)\n  \
         sshd refuses user `pi` (AllowUsers)",
        "correct the setting, `[[file]]`, `[[unit]]` or base that it names, then build again; nothing was written",
    );
}

#[test]
fn allocation_maps_that_contradict_the_files() {
    let hint = "download the image again and compare its digest: this copy is damaged";
    refused(
        "raspios-trixie+bad-bitmap",
        "checking partition 2: block group 0 states 27770 free blocks, its bitmap shows 27771",
        hint,
    );
    refused(
        "raspios-trixie+bad-chain",
        "checking partition 1: the two FATs differ at byte 16424 of the volume",
        hint,
    );
}

#[cfg(unix)]
#[test]
fn an_image_in_the_place_of_the_base() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    fs::rename(&base, scene.at("etcd1.img")).unwrap();
    std::os::unix::fs::symlink("etcd1.img", &base).unwrap();
    let before = scene.snapshot(".");
    let direct = ["build", "--nodes", "1", "--base", "etcd1.img", "--out", "."];
    for (outcome, base) in [
        (
            scene.run("build", &["--nodes", "1", "--out", "."]),
            "SCENE/base.img",
        ),
        (
            scene.run("build", &["--nodes", "1", "--out", "home/.."]),
            "SCENE/base.img",
        ),
        (scene.bare(&direct), "etcd1.img"),
    ] {
        let expected = format!(
            "error: the image of node etcd1 would replace the base: {base}\n\
             hint: name another directory with `--out`, or rename the base\n"
        );
        assert_eq!((outcome.code, outcome.stderr), (Some(2), expected));
    }
    assert_eq!(scene.snapshot("."), before);
    scene.build(&["--nodes", "1"]);
}

//! Checks that a build refuses every image that would silently ignore its files, with the reason and an alternative.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::refusal::{leaves_nothing, refused};
use crate::support::scene::Scene;

/// Defines one test per row: the fixture, the error after the place, and the beginning of the hint.
macro_rules! refusals {
    ($($test:ident: $fixture:literal, $error:literal, $hint:literal;)*) => {
        $(
            #[test]
            fn $test() {
                refuses($fixture, $error, $hint);
            }
        )*
    };
}

refusals! {
    core_16: "ubuntu-core-18+core16",
        "canonical/ubuntu-core-18-pi-arm64 is Ubuntu Core 16, of which no arm64 image for Raspberry Pi exists",
        "use Ubuntu Server instead: `--base ubuntu-server-24.04`";
    another_architecture: "ubuntu-core-24+armhf",
        "canonical/ubuntu-core-24-pi-arm64 is for armhf, not for arm64",
        "use Ubuntu Server instead";
    an_old_one_of_another_architecture: "ubuntu-core-18+armhf",
        "canonical/ubuntu-core-18-pi-arm64 is for armhf, not for arm64",
        "use Ubuntu Server instead";
    a_base_without_cloud_init: "ubuntu-core-24+no-cloud-init",
        "the base snap core26_490 has no cloud-init: a seed would be ignored",
        "use the dangerous model of Ubuntu Core 24, or Ubuntu Server";
    a_signed_model: "ubuntu-core-24+signed",
        "the image is Ubuntu Core 24 (canonical/ubuntu-core-24-pi-arm64, grade signed): snapd drops settings for cloud-init that are not signed with it",
        "use the dangerous model with the same snaps: https://cdimage.ubuntu.com/ubuntu-core/24/dangerous-stable/current/";
    a_model_without_a_grade_is_a_signed_one: "ubuntu-core-24+gradeless",
        "the image is Ubuntu Core 24 (canonical/ubuntu-core-24-pi-arm64, grade signed): snapd drops settings for cloud-init that are not signed with it",
        "use the dangerous model with the same snaps";
    a_secured_model: "ubuntu-core-24+secured",
        "canonical/ubuntu-core-24-pi-arm64 has grade secured: snapd takes no settings from the card",
        "use Ubuntu Server instead";
    a_model_that_wants_encryption: "ubuntu-core-24+encrypted",
        "canonical/ubuntu-core-24-pi-arm64 insists on encrypted data (storage-safety)",
        "use Ubuntu Server instead";
    an_encrypted_partition: "ubuntu-core-24+luks",
        "partition 2 of the image is encrypted (LUKS)",
        "use Ubuntu Server instead";
    a_booted_image: "ubuntu-core-24+booted",
        "Ubuntu Core was installed by a first boot already: it has partition 2",
        "start from an image as it was downloaded: a booted one";
    a_booted_old_image: "ubuntu-core-18+booted",
        "Ubuntu Core was booted already: /system-data/var/lib/snapd/state.json exists",
        "start from an image as it was downloaded: a booted one";
    a_bootloader_past_the_installation: "ubuntu-core-24+run-mode",
        "/piboot/ubuntu/piboot.conf says mode `run`, not `install`: Ubuntu Core was booted already",
        "start from an image as it was downloaded: a booted one";
    the_other_bootloader_past_the_installation: "ubuntu-core-20+run-mode",
        "/uboot/ubuntu/boot.sel says mode `run`, not `install`: Ubuntu Core was booted already",
        "start from an image as it was downloaded: a booted one";
    a_gadget_that_switches_cloud_init_off: "ubuntu-core-24+cloud-off",
        "the gadget snap pi_132 disables cloud-init (cloud.conf)",
        "use Ubuntu Server instead";
    two_systems: "ubuntu-core-24+two-systems",
        "the image has 2 recovery systems in systems/, not one",
        "start from an image as it was downloaded";
    no_system: "ubuntu-core-24+no-system",
        "the image has no recovery system in systems/",
        "start from an image as it was downloaded";
    another_system_than_is_started: "ubuntu-core-24+other-system",
        "/piboot/ubuntu/piboot.conf starts the system `20230101`, but systems/ holds `20240603`",
        "start from an image as it was downloaded";
    another_system_than_the_other_bootloader_starts: "ubuntu-core-20+other-system",
        "/uboot/ubuntu/boot.sel starts the system `20230101`, but systems/ holds `20240603`",
        "start from an image as it was downloaded";
    nothing_that_tells_what_is_started: "ubuntu-core-24+no-environment",
        "neither /piboot/ubuntu/piboot.conf nor /uboot/ubuntu/boot.sel names the system to start",
        "take the image for Raspberry Pi (arm64+raspi)";
    a_gpt: "ubuntu-core-24+gpt",
        "the image has a GPT partition table",
        "take the image for Raspberry Pi (arm64+raspi)";
    no_model: "ubuntu-core-24+no-model",
        "/systems/20240603/model is not a readable model assertion",
        "start from an image as it was downloaded";
    no_base: "ubuntu-core-24+no-base",
        "0 snaps called core24 are in /snaps, not one",
        "start from an image as it was downloaded";
    two_bases: "ubuntu-core-24+two-bases",
        "2 snaps called core24 are in /snaps, not one",
        "start from an image as it was downloaded";
    a_base_that_is_torn: "ubuntu-core-24+torn-base",
        "/snaps/core24_490.snap is not a readable squashfs: ",
        "start from an image as it was downloaded";
    somebody_else_s_seed: "ubuntu-core-24+seed-taken",
        "cmdline.txt has `ds=nocloud` already, which comes before any seed",
        "start from an image as it was downloaded";
    somebody_else_s_network: "ubuntu-core-24+network-taken",
        "cmdline.txt has `network-config=disabled` already, which comes before any seed",
        "start from an image as it was downloaded";
    a_fat_with_an_endless_chain: "ubuntu-core-24+endless-chain",
        "looking for Ubuntu Core in partition 1: ",
        "download the image again and compare its digest";
    no_room: "ubuntu-core-24+no-room",
        "no room in the boot partition (1): ",
        "use a stock image: nothing that a node of Ubuntu Core needs can be left out";
    a_base_without_openssl: "ubuntu-core-24+no-openssl",
        "the base has no /usr/bin/openssl: members query each other before they form a cluster",
        "use a stock image";
    an_old_base_without_openssl: "ubuntu-core-18+no-openssl",
        "the base has no /usr/bin/openssl: members query each other before they form a cluster",
        "use a stock image";
    a_node_s_image: "ubuntu-core-24+a-node",
        "the image is a node already: it has /etcd-node",
        "start from an image as it was downloaded";
}

#[test]
fn every_reason_is_reported_at_once() {
    let scene =
        Scene::with("ubuntu-core-24+armhf+encrypted+run-mode+seed-taken+cloud-off+no-openssl");
    let outcome = scene.run("build", &["--nodes", "1"]);
    let (_, error) = outcome.stderr.split_once("error: ").unwrap();
    let base = error.lines().nth(1).unwrap().split_once(": ").unwrap().0;
    let model = "canonical/ubuntu-core-24-pi-arm64";
    let expected = format!(
        "6 reasons to refuse this build\n\
         {base}: {model} is for armhf, not for arm64\n\
         {base}: {model} insists on encrypted data (storage-safety)\n    \
         hint: use Ubuntu Server instead: `--base ubuntu-server-24.04`\n\
         {base}: /piboot/ubuntu/piboot.conf says mode `run`, not `install`: Ubuntu Core was booted already\n    \
         hint: start from an image as it was downloaded: a booted one has an identity that nodes must not share\n\
         {base}: cmdline.txt has `ds=nocloud` already, which comes before any seed\n    \
         hint: start from an image as it was downloaded\n\
         {base}: the gadget snap pi_132 disables cloud-init (cloud.conf)\n    \
         hint: use Ubuntu Server instead: `--base ubuntu-server-24.04`\n  \
         planning /usr/bin/openssl of node etcd1: the base has no /usr/bin/openssl: members query each other before they form a cluster\n    \
         hint: use a stock image of a base that `etcd-image recipes` lists\n\
         hint: take the steps below the reasons, then run the command again\n"
    );
    assert_eq!((outcome.code, error), (Some(4), &*expected));
    leaves_nothing(&scene);
}

/// Asks for every setting that Ubuntu Core does not support, except `[packages]`, which only bases that are made have.
const UNSUPPORTED: &str = r#"
[network.wifi]
ssid = "home"
password = "none"
country = "DE"
[[file]]
path = "/etc/motd"
content = "hello"
[ssh]
password-hash = "$6$saltsaltsaltsalt$00of8Y8ZpAGaxosd4pu0Ff19hH8rucpwfCxof/ELn604.90zo6K8TACeDQP6Ttrc5F/ngjq/a4JzEcD.BmaGf1"
groups = ["video"]
trusted-user-ca = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user-ca"]
[system]
timezone = "Europe/Berlin"
[firmware]
config = ["dtparam=pciex1"]
[appliance]
avahi = true
[[certificate]]
role = "client"
path = "/etc/app.crt"
key = "/etc/app.key"
[pki]
trust-ca = true
layout = "flat"
[etcd]
data-dir = "/var/lib/etcd-data"
config = "env"
"#;

#[test]
fn every_setting_without_effect_is_reported_at_once() {
    let scene = Scene::with("ubuntu-core-24+cloud-off");
    scene.file("cluster.toml", UNSUPPORTED);
    let outcome = scene.run("build", &["--nodes", "1"]);
    let (_, error) = outcome.stderr.split_once("error: ").unwrap();
    let named = |line: &str| {
        let (_, setting) = line.split_once("the base ubuntu-core-24 does not support ")?;
        Some(setting.split_once(": ")?.0.to_owned())
    };
    let settings: Vec<_> = error.lines().filter_map(named).collect();
    let asked = [
        "`wifi` of [network]",
        "`[[file]]`, `[[unit]]` or `[[archive]]`",
        "`password-hash` of [ssh]",
        "`groups` of [ssh]",
        "`trusted-user-ca` of [ssh]",
        "`[system]`",
        "`[firmware]`",
        "`[appliance]`",
        "`[[certificate]]`",
        "`trust-ca` of [pki]",
        "`layout` of [pki]",
        "`data-dir` of [etcd]",
        "`config` of [etcd]",
    ];
    assert_eq!(settings, asked, "{error}");
    // The cloud-init that the gadget disables is a reason as well.
    let count = "14 reasons to refuse this build\n";
    assert!(error.starts_with(count), "{error}");
    assert_eq!(outcome.code, Some(4));
    leaves_nothing(&scene);
}

#[test]
fn the_readme_lists_every_setting_that_core_does_not_support() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, table) = readme
        .split_once("| setting | why Ubuntu Core does not support it |\n|---|---|\n")
        .unwrap();
    let rows: Vec<_> = table.lines().take_while(|line| !line.is_empty()).collect();
    let row = |(setting, reason): (&String, &toml::Value)| {
        let end = format!(" | {} |", reason.as_str().unwrap());
        let is_it = |row: &&&str| row.contains(setting.as_str()) && row.ends_with(&end);
        *rows
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{setting}{end}"))
    };
    for series in [18, 20, 22, 24] {
        let recipe = root.join(format!("recipes/ubuntu-core-{series}.toml"));
        let recipe: toml::Table = fs::read_to_string(recipe).unwrap().parse().unwrap();
        let unsupported = recipe["unsupported"].as_table().unwrap();
        let listed: BTreeSet<_> = unsupported.iter().map(row).collect();
        assert_eq!(listed.len(), rows.len(), "{series}");
    }
}

#[track_caller]
fn refuses(fixture: &str, error: &str, hint: &str) {
    let outcome = refused(&Scene::with(fixture), &[], 4, &[error]);
    let (_, given) = outcome.stderr.split_once("hint: ").unwrap();
    assert!(given.starts_with(hint), "{given}");
}

#[test]
fn what_is_written_on_the_card_decides_and_not_its_name() {
    let mut scene = Scene::with("ubuntu-core-24+signed");
    scene.own_base();
    refused(&scene, &[], 4, &["grade signed"]);
}

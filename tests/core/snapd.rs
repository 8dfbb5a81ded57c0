//! Checks which settings and command line snapd's own code keeps when it installs from our images, by model grade.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::support::checker::snapd::Seed;
use crate::support::fixture::image;
use crate::support::scene::Scene;

/// The path of our settings on the images of a dangerous model.
const SETTINGS: &str = "data/etc/cloud/cloud.cfg.d/99_etcd-node.cfg";

/// The settings that a build for a dangerous model writes.
static OURS: LazyLock<String> = LazyLock::new(|| built("ubuntu-core-24", &[]).text(SETTINGS));

/// Returns the seed partition of a built node.
fn built(family: &str, options: &[&str]) -> Seed {
    let scene = Scene::built(family, "", &[&["--nodes", "3"], options].concat());
    Seed::of(&scene.image_path("etcd1"))
}

/// Returns what snapd installs if our settings are placed on an image that a build refuses.
fn forced(fixture: &str) -> BTreeMap<String, String> {
    let seed = Seed::of(&image(fixture));
    seed.put(SETTINGS, OURS.as_bytes());
    seed.configured().unwrap()
}

fn files(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, text): &(&str, &str)| (format!("etc/cloud/{name}"), (*text).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn a_dangerous_model_hands_every_byte_to_cloud_init() {
    for family in ["ubuntu-core-24", "ubuntu-core-22", "ubuntu-core-20"] {
        let seed = built(family, &[]);
        let ours = seed.text(SETTINGS);
        let handed = files(&[("cloud.cfg.d/90_99_etcd-node.cfg", &ours)]);
        assert_eq!(seed.configured().unwrap(), handed, "{family}");
    }
}

#[test]
fn settings_of_a_gadget_come_before_ours() {
    let seed = built("ubuntu-core-24+cloud-on", &[]);
    let theirs = "datasource_list: [ NoCloud ]\n";
    let both = files(&[
        ("cloud.cfg.d/80_device_gadget.cfg", theirs),
        ("cloud.cfg.d/90_99_etcd-node.cfg", &seed.text(SETTINGS)),
    ]);
    assert_eq!(seed.configured().unwrap(), both);
}

#[test]
fn a_signed_model_takes_nothing_of_it() {
    assert_eq!(forced("ubuntu-core-24+signed"), files(&[]));
    assert_eq!(forced("ubuntu-core-24+gradeless"), files(&[]));
}

#[test]
fn a_secured_model_switches_cloud_init_off() {
    let off = forced("ubuntu-core-24+secured");
    let names: Vec<&String> = off.keys().collect();
    assert_eq!(names, ["etc/cloud/cloud-init.disabled"]);
}

#[test]
fn the_installed_system_starts_with_the_image_s_own_command_line() {
    for family in ["ubuntu-core-24", "ubuntu-core-22"] {
        let seed = built(family, &[]);
        let line = seed.text("cmdline.txt").trim_end().to_owned();
        let expected = format!("{line} snapd_recovery_mode=run\n");
        assert_eq!(seed.switched().unwrap(), expected);
    }
}

#[test]
fn a_signed_model_keeps_our_arguments_and_leaves_cloud_init_on() {
    for family in ["ubuntu-core-24+signed", "ubuntu-core-22+signed"] {
        let seed = built(family, &["--core-signed-cmdline"]);
        assert_eq!(seed.configured().unwrap(), files(&[]));
        let line = seed.text("cmdline.txt").trim_end().to_owned();
        let ours = " ds=nocloud;s=file:///run/mnt/ubuntu-seed/etcd-node/ network-config=";
        assert!(line.contains(ours), "{line}");
        let expected = format!("{line} snapd_recovery_mode=run\n");
        assert_eq!(seed.switched().unwrap(), expected, "{family}");
    }
}

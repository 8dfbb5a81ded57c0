//! Checks that shards built by several workers join to what one machine would have written.

#[cfg(target_os = "linux")]
use std::fs::Permissions;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
#[cfg(target_os = "linux")]
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::{TEMPLATE, scene};
use crate::support::checksum;
use crate::support::fixture::digest;
use crate::support::scene::{SSH_KEY, Scene};
use crate::support::tool::tool;

/// Creates a scene with the keys of a fleet, twice.
pub(super) fn with_keys() -> Scene {
    scene().prepared("keys of a fleet", make_keys)
}

pub(super) fn make_keys(scene: &Scene) {
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml"])
        .done();
    let (from, to) = (scene.at("etcd-cluster"), scene.at("copy"));
    tool("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()]).done();
}

/// Creates a scene with the keys of a fleet and its two shards.
pub(super) fn two_shards() -> Scene {
    scene().prepared("two shards", |scene| {
        make_keys(scene);
        shard(scene, "1/2", "one", "etcd-cluster");
        shard(scene, "2/2", "two", "copy");
    })
}

pub(super) fn shard(scene: &Scene, shard: &str, out: &str, state: &str) {
    let fleet = ["--fleet", "fleet.toml", "--shard", shard];
    scene.build(&[fleet, ["--out", out, "--state", state]].concat());
}

/// Returns every file of a directory with its digest, by its path in the directory.
pub(super) fn content(scene: &Scene, folder: &str) -> Vec<(String, String)> {
    let files = scene.snapshot(folder).into_iter();
    let inside = |(name, digest): (String, String)| (name[folder.len()..].to_owned(), digest);
    files.map(inside).collect()
}

#[test]
fn two_shards_on_two_copies_of_the_state_are_one_full_build() {
    let scene = two_shards();
    scene.bare(&["verify", "one"]).done();
    let fleet = ["--fleet", "fleet.toml", "--shard", "1/2"];
    let elsewhere = [fleet, ["--out", "x", "--state", "none"]].concat();
    let refused = scene.run("build", &elsewhere);
    refused.refused_naming(2, &["none/home does not exist"]);
    assert!(!scene.at("none").exists() && !scene.at("x/home").exists());

    let merge = |shards: &[&str]| scene.bare(&[&["merge", "--out", "merged"], shards].concat());
    merge(&["one"]).refused_naming(2, &["shard 2 of 2 is missing"]);
    merge(&["one", "two", "one"]).refused_naming(2, &["shard 1/2 is in one and in one"]);
    merge(&["one", "etcd-cluster"]).refused_naming(2, &["etcd-cluster is not a finished shard"]);
    merge(&["one", "nowhere"]).refused_naming(2, &["nowhere does not exist"]);
    let inside = scene.bare(&["merge", "one", "two", "--out", "two/joined"]);
    inside.refused_naming(2, &["--out: two/joined lies in the shard two"]);
    assert!(!scene.at("two/joined").exists());
    fs::rename(scene.at("two/home/home-2.img"), scene.at("away")).unwrap();
    merge(&["one", "two"]).refused_naming(2, &["the image of home/home-2 is missing"]);
    assert!(!scene.at("merged").exists());

    // A worker that starts again builds only what is missing.
    let written = |path: &str| fs::metadata(scene.at(path)).unwrap().modified().unwrap();
    let before = written("one/home/home-1.img");
    let lock = scene.text("home.lock");
    fs::remove_file(scene.at("home.lock")).unwrap();
    shard(&scene, "1/2", "one", "etcd-cluster");
    assert_eq!(scene.text("home.lock"), lock, "of finished images, too");
    shard(&scene, "2/2", "two", "copy");
    assert_eq!(written("one/home/home-1.img"), before);

    scene.build(&["--fleet", "fleet.toml"]);
    for _ in 0..2 {
        merge(&["two", "one"]).done();
        assert_eq!(content(&scene, "merged"), content(&scene, "images"));
    }
    let nowhere = scene.bare(&["merge", "one", "two", "--out", "/dev/null"]);
    let wanted = "error: /dev/null exists and is not a directory\nhint: name another directory with `--out`\n";
    assert_eq!((nowhere.code, &*nowhere.stderr), (Some(2), wanted));
    merge(&["one", "images"]).refused_naming(2, &["images is a whole fleet, not a shard"]);
}

/// Accompanying files contain the digest of the lock file and the address of the images.
#[test]
fn published_shards_are_one_full_build() {
    let scene = with_keys();
    let publish = "[publish]\nurl = \"https://example.org/kv\"\n";
    for (template, format) in [
        (TEMPLATE.to_owned(), "img,img.gz"),
        (format!("{TEMPLATE}{publish}"), "img"),
    ] {
        scene.file("lab.toml", &template);
        let build = |options: &[&str]| {
            let whole = ["--fleet", "fleet.toml", "--format", format];
            scene.build(&[&whole[..], options].concat());
        };
        build(&["--shard", "1/2", "--out", "one"]);
        build(&["--shard", "2/2", "--out", "two", "--state", "copy"]);
        build(&[]);
        let merge = ["merge", "--out", "merged", "one", "two"];
        scene.bare(&merge).done();
        assert_eq!(content(&scene, "merged"), content(&scene, "images"));
    }
    let list = scene.text("merged/home/etcd-image.rpi-imager-manifest");
    let address = "\"https://example.org/kv/home/home-2.";
    assert!(list.contains(address), "{list}");
}

/// As a power failure leaves files whose content did not reach the disk.
#[test]
fn a_worker_that_starts_again_replaces_what_is_not_as_it_was_built() {
    let scene = with_keys();
    let options = ["--format", "img,img.gz"];
    let build = || {
        let shard = ["--fleet", "fleet.toml", "--shard", "1/2", "--out", "one"];
        scene.build(&[&shard[..], &options].concat())
    };
    build();
    let wanted = scene.snapshot("one");
    for name in [
        "home-1.img",
        "home-1.img.gz",
        "home-1.bmap",
        "provenance.json",
        "client/ca.crt",
        "SHA256SUMS",
    ] {
        change_last_byte(&scene.at(&format!("one/home/{name}")));
        build();
        assert_eq!(scene.snapshot("one"), wanted, "{name}");
    }
    fs::remove_file(scene.at("one/home/client/ca.crt")).unwrap();
    build();
    assert_eq!(scene.snapshot("one"), wanted);
}

#[test]
fn files_that_were_changed_after_their_build_do_not_join() {
    let scene = two_shards();
    let merge = || scene.bare(&["merge", "one", "two", "--out", "merged"]);
    for (shard, name) in [
        ("2/2", "two/home/home-2.img"),
        ("1/2", "one/home/client/ca.crt"),
    ] {
        let path = scene.at(name);
        let built = digest(&path);
        change_last_byte(&path);
        let told = merge();
        let message = format!(
            "error: {name} was changed after its build: its SHA-256 is {}, the manifest has {built}\n",
            digest(&path)
        );
        let hint = "hint: build its shard again, and merge again\n";
        assert!(told.stderr.ends_with(&(message + hint)), "{}", told.stderr);
        assert_eq!(told.code, Some(3));
        assert!(!scene.at("merged").exists());

        self::shard(&scene, shard, &name[..3], "etcd-cluster");
    }
    merge().done();
    scene.bare(&["verify", "merged"]).done();
}

/// Changes a file but not its size.
fn change_last_byte(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let last = file.metadata().unwrap().len() - 1;
    let mut byte = [0];
    file.read_exact_at(&mut byte, last).unwrap();
    file.write_all_at(&[!byte[0]], last).unwrap();
}

/// A shard that was copied from another machine has any permission bits, and its content need not have reached the disk.
#[cfg(target_os = "linux")]
#[test]
fn joined_images_are_closed_and_durable_before_they_have_their_names() {
    let scene = two_shards();
    let image = scene.at("one/home/home-1.img");
    fs::set_permissions(&image, Permissions::from_mode(0o644)).unwrap();
    let calls = "trace=fsync,rename,renameat,renameat2";
    let under = ["/usr/bin/strace", "-f", "-y", "-e", calls, "-o", "trace"];
    let merge = ["merge", "one", "two", "--out", "merged"];
    scene.bare_under(&under, &merge).done();
    let trace = scene.text("trace");
    let of_image = |line: &str| line.contains("home-1.img.link.partial");
    let first = |call: &str| {
        let mut lines = trace.lines();
        lines.position(|line| line.contains(call) && of_image(line))
    };
    let (synced, named) = (first(" fsync("), first(" rename"));
    assert!(synced.is_some() && synced < named, "{trace}");
    let joined = fs::metadata(scene.at("merged/home/home-1.img")).unwrap();
    assert_eq!(joined.permissions().mode() & 0o777, 0o600);
    let inode = fs::metadata(&image).unwrap().ino();
    assert_eq!(joined.ino(), inode, "it was copied");
}

#[test]
fn an_image_behind_a_symbolic_link_is_copied() {
    let scene = two_shards();
    let (image, away) = (scene.at("one/home/home-1.img"), scene.at("away.img"));
    fs::rename(&image, &away).unwrap();
    symlink(&away, &image).unwrap();
    scene
        .bare(&["merge", "one", "two", "--out", "merged"])
        .done();
    let joined = scene.at("merged/home/home-1.img");
    assert!(joined.symlink_metadata().unwrap().is_file());
    assert_eq!(digest(&joined), digest(&away));
}

#[test]
fn shards_do_not_join_in_the_place_of_another_cluster() {
    let scene = two_shards();
    scene.file("one.toml", "[cluster]\nname = \"lab\"\n");
    let lab = ["--config", "one.toml", "--nodes", "1", "--state", "lab"];
    scene.build(&[&lab[..], &["--out", "merged/home"]].concat());
    let before = scene.snapshot("merged");
    let told = scene.bare(&["merge", "one", "two", "--out", "merged"]);
    let why = "merged/home contains images of cluster `lab`, and this is cluster `home`";
    told.refused_naming(2, &[why]);
    assert_eq!(scene.snapshot("merged"), before);
}

#[test]
fn names_that_lead_out_of_the_directory_are_refused() {
    let scene = two_shards();
    let spoil = |file: &str, from: &str, to: &str, why: &str| {
        let text = scene.text(file);
        assert!(text.contains(from), "{text}");
        scene.file(file, &text.replace(from, to));
        let told = scene.bare(&["merge", "one", "two", "--out", "merged"]);
        told.refused_naming(3, &[why]);
        assert!(!scene.at("merged").exists());
        scene.file(file, &text);
    };
    let fleet = "one/fleet.json is not the record of a fleet: ";
    let other = format!("{fleet}it is damaged: its checksum does not match");
    spoil("one/fleet.json", "\"home\"", "\"west\"", &other);
    // Whoever changes a record can also remove its checksum.
    for shard in ["one/fleet.json", "two/fleet.json"] {
        scene.file(shard, &checksum::removed(&scene.text(shard)));
    }
    let name = format!("{fleet}the name \"../home\" is not valid");
    spoil("one/fleet.json", "\"home\"", "\"../home\"", &name);
    spoil(
        "one/fleet.json",
        "\"format\": 1",
        "\"format\": 2",
        &format!("{fleet}its format 2 is not 1"),
    );
    let manifest = "one/home/manifest.json";
    spoil(
        manifest,
        "\"name\": \"home-1.img\"",
        "\"name\": \"../../x\"",
        "the name \"../../x\" is not valid",
    );
    spoil(
        manifest,
        "\"name\": \"home-1.img\"",
        "\"name\": \"\\u001b[2J.img\"",
        "the name \"\\u{1b}[2J.img\" is not valid",
    );
    spoil(
        manifest,
        "\"client/ca.crt\"",
        "\"client/../../x\"",
        "the name \"client/../../x\" is not valid",
    );
}

#[test]
fn shards_with_keys_of_their_own_do_not_join() {
    let scene = with_keys();
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml", "--state", "other"])
        .done();
    shard(&scene, "1/2", "one", "etcd-cluster");
    shard(&scene, "2/2", "two", "other");
    let refused = scene.bare(&["merge", "one", "two"]);
    refused.refused_naming(3, &["have different CAs for cluster home"]);
    assert!(!scene.at("images").exists());
}

#[test]
fn shards_of_different_descriptions_do_not_join() {
    let scene = with_keys();
    let template = format!("{TEMPLATE}[[file]]\npath = \"/etc/rack\"\nsource = \"rack\"\n");
    scene.file("lab.toml", &template).file("rack", "1");
    shard(&scene, "1/2", "one", "etcd-cluster");
    let merge = || scene.bare(&["merge", "one", "two", "--out", "merged"]);
    let wanted = "one and two were built from different descriptions of cluster home";
    let faster = template.clone() + "[etcd]\nheartbeat-interval = 400\n";
    let another_key = SSH_KEY.replace("tester@scene", "other@scene");
    for (file, content, whole) in [
        ("lab.toml", faster.as_str(), template.as_str()),
        ("rack", "2", "1"),
        ("home/.ssh/id_ed25519.pub", &another_key, SSH_KEY),
    ] {
        scene.file(file, content);
        shard(&scene, "2/2", "two", "copy");
        merge().refused_naming(3, &[wanted]);
        assert!(!scene.at("merged").exists(), "{file}");
        scene.file(file, whole);
    }
    let compressed = ["--shard", "2/2", "--out", "two", "--format", "img.gz"];
    scene.build(&[&["--fleet", "fleet.toml"], &compressed[..]].concat());
    merge().refused_naming(3, &[wanted]);
    // A comment changes nothing.
    scene.file("lab.toml", &format!("# The second rack.\n{template}"));
    shard(&scene, "2/2", "two", "copy");
    merge().done();
}

#[test]
fn a_shard_without_the_keys_of_other_clusters_joins() {
    let scene = with_keys();
    // The only node of `west` belongs to the second shard.
    fs::remove_dir_all(scene.at("copy/west")).unwrap();
    shard(&scene, "1/2", "one", "copy");
    shard(&scene, "2/2", "two", "etcd-cluster");
    scene
        .bare(&["merge", "one", "two", "--out", "merged"])
        .done();
    scene.build(&["--fleet", "fleet.toml"]);
    assert_eq!(content(&scene, "merged"), content(&scene, "images"));
}

#[test]
fn a_shard_number_out_of_range_is_refused() {
    let scene = scene();
    for wrong in ["0/2", "3/2", "1/0", "-1/2"] {
        let shard = format!("--shard={wrong}");
        let why = "write it as I/N, as in 2/8, with I from 1 to N";
        let said = format!("error: invalid value '{wrong}' for '--shard <I/N>': {why}");
        for command in ["plan", "build"] {
            let refused = scene.run(command, &["--fleet", "fleet.toml", &shard]);
            assert_eq!(
                (refused.code, refused.stderr.lines().next()),
                (Some(2), Some(&*said)),
                "{command} {wrong}"
            );
        }
    }
    assert!(!scene.at("images").exists() && !scene.at("etcd-cluster").exists());
}

#[test]
fn a_shard_whose_record_has_a_number_out_of_range_is_refused() {
    let scene = two_shards();
    // Whoever changes a record can also remove its checksum.
    let record = checksum::removed(&scene.text("one/fleet.json"));
    for (index, wrong) in [("0", "0/2"), ("3", "3/2")] {
        let other = record.replace("\"index\": 1", &format!("\"index\": {index}"));
        assert_ne!(other, record);
        scene.file("one/fleet.json", &other);
        let why = format!(
            "one/fleet.json is not the record of a fleet: its shard {wrong} does not exist"
        );
        let merge: &[&str] = &["merge", "one", "two", "--out", "merged"];
        for command in [merge, &["verify", "one"]] {
            scene.bare(command).refused_naming(3, &[&why]);
        }
    }
    assert!(!scene.at("merged").exists());
}

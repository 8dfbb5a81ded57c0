//! Checks that the signature of a fleet covers its record and all of its clusters, and what `merge` requires and signs.

use std::fs;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use super::shards::{content, make_keys};
use super::{TEMPLATE, scene};
use crate::support::checksum;
use crate::support::fixture::digest;
use crate::support::scene::{Outcome, Scene};
use crate::support::signer::key;
use crate::support::tool::{tool, tool_in};

/// Creates a scene with a fleet that is signed.
fn signed() -> Scene {
    scene().prepared("signed fleet", |scene| {
        key(scene, "ada", "ed25519", "");
        scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
    })
}

fn verify(scene: &Scene) -> Outcome {
    scene.bare(&["verify", "images", "--allowed-signers", "allowed"])
}

/// Asserts that the verification fails and reports this.
#[track_caller]
fn reports(scene: &Scene, line: &str) {
    let told = verify(scene);
    assert_eq!(told.code, Some(3), "{line}: {}", told.stderr);
    assert!(told.stdout.contains(line), "{line}: {}", told.stdout);
}

fn copy(scene: &Scene, from: &str, to: &str) {
    let (from, to) = (scene.at(from), scene.at(to));
    tool("rm", &["-rf".as_ref(), to.as_os_str()]).done();
    tool("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()]).done();
}

#[test]
fn the_signature_of_a_fleet_covers_its_record_and_all_clusters() {
    let scene = signed();
    let told = verify(&scene).done().stdout;
    let line = "images/SHA256SUMS agrees with fleet.json; signed by ada@example (SHA256:";
    assert!(told.contains(line), "{told}");
    let names = scene.text("images/SHA256SUMS");
    let names: Vec<&str> = names.lines().map(|line| &line[66..]).collect();
    assert_eq!(names, ["fleet.json", "home/SHA256SUMS", "west/SHA256SUMS"]);
    let check = "sha256sum --quiet -c SHA256SUMS && \
                 ssh-keygen -Y verify -f ../allowed -I ada@example -n file -s SHA256SUMS.sig < SHA256SUMS";
    tool_in(&scene.at("images"), "sh", &["-c", check]).done();

    // A record that hides a cluster, whose directory is removed.
    copy(&scene, "images", "whole");
    let mut record: Value = serde_json::from_str(&scene.text("images/fleet.json")).unwrap();
    record.as_object_mut().unwrap().remove("check");
    record["clusters"].as_array_mut().unwrap().pop();
    scene.file("images/fleet.json", &record.to_string());
    fs::remove_dir_all(scene.at("images/west")).unwrap();
    reports(
        &scene,
        "  it contains west/SHA256SUMS, the directory does not\n",
    );
    reports(&scene, " of fleet.json, the directory has ");

    // A cluster that was signed earlier.
    scene.file(
        "lab.toml",
        &format!("{TEMPLATE}[hosts]\n\"192.168.0.9\" = [\"printer\"]\n"),
    );
    scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
    verify(&scene).done();
    copy(&scene, "whole/west", "images/west");
    let [old, new] = ["whole", "images"].map(|folder| scene.text(&format!("{folder}/SHA256SUMS")));
    let [old, new] = [&old, &new].map(|list| list.lines().nth(2).unwrap()[..64].to_owned());
    reports(
        &scene,
        &format!("it has the SHA-256 {new} of west/SHA256SUMS, the directory has {old}\n"),
    );
}

#[test]
fn a_fleet_without_its_list_or_its_signature_is_not_signed() {
    let scene = signed();
    let told = scene.bare(&["verify", "images"]).done().stdout;
    let unchecked = "images/SHA256SUMS agrees with fleet.json; SHA256SUMS.sig was not checked: add `--allowed-signers FILE`\n";
    assert!(told.contains(unchecked), "{told}");
    let list = scene.text("images/SHA256SUMS");
    fs::remove_file(scene.at("images/SHA256SUMS")).unwrap();
    verify(&scene).refused_naming(3, &["images/SHA256SUMS has no signature"]);
    let told = scene.bare(&["verify", "images"]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    assert!(
        told.stdout.contains("images/SHA256SUMS: BAD; "),
        "{}",
        told.stdout
    );
    scene.file("images/SHA256SUMS", &list);
    fs::remove_file(scene.at("images/SHA256SUMS.sig")).unwrap();
    verify(&scene).refused_naming(3, &["images/SHA256SUMS has no signature"]);
}

#[test]
fn a_part_of_a_fleet_that_is_built_again_is_signed_with_the_whole() {
    let scene = signed();
    let only = ["--fleet", "fleet.toml", "--only", "west"];
    fs::remove_dir_all(scene.at("images/west")).unwrap();
    scene.build(&[&only[..], &["--sign", "ada"]].concat());
    verify(&scene).done();
    // Without a key, no signature of former images remains.
    for options in [&only[..], &only[..2]] {
        scene.build(options);
        assert!(!scene.at("images/SHA256SUMS.sig").exists());
        assert!(!scene.at("images/SHA256SUMS").exists());
        scene.bare(&["verify", "images"]).done();
        scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
        verify(&scene).done();
    }
    // The record is that of another description.
    scene.file(
        "lab.toml",
        &format!("{TEMPLATE}[etcd]\nheartbeat-interval = 400\n"),
    );
    let told = scene.build(&[&only[..], &["--sign", "ada"]].concat());
    unsigned(
        &told,
        "fleet.json is missing or that of another description",
    );
    verify(&scene).refused_naming(3, &["images/SHA256SUMS has no signature"]);
}

/// Asserts that a build of a part of a fleet has left the fleet without a signature, and says why.
#[track_caller]
fn unsigned(told: &Outcome, why: &str) {
    let note = format!(
        "the fleet is not signed, only the clusters of this build are: {why}; build the whole fleet with `--sign`, without `--only`, to sign it\n"
    );
    assert!(told.stderr.contains(&note), "{}", told.stderr);
}

#[test]
fn a_part_of_a_fleet_signs_no_other_cluster() {
    let scene = signed();
    let allowed = scene.text("allowed");
    copy(&scene, "images", "before");
    let only = |key: &str| scene.build(&["--fleet", "fleet.toml", "--only", "west", "--sign", key]);
    key(&scene, "eve", "ed25519", "");
    unsigned(
        &only("eve"),
        "before, SHA256SUMS had no signature by this key",
    );
    assert!(!scene.at("images/SHA256SUMS.sig").exists());

    // A cluster that was signed earlier, or is missing.
    scene.file("allowed", &allowed);
    scene.file(
        "lab.toml",
        &format!("{TEMPLATE}[hosts]\n\"192.168.0.9\" = [\"printer\"]\n"),
    );
    let other = "home/SHA256SUMS is not the one that was signed before";
    for earlier in [Some("before/home"), None] {
        scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
        match earlier {
            Some(earlier) => copy(&scene, earlier, "images/home"),
            None => fs::remove_dir_all(scene.at("images/home")).unwrap(),
        }
        unsigned(&only("ada"), other);
        verify(&scene).refused_naming(3, &["images/SHA256SUMS has no signature"]);
    }
}

#[test]
fn a_part_that_is_refused_leaves_the_signature_of_the_fleet() {
    let scene = signed();
    let allowed = scene.text("allowed");
    key(&scene, "eve", "ed25519", "");
    scene.file("allowed", &allowed);
    let part = ["--only", "west", "--only", "home/home-1"];
    let options = [&["--fleet", "fleet.toml", "--sign", "eve"], &part[..]].concat();
    let told = scene.run("build", &options);
    let other =
        "building cluster home: images/home has images of home-2, which SHA256SUMS would list";
    told.refused_naming(2, &[other]);
    verify(&scene).done();
}

#[test]
fn a_fleet_is_not_signed_in_the_directory_of_a_cluster() {
    let scene = scene();
    key(&scene, "ada", "ed25519", "");
    scene
        .file("images/manifest.json", "")
        .file("images/SHA256SUMS", "list\n");
    let told = scene.run("build", &["--fleet", "fleet.toml", "--sign", "ada"]);
    let wanted = "error: images has the images of one cluster, whose SHA256SUMS a signed fleet would replace\n\
                  hint: name another directory with `--out`\n";
    assert_eq!((told.code, &*told.stderr), (Some(2), wanted));
    scene.build(&["--fleet", "fleet.toml"]);
    assert_eq!(scene.text("images/SHA256SUMS"), "list\n");
}

/// Builds a signed shard.
fn shard(scene: &Scene, shard: &str, out: &str) {
    let fleet = ["--fleet", "fleet.toml", "--sign", "ada"];
    scene.build(&[&fleet[..], &["--shard", shard, "--out", out]].concat());
}

/// Creates a scene with the two signed shards of a fleet.
fn signed_shards() -> Scene {
    scene().prepared("two signed shards", |scene| {
        make_keys(scene);
        key(scene, "ada", "ed25519", "");
        shard(scene, "1/2", "one");
        shard(scene, "2/2", "two");
    })
}

#[test]
fn signed_shards_join_to_one_signed_build() {
    let scene = signed_shards();
    let line = ["merge", "one", "two", "--out", "merged"];
    let merge = |more: &[&str]| {
        let signed = ["--allowed-signers", "allowed"];
        scene
            .bare(&[&line[..], &signed, more].concat())
            .done()
            .stderr
    };
    let told = merge(&[]);
    assert!(
        told.contains("every shard is signed by ada@example (SHA256:"),
        "{told}"
    );
    let note = "the joined images are not signed: the signatures of the shards are about other lists; `merge --sign KEY` signs them\n";
    assert!(told.contains(note), "{told}");
    let verify = ["verify", "merged", "--allowed-signers", "allowed"];
    scene
        .bare(&verify)
        .refused_naming(3, &["merged/SHA256SUMS has no signature"]);
    let told = merge(&["--sign", "ada"]);
    assert!(!told.contains("not signed"), "{told}");
    scene.bare(&verify).done();
    scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
    assert_eq!(content(&scene, "merged"), content(&scene, "images"));
}

#[test]
fn shards_that_nobody_has_signed_do_not_join() {
    let scene = signed_shards();
    let line = ["merge", "one", "two", "--out", "merged"];
    let merge = || scene.bare(&[&line[..], &["--allowed-signers", "allowed"]].concat());
    let without_checksum = checksum::removed(&scene.text("one/fleet.json"));
    let manifest = scene.text("two/home/manifest.json");
    let image = digest(&scene.at("two/home/home-2.img"));
    let checking = |shard| format!("checking the signatures of {shard}: {shard}/");
    for (file, content, message) in [
        ("one/SHA256SUMS.sig", None, "SHA256SUMS has no signature"),
        ("one/SHA256SUMS", None, "SHA256SUMS has no signature"),
        (
            "two/home/SHA256SUMS.sig",
            None,
            "home/SHA256SUMS has no signature",
        ),
        (
            "one/fleet.json",
            Some(without_checksum),
            "SHA256SUMS is signed, but it is of another build: it has the SHA-256 ",
        ),
        (
            "two/home/manifest.json",
            Some(manifest.replace(&image, &"0".repeat(64))),
            "home/SHA256SUMS is signed, but manifest.json has other digests",
        ),
        (
            "two/home/SHA256SUMS",
            Some("0\n".to_owned()),
            "SHA256SUMS is signed, but it is of another build: it has the SHA-256 ",
        ),
    ] {
        let before = scene.text(file);
        match content {
            Some(content) => {
                scene.file(file, &content);
            }
            None => fs::remove_file(scene.at(file)).unwrap(),
        }
        let wanted = checking(&file[..3]) + message;
        merge().refused_naming(3, &[&wanted]);
        assert!(!scene.at("merged").exists(), "{file}");
        scene.file(file, &before);
    }
    let allowed = scene.text("allowed");
    key(&scene, "eve", "ed25519", "");
    merge().refused_naming(3, &["is not among the allowed signers"]);
    scene.file("allowed", &allowed);
}

/// A shell runs `client/etcdctl.env`, and `client/ssh_config` can name commands.
#[test]
fn the_signature_of_a_shard_covers_the_files_of_the_operator() {
    let scene = signed_shards();
    let line = ["merge", "one", "two", "--out", "merged"];
    let merge = || scene.bare(&[&line[..], &["--allowed-signers", "allowed"]].concat());
    let name = "one/home/client/etcdctl.env";
    let built = digest(&scene.at(name));
    scene.file(name, "touch eve\n");
    let other = digest(&scene.at(name));
    let changed = format!(
        "{name} was changed after its build: its SHA-256 is {other}, the manifest has {built}"
    );
    merge().refused_naming(3, &[&changed]);

    // The manifest of whoever has changed the file has its digest.
    let manifest = scene.text("one/home/manifest.json");
    assert!(manifest.contains(&built), "{manifest}");
    scene.file("one/home/manifest.json", &manifest.replace(&built, &other));
    let unsigned = "checking the signatures of one: one/home/SHA256SUMS is signed, but manifest.json has other digests";
    merge().refused_naming(3, &[unsigned]);
    assert!(!scene.at("merged").exists());
}

#[test]
fn a_worker_that_starts_again_signs_no_image_of_another() {
    let scene = signed_shards();
    let image = scene.at("two/home/home-2.img");
    let written = || fs::metadata(&image).unwrap().modified().unwrap();
    let (before, built) = (written(), digest(&image));
    shard(&scene, "2/2", "two");
    assert_eq!(written(), before);

    // Whoever can write to the directory makes everything fit but the signature.
    let writable = fs::OpenOptions::new().write(true).open(&image).unwrap();
    writable.write_all_at(b"other", 0).unwrap();
    let other = digest(&image);
    for file in ["two/home/manifest.json", "two/home/SHA256SUMS"] {
        let text = scene.text(file);
        assert!(text.contains(&built), "{file}");
        scene.file(file, &text.replace(&built, &other));
    }
    fs::remove_file(scene.at("two/home/SHA256SUMS.sig")).unwrap();
    shard(&scene, "2/2", "two");
    assert_eq!(digest(&image), built);
    let merge = ["merge", "one", "two", "--out", "merged"];
    scene
        .bare(&[&merge[..], &["--allowed-signers", "allowed"]].concat())
        .done();
}

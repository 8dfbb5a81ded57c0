//! Checks `etcd-image.lock`: what a build writes, what `--locked` refuses, and that equal inputs give equal bytes.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::fixture::{digest, image, release};
use crate::support::scene::Scene;
use crate::support::tool::tool;

const CLUSTER: &str = "\
[[node]]
name = \"etcd1\"
address = \"192.168.0.50\"

[[file]]
path = \"/etc/motd\"
source = \"motd\"

[[file]]
path = \"/etc/token\"
content = \"1234\"
mode = \"0600\"
";

fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    scene.file("cluster.toml", CLUSTER).file("motd", "hello\n");
    scene
}

/// Returns the value of a key of the lock file.
fn locked(scene: &Scene, table: &str, key: &str) -> String {
    let lock: toml::Table = scene.text("etcd-image.lock").parse().unwrap();
    lock[table][key].as_str().unwrap().to_owned()
}

#[test]
fn a_build_locks_its_inputs_and_a_locked_one_requires_them() {
    let scene = scene();
    scene
        .run("build", &["--locked"])
        .refused_naming(2, &["etcd-image.lock does not exist"]);
    scene.build(&[]);
    let base = image("raspios-trixie");
    assert_eq!(
        locked(&scene, "base", "file"),
        base.file_name().unwrap().to_str().unwrap()
    );
    assert_eq!(locked(&scene, "base", "raw-sha256"), digest(&base));
    assert_eq!(locked(&scene, "etcd", "sha256"), digest(&release("arm64")));
    let lock: toml::Table = scene.text("etcd-image.lock").parse().unwrap();
    let files = lock["file"].as_array().unwrap();
    let digest = digest(&scene.at("motd"));
    assert_eq!(files[0]["sha256"].as_str(), Some(digest.as_str()));
    // A digest of a short secret would give it away.
    assert_eq!(files[1].get("sha256"), None);
    assert_eq!(files[1]["fingerprint"].as_str().map(str::len), Some(16));

    let before = scene.text("etcd-image.lock");
    scene.run("plan", &["--locked"]).done();
    scene.run("build", &["--locked"]).done();
    assert_eq!(scene.text("etcd-image.lock"), before);

    scene.file("motd", "good bye\n");
    for command in ["plan", "build"] {
        let refused = scene.run(command, &["--locked"]);
        refused.refused_naming(
            3,
            &["the inputs differ from etcd-image.lock: file /etc/motd: "],
        );
    }
    assert_eq!(scene.text("etcd-image.lock"), before);
    let built = scene.build(&[]);
    let note = "note: etcd-image.lock: file /etc/motd: ";
    assert!(built.stderr.contains(note), "{}", built.stderr);
    scene.run("build", &["--locked"]).done();
}

#[test]
fn a_lock_of_another_cluster_a_newer_format_or_a_damaged_one_is_refused() {
    let scene = scene();
    scene.build(&[]);
    let lock = scene.text("etcd-image.lock");
    let cases = [
        (
            "cluster = \"main\"",
            "cluster = \"home\"",
            "etcd-image.lock is the lock of cluster `home`, and this is cluster `main`",
        ),
        (
            "format = 1",
            "format = 2",
            "reading etcd-image.lock: a newer etcd-image wrote it, in format 2",
        ),
        (
            "[base]",
            "<<<<<<< HEAD",
            "reading etcd-image.lock: line 9: ",
        ),
    ];
    for (old, new, expected) in cases {
        scene.file("etcd-image.lock", &lock.replacen(old, new, 1));
        scene.run("build", &[]).refused_naming(2, &[expected]);
    }
}

/// Returns the digest of every file of an output directory, and of the lock.
fn results(scene: &Scene) -> BTreeMap<String, String> {
    let mut results = BTreeMap::from([("lock".to_owned(), digest(&scene.at("etcd-image.lock")))]);
    let mut folders = vec![scene.at("images")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(scene.at("images")).unwrap();
            results.insert(name.display().to_string(), digest(&path));
        }
    }
    results
}

/// Builds under a umask with that many jobs, and returns the results.
fn built_under(scene: &Scene, umask: &str, jobs: &str) -> BTreeMap<String, String> {
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    let options = ["--format", "img,img.xz,img.zst,img.gz", "--jobs", jobs];
    let shell = ["/bin/sh", "-c", &script];
    scene.run_under(&shell, "build", &options).done();
    results(scene)
}

#[test]
fn path_umask_jobs_and_cache_do_not_change_a_byte() {
    let (one, other) = (scene(), scene());
    let results = built_under(&one, "022", "1");
    let (from, to) = (one.at("etcd-cluster"), other.at("etcd-cluster"));
    tool("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()]).done();
    assert_eq!(built_under(&other, "077", "8"), results, "cold");
    for (scene, umask, jobs) in [(&one, "077", "8"), (&other, "022", "1")] {
        fs::remove_dir_all(scene.at("images")).unwrap();
        fs::remove_file(scene.at("etcd-image.lock")).unwrap();
        assert_eq!(built_under(scene, umask, jobs), results, "warm");
    }
    for name in [
        "etcd1.img",
        "etcd1.img.xz",
        "etcd1.img.zst",
        "etcd1.img.gz",
        "etcd1.bmap",
        "etcd1.spdx.json",
        "etcd-image.rpi-imager-manifest",
        "manifest.json",
        "SHA256SUMS",
    ] {
        assert!(results.contains_key(name), "{name} of {results:?}");
    }
    let provenance: Value = serde_json::from_str(&one.text("images/provenance.json")).unwrap();
    let inputs = &provenance["predicate"]["buildDefinition"]["resolvedDependencies"];
    let lock = inputs.as_array().unwrap().last().unwrap();
    assert_eq!(lock["name"], "etcd-image.lock");
    assert_eq!(lock["digest"]["sha256"], results["lock"].as_str());
}

//! Checks that a build touches the keys and images of no other cluster, and reports images that are outdated.

use std::fs;

use crate::support::scene::Scene;

const A: &str = "[[node]]\nname = \"a\"\naddress = \"192.168.0.11\"\n";
const B: &str = "[[node]]\nname = \"b\"\naddress = \"192.168.0.12\"\n";

fn describe(scene: &Scene, file: &str, cluster: &str, nodes: &str) {
    scene.file(file, &format!("[cluster]\nname = \"{cluster}\"\n{nodes}"));
}

#[test]
fn two_clusters_share_neither_keys_nor_images() {
    let scene = Scene::with("raspios-trixie");
    describe(&scene, "home.toml", "home", A);
    describe(&scene, "lab.toml", "lab", A);
    scene.build(&["--config", "home.toml"]);
    let kept = || [scene.snapshot("images"), scene.snapshot("etcd-cluster")];
    let before = kept();
    let outcome = scene.run("build", &["--config", "lab.toml"]);
    let state = "etcd-cluster is the state directory of cluster `home`, and this is cluster `lab`";
    outcome.refused_naming(2, &[state]);
    let hint = "--state lab-cluster --out lab-images";
    assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    let outcome = scene.run("build", &["--config", "lab.toml", "--state", "lab-cluster"]);
    let images = "images contains images of cluster `home`, and this is cluster `lab`";
    outcome.refused_naming(2, &[images]);
    let outcome = scene.run("build", &["--config", "home.toml", "--out", "etcd-cluster"]);
    outcome.refused_naming(2, &["are the same directory"]);
    assert_eq!(kept(), before);
    assert!(!scene.at("lab-cluster").exists());

    // A renamed cluster keeps its CA and its directories.
    fs::remove_file(scene.at("etcd-cluster/cluster.json")).unwrap();
    let ca = scene.text("etcd-cluster/ca.crt");
    scene.build(&["--config", "lab.toml"]);
    assert_eq!(scene.text("etcd-cluster/ca.crt"), ca);
    assert_eq!(scene.manifest()["cluster"], "lab");
}

#[test]
fn a_cluster_with_new_keys_does_not_replace_one_of_the_same_name() {
    let scene = Scene::with("raspios-trixie");
    describe(&scene, "home.toml", "home", A);
    scene.build(&["--config", "home.toml"]);
    let before = scene.snapshot("images");
    let build = |more: &[&str]| {
        let other = ["--config", "home.toml", "--state", "other"];
        scene.run("build", &[&other[..], more].concat())
    };
    let why =
        "images contains images of cluster `home`, and its state directory other does not exist";
    build(&[]).refused_naming(2, &[why]);
    assert_eq!(scene.snapshot("images"), before);
    assert!(!scene.at("other").exists());
    build(&["--out", "other-images"]).done();
    // Now the other state directory exists.
    let other = scene.snapshot("other");
    let told = build(&[]);
    told.refused_naming(
        2,
        &["error: images contains images of cluster `home` with other keys"],
    );
    let hint = "if it is lost, only a new cluster on all cards can follow";
    assert!(told.stderr.contains(hint), "{}", told.stderr);
    assert_eq!(scene.snapshot("images"), before);
    assert_eq!(scene.snapshot("other"), other);
}

/// As `cluster rotate-ca` leaves a state directory, whose CA alone has changed.
#[test]
fn images_with_a_former_ca_are_replaced() {
    let scene = Scene::with("raspios-trixie");
    describe(&scene, "home.toml", "home", A);
    scene.build(&["--config", "home.toml"]);
    let mut manifest = scene.manifest();
    let former = "0".repeat(64);
    manifest["certificates"][0]["fingerprint"] = former.clone().into();
    scene.file("images/manifest.json", &manifest.to_string());
    scene.build(&["--config", "home.toml"]);
    assert_ne!(scene.manifest()["certificates"][0]["fingerprint"], former);
}

#[test]
fn an_output_path_that_is_no_directory_is_refused_as_such() {
    let scene = Scene::with("raspios-trixie");
    scene.file("file", "");
    std::os::unix::fs::symlink("nowhere", scene.at("dangling")).unwrap();
    for out in ["file", "dangling"] {
        let outcome = scene.run("build", &["--nodes", "1", "--out", out]);
        outcome.refused_naming(2, &[&format!("{out} exists and is not a directory")]);
        assert!(
            outcome
                .stderr
                .ends_with("hint: name another directory with `--out`\n")
        );
    }
    assert!(!scene.at("etcd-cluster").exists());
}

#[test]
fn an_image_that_lists_former_members_is_reported_until_it_is_built_again() {
    let scene = Scene::with("raspios-trixie");
    describe(&scene, "cluster.toml", "home", A);
    let outcome = scene.run("build", &["--only", "a"]);
    assert_eq!(
        outcome.code,
        Some(0),
        "all nodes are a new cluster: {}",
        outcome.stderr
    );
    describe(&scene, "cluster.toml", "home", &[A, B].concat());
    let lost = scene.run("build", &["--only", "b", "--state", "lost"]);
    let missing =
        "`--only` builds nodes of an existing cluster, and its state directory lost does not exist";
    lost.refused_naming(2, &[missing]);

    let told = scene.build(&["--only", "b"]).stderr;
    let note = "note: images/a.img is outdated, because it lists the members a (192.168.0.11): build it again with \
                `--only a` before you flash it\n";
    assert!(told.contains(note), "{told}");
    assert_eq!(
        told.matches("is not an image of this cluster").count(),
        0,
        "{told}"
    );
    let outcome = scene.bare(&["verify", "images"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let problem = "  it is outdated: it lists the members a (192.168.0.11), and the cluster has a (192.168.0.11), b \
                   (192.168.0.12); build it again\n";
    assert!(outcome.stdout.contains(problem), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("error: 1 problem in 2 images\n"),
        "{}",
        outcome.stderr
    );

    let told = scene.build(&["--only", "a"]).stderr;
    assert!(!told.contains("outdated"), "{told}");
    scene.bare(&["verify", "images"]).done();
}

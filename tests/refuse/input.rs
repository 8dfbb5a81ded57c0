//! Checks that bad input yields an error that names the culprit and the right exit code, and leaves everything unchanged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::fixture::{junk, packed, poke};
use crate::support::refusal::{leaves_nothing, refused};
use crate::support::scene::Scene;

#[test]
fn files_that_are_no_image() {
    for kind in ["random", "empty", "text", "blank"] {
        let scene = Scene::on(&junk(kind));
        refused(&scene, &[], 4, &[&format!("{kind}.img")]);
    }
}

#[test]
fn a_base_that_is_not_there() {
    let scene = Scene::on(Path::new("missing.img"));
    refused(&scene, &[], 2, &["missing.img"]);
}

#[test]
fn a_file_in_place_of_a_directory() {
    let scene = Scene::with("raspios-trixie");
    scene.file("cluster.toml", "").file("file", "");
    for (option, path, error) in [
        ("--cache", "file", "file exists and is not a directory"),
        ("--cache", "file/x", "file exists and is not a directory"),
        (
            "--state",
            "file",
            "the state directory file cannot exist: file is not a directory",
        ),
        (
            "--state",
            "file/x",
            "the state directory file/x cannot exist: file is not a directory",
        ),
    ] {
        let told = scene.run("build", &["--quiet", "--nodes", "1", option, path]);
        let expected = format!("error: {error}\nhint: name another directory with `{option}`\n");
        assert_eq!((told.code, told.stderr), (Some(2), expected));
    }
}

#[test]
fn a_base_on_the_web() {
    let scene = Scene::on(Path::new("https://example.org/base.img"));
    let told = scene.run("build", &["--quiet", "--nodes", "1"]);
    let expected = "error: https://example.org/base.img does not exist\n\
                    hint: download it, for example with `curl -LO`, and give the path of the file\n";
    assert_eq!((told.code, told.stderr.as_str()), (Some(2), expected));
}

#[test]
fn a_mirror_that_nothing_comes_from() {
    let scene = Scene::with("raspios-trixie");
    let options = ["--mirror", "http://mirror.example/debian"];
    refused(&scene, &options, 2, &["`--mirror`"]);
}

const NO_INODES: &[&str] = &["root partition", "inodes needed for new files, 0 free"];

/// Fixtures that a build refuses, and what the error names.
const BASES: [(&str, &[&str]); 20] = [
    (
        "raspios-trixie+no-root",
        &["raspios-trixie+no-root.img", "partition 2"],
    ),
    ("raspios-trixie+armhf", &["32-bit", "armhf"]),
    ("raspios-bookworm+armhf", &["32-bit", "armhf"]),
    (
        "raspios-trixie+third-partition",
        &["the base has a partition 3, whose entry a node needs for its data"],
    ),
    ("raspios-trixie+booted", &["booted", "/etc/machine-id"]),
    ("raspios-bookworm+booted", &["booted", "/etc/machine-id"]),
    ("raspios-trixie+gpt", &["GPT"]),
    ("raspios-trixie+dirty-journal", &["journal"]),
    ("raspios-trixie+orphans", &["orphan"]),
    ("raspios-trixie+orphan-present", &["orphan"]),
    ("raspios-trixie+error-state", &["error"]),
    ("raspios-trixie+unknown-feature", &["0x40000000"]),
    ("raspios-trixie+no-room", &["root partition", "8192 free"]),
    ("raspios-trixie+no-inodes", NO_INODES),
    ("raspios-trixie+fat-full", &["boot partition", "0 free"]),
    ("raspios-bookworm+fat-full", &["boot partition", "0 free"]),
    ("raspios-trixie+fat-dirty", &["dirty"]),
    ("raspios-trixie+fat-dirty-windows", &["dirty"]),
    ("raspios-trixie+cut", &["partition 2"]),
    ("raspios-trixie+overlap", &["partitions 1 and 2"]),
];

#[test]
fn bases_that_cannot_become_nodes() {
    for (base, things) in BASES {
        refused(&Scene::with(base), &[], 4, things);
    }
}

#[test]
fn a_plan_for_a_base_without_inodes() {
    let scene = Scene::with("raspios-trixie+no-inodes");
    let planned = scene.run("plan", &["--nodes", "1"]);
    planned.refused_naming(4, NO_INODES);
}

#[test]
fn damaged_compressed_bases() {
    for kind in [
        "xz-truncated",
        "xz-no-footer",
        "xz-garbage",
        "xz-flipped",
        "zst-truncated",
        "gz-truncated",
    ] {
        let base = packed("raspios-trixie", kind);
        let name = base.file_name().unwrap().to_str().unwrap().to_owned();
        refused(&Scene::on(&base), &[], 4, &[&name]);
    }
}

#[test]
fn mistakes_in_cluster_toml_are_reported_all_at_once() {
    let scene = Scene::with("raspios-trixie");
    scene.file(
        "cluster.toml",
        "[cluster]\nnmae = \"lab\"\n\n[network]\nprefix = 24\n\n\
         [[node]]\nname = \"a\"\naddress = \"192.168.0.50\"\n\n\
         [[node]]\nname = \"a\"\naddress = \"192.168.0.50\"\n\n\
         [[node]]\nname = \"c\"\naddress = \"10.0.0.1\"\n",
    );
    let outcome = scene.run("build", &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    for place in [
        "cluster.toml:2: ",
        "cluster.toml:12: ",
        "cluster.toml:13: ",
        "cluster.toml:17: ",
    ] {
        assert!(
            outcome.stderr.contains(place),
            "{place}\n{}",
            outcome.stderr
        );
    }
    assert!(
        outcome.stderr.contains("`name`"),
        "the nearest known key:\n{}",
        outcome.stderr
    );
    assert!(!scene.at("images").exists() && !scene.at("etcd-cluster").exists());
}

#[test]
fn no_key_that_could_log_in() {
    let scene = Scene::with("raspios-trixie");
    fs::remove_dir_all(scene.at("home/.ssh")).unwrap();
    refused(&scene, &[], 2, &[".ssh"]);
    assert!(!scene.at("etcd-cluster").exists());
}

#[test]
fn an_output_folder_that_is_a_file() {
    let scene = Scene::with("raspios-trixie");
    scene.file("taken", "not a directory");
    refused(
        &scene,
        &["--out", "taken"],
        2,
        &["taken exists and is not a directory"],
    );
    assert_eq!(scene.text("taken"), "not a directory");
}

#[test]
fn an_output_folder_that_may_not_be_written() {
    let scene = Scene::with("raspios-trixie");
    // Root may write anywhere except where the kernel itself refuses.
    refused(&scene, &["--out", "/proc/images"], 5, &["/proc/images"]);
}

#[test]
fn a_full_disk() {
    let scene = Scene::with("raspios-trixie");
    let outcome = scene.run_with_file_limit("build", &["--nodes", "3"], 100 << 20);
    outcome.refused_naming(5, &["images"]);
    leaves_nothing(&scene);
}

/// Creates a scene with a state directory but without images.
fn with_state() -> Scene {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    fs::remove_dir_all(scene.at("images")).unwrap();
    scene
}

#[test]
fn a_state_folder_others_can_read() {
    let scene = with_state();
    fs::set_permissions(scene.at("etcd-cluster"), fs::Permissions::from_mode(0o755)).unwrap();
    refused(&scene, &[], 2, &["etcd-cluster", "0755"]);
}

#[test]
fn a_key_others_can_read() {
    let scene = with_state();
    fs::set_permissions(
        scene.at("etcd-cluster/ca.key"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    refused(&scene, &[], 2, &["ca.key", "0644"]);
}

#[test]
fn a_state_folder_without_its_authority() {
    let scene = with_state();
    fs::remove_file(scene.at("etcd-cluster/ca.key")).unwrap();
    refused(&scene, &[], 2, &["ca.key"]);
}

#[test]
fn a_state_folder_with_a_foreign_authority() {
    let other = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let scene = with_state();
    for file in ["ca.crt", "ca.key"] {
        fs::copy(
            other.at("etcd-cluster").join(file),
            scene.at("etcd-cluster").join(file),
        )
        .unwrap();
    }
    refused(&scene, &[], 2, &["ca.crt"]);
}

#[test]
fn overlays_and_recipes_that_are_wrong() {
    let scene = Scene::with("raspios-trixie");
    let overlay = |files: &str| {
        let _ = fs::remove_dir_all(scene.at("o"));
        scene.file("o/identity/overlay.toml", &format!("why = \"a\"\n{files}"));
        &["--overlays", "o"][..]
    };
    let file = "[[file]]\npath = \"/a\"\nwhy = \"a\"\n";
    for (content, thing) in [
        ("unknown = 1\n".to_owned(), "unknown"),
        (file.to_owned(), "exactly one of"),
        (
            format!("{file}blob = \"nobody\"\n"),
            "unknown blob `nobody`",
        ),
        (
            format!("{file}blob = \"etcd\"\nmode = \"99999\"\n"),
            "mode `99999`",
        ),
        (
            format!("{file}blob = \"etcd\"\nmode = \"17777\"\n"),
            "mode `17777`",
        ),
        (
            format!("{file}blob = \"etcd\"\nowner = \"root\"\n"),
            "owner `root`",
        ),
        (format!("{file}template = \"missing\"\n"), "missing"),
    ] {
        refused(&scene, overlay(&content), 2, &["overlay `identity`", thing]);
    }
    refused(&scene, &["--overlays", "nowhere"], 2, &["nowhere"]);
    refused(&scene, &["--recipes", "nowhere"], 2, &["nowhere"]);
    scene.file("recipes/mine.toml", "name = 1\n");
    refused(&scene, &["--recipes", "recipes"], 2, &["mine"]);
}

#[test]
fn every_command_says_what_to_do_next() {
    let scene = Scene::with("raspios-trixie");
    scene.file("empty/manifest.json", "{}");
    for (words, code, thing) in [
        (&["inspect", "nowhere.img"][..], 2, "nowhere.img"),
        (&["verify", "nowhere"], 2, "nowhere"),
        (&["verify", "home"], 2, "manifest"),
        (&["verify", "empty"], 3, "empty/manifest.json"),
        (&["recipes", "--recipes", "nowhere"], 2, "nowhere"),
        (&["init", "--config", "no/folder.toml"], 5, "no/folder.toml"),
        (&["man", "/proc/manual"], 5, "/proc/manual"),
        (&["fetch", "--base", "nowhere.img"], 2, "nowhere.img"),
        (&["fetch", "--config", "nowhere.toml"], 2, "nowhere.toml"),
    ] {
        scene.bare(words).refused_naming(code, &[thing]);
    }
}

#[test]
fn a_refusal_leaves_the_old_images() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    scene.build(&["--nodes", "3"]);
    let before = scene.snapshot("images");
    poke(&base, (48 << 20) + 1024 + 58, &[3]); // s_state of p2: the kernel saw errors
    scene
        .run("build", &["--nodes", "3"])
        .refused_naming(4, &["base.img"]);
    assert_eq!(scene.snapshot("images"), before);
}

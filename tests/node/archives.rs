//! Checks `[[archive]]`: its content is in the images as `tar` would leave it, and what cannot be used is refused.

use std::fs;

use crate::support::fixture::digest;
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::tool;

const ARCHIVE: &str = "[[archive]]\nsource = \"go.tar.gz\"\npath = \"/usr/local/go\"\nstrip = 1\n";

/// Makes a scene with an archive of a program, a link to it, and a file that only root may read.
fn scene(configuration: &str) -> Scene {
    let scene = Scene::with("raspios-trixie");
    fs::create_dir_all(scene.at("go/bin")).unwrap();
    scene
        .file("cluster.toml", configuration)
        .file("go/bin/go", "a program\n")
        .file("go/bin/etcd", "another program\n")
        .file("go/token", "1234\n");
    let at = |path: &str| scene.at(path).display().to_string();
    let (folder, archive) = (at("go/.."), at("go.tar.gz"));
    tool("chmod", &["0755", &at("go/bin/go")]).done();
    tool("chmod", &["0600", &at("go/token")]).done();
    tool("ln", &["-s", "bin/go", &at("go/run")]).done();
    tool("tar", &["-C", &folder, "-czf", &archive, "go"]).done();
    scene
}

#[test]
fn the_content_of_an_archive_is_on_the_node() {
    let scene = scene(ARCHIVE);
    scene.build(&["--nodes", "1"]).done();
    let node = Node::open(&scene.image_path("etcd1"));
    assert_eq!(node.access("/usr/local/go/bin"), "directory 0755 root:root");
    assert_eq!(node.access("/usr/local/go/bin/go"), "file 0755 root:root");
    assert_eq!(node.text("/usr/local/go/bin/go"), "a program\n");
    assert_eq!(node.access("/usr/local/go/token"), "file 0600 root:root");
    assert_eq!(node.access("/usr/local/go/run"), "link → bin/go");
    // Somebody who sees the lock file must not be able to guess the file that only root may read.
    let lock = scene.text("etcd-image.lock");
    let (_, locked) = lock.split_once("[[archive]]\n").unwrap();
    assert!(
        locked.starts_with("path = \"/usr/local/go\"\nfingerprint = "),
        "{lock}"
    );
    assert!(!lock.contains(&digest(&scene.at("go.tar.gz"))), "{lock}");
    let plan = scene.run("plan", &["--nodes", "1"]).done();
    assert!(!plan.stdout.contains("1234"), "{}", plan.stdout);
}

#[test]
fn what_cannot_be_unpacked_is_refused() {
    let refuses = |change: [&str; 2], code: i32, message: &str| {
        let scene = scene(&ARCHIVE.replace(change[0], change[1]));
        let refused = scene.run("build", &["--nodes", "1"]);
        refused.refused_naming(code, &[message]);
    };
    refuses(["go.tar.gz", "none.tar"], 2, "reading the archive ");
    refuses(
        ["strip = 1", "strip = 9"],
        2,
        "contains nothing below 9 directories",
    );
    let empty = scene(
        &ARCHIVE
            .replace("go.tar.gz", "empty.tar")
            .replace("strip = 1", "strip = 0"),
    );
    fs::write(empty.at("empty.tar"), [0; 1024]).unwrap();
    let build = empty.run("build", &["--nodes", "1"]);
    build.refused_naming(2, &["empty.tar is empty"]);
    let digest = format!("strip = 1\nsha256 = \"{}\"", "0".repeat(64));
    refuses(["strip = 1", &digest], 3, "go.tar.gz");
    refuses(
        ["/usr/local/go", "/usr/local"],
        2,
        "cluster.toml:3: `/usr/local/bin/etcd` cannot be added: choose the release with `version` in [etcd]",
    );
}

//! Checks that every image carries a description of its node, which `inspect`, `verify` and `boot` read.

use std::fs;

use serde_json::Value;

use crate::support::checker::Disk;
use crate::support::fixture::copy_sparse;
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::tool;

const PATH: &str = "/usr/local/lib/etcd-node/node.json";

/// Builds the images of three nodes on that base.
fn built(base: &str) -> Scene {
    Scene::built(base, "", &["--nodes", "3"])
}

fn inspected(scene: &Scene, image: &str) -> Value {
    let outcome = scene.bare(&["inspect", image, "--json"]).done();
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Replaces or removes the description in a copy of the node's image, `other.img`.
fn with_description(scene: &Scene, json: Option<&str>) {
    let image = scene.at("other.img");
    copy_sparse(&scene.image_path("etcd2"), &image);
    let start = Disk::open(&image).partitions[1].start;
    let partition = format!("{}?offset={start}", image.display());
    let mut requests = vec![format!("rm {PATH}")];
    if let Some(json) = json {
        scene.file("node.json", json);
        requests.push(format!("write {} {PATH}", scene.at("node.json").display()));
    }
    for request in requests {
        tool("debugfs", &["-w", "-R", &request, &partition]).done();
    }
}

/// Returns the exit code and the error of `inspect other.img`.
fn refused(scene: &Scene) -> (Option<i32>, String) {
    let outcome = scene.bare(&["inspect", "other.img"]);
    (outcome.code, outcome.stderr)
}

#[test]
fn it_says_which_node_this_is_and_where_its_files_lie() {
    let scene = built("raspios-trixie");
    let node = Node::open(&scene.image_path("etcd2"));
    assert_eq!(node.access(PATH), "file 0644 root:root");
    let description: Value = serde_json::from_str(&node.text(PATH)).unwrap();
    let manifest = &scene.manifest()["nodes"][1];
    assert_eq!(description["format"], 1);
    assert_eq!(description["cluster"], "main");
    assert_eq!(description["node"], "etcd2");
    assert_eq!(
        description["network"],
        serde_json::json!({ "address": "192.168.0.51", "prefix": 24, "gateway": "192.168.0.1", "wifi": false })
    );
    assert_eq!(
        description["members"][2],
        serde_json::json!({
            "name": "etcd3", "client_url": "https://192.168.0.52:2379", "peer_url": "https://192.168.0.52:2380"
        })
    );
    assert_eq!(description["base"]["recipe"], "raspios-trixie");
    assert_eq!(description["base"]["sha256"], manifest["base"]["sha256"]);
    assert_eq!(description["etcd"]["version"], manifest["etcd"]["name"]);
    assert_eq!(description["machine_id"], manifest["machine_id"]);
    assert_eq!(description["login"]["host_key"], manifest["ssh_host_key"]);
    for (role, path) in [
        ("ca-certificate", "/etc/etcd/pki/ca.crt"),
        ("server-key", "/etc/etcd/pki/server.key"),
        ("host-key", "/etc/ssh/ssh_host_ed25519_key"),
        ("configuration", "/etc/etcd/etcd.conf.yml"),
        (
            "network",
            "/etc/NetworkManager/system-connections/etcd-eth0.nmconnection",
        ),
    ] {
        let files = description["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["role"] == role);
        assert_eq!(file.unwrap()["path"], path, "{role}");
    }
}

#[test]
fn it_holds_the_digest_of_every_public_file_and_of_no_secret() {
    let scene = built("raspios-trixie");
    let text = Node::open(&scene.image_path("etcd2")).text(PATH);
    let description: Value = serde_json::from_str(&text).unwrap();
    let recorded = scene.manifest()["nodes"][1]["files"].clone();
    let recorded = |path: &Value| {
        let files = recorded.as_array().unwrap();
        files
            .iter()
            .find(|file| file["path"] == *path)
            .unwrap()
            .clone()
    };
    let mut secrets = Vec::new();
    for file in description["files"].as_array().unwrap() {
        let digest = recorded(&file["path"])["sha256"].clone();
        if let Some(known) = file.get("sha256") {
            assert_eq!(*known, digest, "{}", file["path"]);
        } else {
            secrets.push(file["path"].as_str().unwrap().to_owned());
            assert!(!text.contains(digest.as_str().unwrap()));
        }
    }
    assert_eq!(
        secrets,
        [
            "/etc/NetworkManager/system-connections/etcd-eth0.nmconnection",
            "/etc/ssh/ssh_host_ed25519_key",
            "/etc/etcd/pki/server.key",
            "/etc/etcd/pki/peer.key",
            "/etc/etcd/client/client.key",
        ]
    );
}

#[test]
fn inspect_shows_the_node_of_every_kind_of_base() {
    for base in [
        "raspios-bookworm",
        "ubuntu-server-24.04",
        "ubuntu-core-18",
        "ubuntu-core-24",
    ] {
        let scene = built(base);
        let inspection = inspected(&scene, "images/etcd2.img");
        assert_eq!(inspection["hostname"], "etcd2", "{base}");
        assert_eq!(inspection["address"], "192.168.0.51/24", "{base}");
        assert_eq!(
            inspection["machine_id"].is_null(),
            base.starts_with("ubuntu-core"),
            "{base}"
        );
        assert_eq!(
            inspection["certificates"].as_array().unwrap().len(),
            4,
            "{base}"
        );
        let described = inspection["description"]["files"].as_array().unwrap().len();
        assert_eq!(
            inspection["files"].as_array().unwrap().len(),
            described,
            "{base}"
        );
    }
}

#[test]
fn a_base_is_not_a_node() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    let base = base.to_str().unwrap();
    assert_eq!(inspected(&scene, base)["description"], Value::Null);
    let verified = scene.bare(&["verify", base]);
    assert_eq!(verified.code, Some(3));
    let problem = "  the image is not a node: etcd-image did not build it\n";
    assert!(verified.stdout.ends_with(problem), "{}", verified.stdout);
}

#[test]
fn an_image_without_it_was_built_by_an_earlier_version() {
    let scene = built("raspios-trixie");
    with_description(&scene, None);
    let message = format!(
        "error: the image has no {PATH}: an earlier version of etcd-image built it\n\
         hint: build the image again with this version; the state directory keeps the node's identity\n"
    );
    assert_eq!(refused(&scene), (Some(4), message));
}

#[test]
fn a_newer_or_damaged_one_is_refused() {
    let scene = built("raspios-trixie");
    let newer = "{ \"format\": 2, \"written_by\": \"etcd-image 9.0.0\" }";
    with_description(&scene, Some(newer));
    let message = format!(
        "error: reading {PATH}: the node's description has format 2, but this version reads formats up to 1: \
         etcd-image 9.0.0 wrote it\n\
         hint: use the version of etcd-image that wrote the image, or a newer one\n"
    );
    assert_eq!(refused(&scene), (Some(4), message));
    with_description(&scene, Some("{ \"format\": 1 }"));
    let message = format!(
        "error: reading {PATH}: the node's description is damaged: missing field `written_by`\n\
         hint: fetch the image again, or build it again with the same state directory\n"
    );
    assert_eq!(refused(&scene), (Some(4), message));
    fs::remove_file(scene.at("other.img")).unwrap();
}

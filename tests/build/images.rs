//! Checks that `etcd-image build` writes complete, distinct, reproducible images and touches nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::compare::{planned, unplanned};
use crate::support::fixture::{digest, image, packed, release};
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::{tool, tool_in};

const NAMES: [&str; 3] = ["etcd1", "etcd2", "etcd3"];

/// The base families under test.
const FAMILIES: [&str; 5] = [
    "raspios-trixie",
    "raspios-bookworm",
    "debian-trixie",
    "ubuntu-server-24.04",
    "ubuntu-server-26.04",
];

#[test]
fn every_checker_accepts_three_images() {
    for family in FAMILIES {
        let scene = Scene::built(family, "", &["--nodes", "3"]);
        for name in NAMES {
            Node::open(&scene.image_path(name)).verdict().unwrap();
        }
    }
}

#[test]
fn the_output_folder_holds_the_images_and_what_belongs_to_them() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let files = scene.names("images");
    let visible = files.iter().filter(|path| !path.contains("/."));
    let expected = [
        "images/SHA256SUMS",
        "images/client/admin.crt",
        "images/client/admin.key",
        "images/client/ca.crt",
        "images/client/client.go",
        "images/client/client.py",
        "images/client/cluster.json",
        "images/client/curl.sh",
        "images/client/etcdctl.env",
        "images/client/grpcurl.sh",
        "images/client/known_hosts",
        "images/client/kubeadm-etcd.yaml",
        "images/client/patroni.yml",
        "images/client/prometheus.yml",
        "images/client/ssh_config",
        "images/etcd-image.rpi-imager-manifest",
        "images/etcd1.img",
        "images/etcd1.spdx.json",
        "images/etcd2.img",
        "images/etcd2.spdx.json",
        "images/etcd3.img",
        "images/etcd3.spdx.json",
        "images/manifest.json",
        "images/provenance.json",
    ];
    assert_eq!(visible.collect::<Vec<_>>(), expected);
    assert!(
        !files.iter().any(|path| path.ends_with(".partial")),
        "{files:?}"
    );
    let mode = |path: &str| fs::metadata(scene.at(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("images/client/admin.key"), 0o600);
    assert_eq!(mode("etcd-cluster"), 0o700);
    tool_in(
        &scene.at("images"),
        "sha256sum",
        &["--check", "--strict", "SHA256SUMS"],
    )
    .done();
}

#[test]
fn the_manifest_describes_every_image() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let manifest = scene.manifest();
    for (node, name) in manifest["nodes"].as_array().unwrap().iter().zip(NAMES) {
        let path = scene.image_path(name);
        assert_eq!(node["name"], name);
        assert_eq!(node["image"], format!("{name}.img"));
        assert_eq!(node["sha256"], digest(&path));
        assert_eq!(node["size"], fs::metadata(&path).unwrap().len());
        let id = format!("0x{}", node["disk_id"].as_str().unwrap());
        assert_eq!(id, Node::open(&path).disk.id);
        assert_eq!(node["base"]["sha256"], digest(&image("raspios-trixie")));
        assert_eq!(node["etcd"]["sha256"], digest(&release("arm64")));
    }
}

#[test]
fn nothing_else_of_the_base_changes() {
    for family in FAMILIES {
        let scene = Scene::built(family, "", &["--nodes", "3"]);
        let found = unplanned(&image(family), &scene.image_path("etcd1"), &planned(&scene));
        assert_eq!(found, Vec::<String>::new(), "{family}");
    }
}

#[test]
fn the_base_is_only_read() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    let before = (
        digest(&base),
        fs::metadata(&base).unwrap().modified().unwrap(),
    );
    scene.build(&["--nodes", "2"]);
    assert_eq!(
        (
            digest(&base),
            fs::metadata(&base).unwrap().modified().unwrap()
        ),
        before
    );
}

#[test]
fn a_rebuild_gives_the_same_bytes() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "3", "--out", "first", "--jobs", "1"]);
    scene.build(&["--nodes", "3", "--out", "second", "--jobs", "3"]);
    assert_eq!(
        scene.text("first/SHA256SUMS"),
        scene.text("second/SHA256SUMS")
    );
    let client = |out: &str| -> Vec<_> {
        let files = scene.snapshot(&format!("{out}/client"));
        files.into_iter().map(|(_, digest)| digest).collect()
    };
    assert_eq!(client("first"), client("second"));
}

#[test]
fn one_node_can_be_rebuilt_alone() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    scene.build(&["--nodes", "3", "--out", "one", "--only", "etcd2"]);
    assert_eq!(
        digest(&scene.image_path("etcd2")),
        digest(&scene.at("one/etcd2.img"))
    );
    assert!(!scene.at("one/etcd1.img").exists());
}

#[test]
fn another_state_folder_gives_another_cluster() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "1", "--out", "first"]);
    scene.build(&["--nodes", "1", "--out", "second", "--state", "other"]);
    let id = |out: &str| Node::open(&scene.at(&format!("{out}/etcd1.img"))).disk.id;
    assert_ne!(id("first"), id("second"));
    assert_ne!(
        scene.text("first/client/ca.crt"),
        scene.text("second/client/ca.crt")
    );
}

#[test]
fn a_compressed_base_gives_the_same_image_as_a_raw_one() {
    let raw = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let wanted = digest(&raw.image_path("etcd1"));
    for kind in ["xz", "xz-multi", "xz-two-streams", "xz-padded", "zst", "gz"] {
        let scene = Scene::on(&packed("raspios-trixie", kind));
        let state = raw.at("etcd-cluster");
        scene.build(&["--nodes", "1", "--state", state.to_str().unwrap()]);
        assert_eq!(digest(&scene.image_path("etcd1")), wanted, "{kind}");
    }
}

#[test]
fn debian_packages_and_folders_of_etcd_are_taken() {
    let unpacked = Scene::with("raspios-trixie");
    let tarball = release("arm64");
    std::fs::create_dir_all(unpacked.at("tmp")).unwrap();
    tool_in(
        &unpacked.at("tmp"),
        "tar",
        &["xzf".as_ref(), tarball.as_os_str()],
    )
    .done();
    let folder = unpacked.at("tmp").join("etcd-v3.6.14-linux-arm64");
    let packages = format!(
        "{},{}",
        release("deb-server").display(),
        release("deb-client").display()
    );
    for etcd in [folder, PathBuf::from(packages)] {
        let scene = Scene::with("raspios-trixie").etcd(&etcd);
        scene.build(&["--nodes", "1"]);
        let node = Node::open(&scene.image_path("etcd1"));
        for binary in ["etcd", "etcdctl", "etcdutl"] {
            assert_eq!(
                node.access(&format!("/usr/local/bin/{binary}")),
                "file 0755 root:root",
                "{}",
                etcd.display()
            );
        }
    }
}

#[test]
fn images_are_sparse_like_their_base() {
    use std::os::unix::fs::MetadataExt as _;
    // A shared build is a copy, which would be sparse in any case.
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "1"]);
    let on_disk = |path: &PathBuf| fs::metadata(path).unwrap().blocks() * 512;
    let (base, result) = (
        on_disk(&image("raspios-trixie")),
        on_disk(&scene.image_path("etcd1")),
    );
    assert!(
        result < base + (16 << 20),
        "{base} bytes on disk became {result}"
    );
}

#[test]
fn json_says_what_the_manifest_says() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.build(&["--nodes", "1", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let mut kept = scene.manifest()["nodes"].take();
    let mut withheld = Vec::new();
    for file in kept[0]["files"].as_array_mut().unwrap() {
        let private = file["mode"]
            .as_str()
            .is_some_and(|mode| mode.ends_with('0'));
        if private && file["kind"] == "file" {
            withheld.push(file["sha256"].take());
            file["sha256"] = "".into();
        }
    }
    assert_eq!(told["nodes"], kept);
    assert!(withheld.len() > 5 && withheld.iter().all(|it| it.as_str().unwrap().len() == 64));
}

#[test]
fn quiet_is_silent() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.build(&["--nodes", "1", "--quiet"]);
    assert_eq!((told.stdout.as_str(), told.stderr.as_str()), ("", ""));
}

#[test]
fn verify_accepts_what_was_built_and_nothing_else() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    scene.bare(&["verify", "images"]).done();
    tool(
        "cp",
        &[scene.image_path("etcd1"), scene.image_path("etcd2")],
    )
    .done();
    assert_eq!(scene.bare(&["verify", "images"]).code, Some(3));
}

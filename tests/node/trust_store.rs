//! Checks `trust-ca`: the store of trusted certificates is as Debian's own program would leave it.

use std::fs;
use std::path::Path;

use crate::support::checker::Disk;
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::{debugfs, tool};

const STORE: &str = "/etc/ssl/certs";
const OWN: &str = "/usr/local/share/ca-certificates";
const CONFIGURATION: &str = "[pki]\ntrust-ca = true\n";

/// Runs Debian's program on directories of the scene, and returns its output.
fn update(scene: &Scene) {
    let at = |path: &str| scene.at(path).display().to_string();
    let options = [
        ("--certsconf", "ca-certificates.conf"),
        ("--certsdir", "shipped"),
        ("--localcertsdir", "own"),
        ("--etccertsdir", "store"),
        ("--hooksdir", "hooks"),
    ];
    let options = options.map(|(option, path)| [option.to_owned(), at(path)]);
    tool("update-ca-certificates", &options.concat()).done();
}

/// Puts a store with one certificate, made by Debian's program, into the root of an image.
fn with_store(scene: &Scene, base: &Path) {
    fs::create_dir_all(scene.at("store")).unwrap();
    fs::create_dir_all(scene.at("own")).unwrap();
    fs::create_dir_all(scene.at("shipped")).unwrap();
    // Two, because openssl also links a bundle of one.
    for name in ["first", "second"] {
        let [key, out] = [format!("{name}.key"), format!("shipped/{name}.crt")]
            .map(|path| scene.at(&path).display().to_string());
        let subject = format!("/O=Shipped/CN={name}");
        let request = "req -x509 -newkey rsa:2048 -nodes -days 9";
        let mut words: Vec<&str> = request.split(' ').collect();
        words.extend(["-subj", &subject, "-keyout", &key, "-out", &out]);
        tool("openssl", &words).done();
    }
    scene.file("ca-certificates.conf", "first.crt\nsecond.crt\n");
    update(scene);
    let root = Disk::open(base).partitions[1].start;
    let partition = format!("{}?offset={root}", base.display());
    for folder in ["/etc/ssl", STORE] {
        debugfs(Path::new(&partition), &format!("mkdir {folder}"));
    }
    let bundle = scene.at("store/ca-certificates.crt");
    let request = format!("write {} {STORE}/ca-certificates.crt", bundle.display());
    debugfs(Path::new(&partition), &request);
}

#[test]
fn the_store_is_as_update_ca_certificates_leaves_it() {
    let mut scene = Scene::with("raspios-trixie");
    let base = scene.own_base();
    with_store(&scene, &base);
    scene.file("cluster.toml", CONFIGURATION);
    scene.build(&["--nodes", "1"]);
    let node = Node::open(&scene.image_path("etcd1"));
    let ca = node.save(&format!("{OWN}/etcd-ca.crt"));
    fs::copy(ca, scene.at("own/etcd-ca.crt")).unwrap();
    let before = scene.names("store");
    update(&scene);

    assert_eq!(
        node.text(&format!("{STORE}/ca-certificates.crt")),
        scene.text("store/ca-certificates.crt")
    );
    assert_eq!(
        node.access(&format!("{STORE}/ca-certificates.crt")),
        "file 0644 root:root"
    );
    let mut added = scene.names("store");
    added.retain(|name| !before.contains(name));
    assert_eq!(added.len(), 2, "{added:?}");
    for name in added {
        let target = fs::read_link(scene.at(&name))
            .unwrap()
            .display()
            .to_string();
        let target = target.replace(&scene.at("own").display().to_string(), OWN);
        let path = name.replacen("store", STORE, 1);
        assert_eq!(node.access(&path), format!("link → {target}"), "{path}");
    }
}

#[test]
fn a_base_without_a_store_gets_one() {
    let scene = Scene::built("raspios-trixie", CONFIGURATION, &["--nodes", "1"]);
    let node = Node::open(&scene.image_path("etcd1"));
    let ca = scene.text("images/client/ca.crt");
    assert_eq!(node.text(&format!("{STORE}/ca-certificates.crt")), ca);
    assert_eq!(node.text(&format!("{OWN}/etcd-ca.crt")), ca);
    assert_eq!(
        node.access(&format!("{STORE}/etcd-ca.pem")),
        format!("link → {OWN}/etcd-ca.crt")
    );
    scene.bare(&["verify", "images"]).done();
}

//! Checks where a node keeps its certificates: the presets of `layout`, and the copies of `[[certificate]]`.

use std::collections::BTreeSet;

use crate::support::checker::{chain, key_fits, leaf};
use crate::support::node::Node;
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// Returns every path of a certificate or key that the file names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || "={}'\"".contains(c));
    let is_path = |word: &&str| {
        let ends = [".crt", ".key", ".pem"];
        word.starts_with('/') && ends.iter().any(|end| word.ends_with(end))
    };
    words.filter(is_path).map(str::to_owned).collect()
}

/// Builds one node with this layout, and returns it with the paths of its certificates. Configuration, scripts and the
/// settings of etcdctl name only paths that exist, and `verify` accepts the image.
fn with_layout(layout: &str) -> (Scene, Node, Vec<String>) {
    let configuration = format!(
        "[ssh]\netcdctl = \"none\"\n[pki]\nlayout = \"{layout}\"\n[[node]]\nname = \"dcs-00\"\naddress = \"192.168.0.10\"\n"
    );
    let scene = Scene::built("raspios-trixie", &configuration, &[]);
    let node = Node::open(&scene.image_path("dcs-00"));
    let configured = named(&node.text("/etc/etcd/etcd.conf.yml"));
    assert_eq!(
        named(&node.text("/usr/local/lib/etcd-node/join")),
        configured
    );
    assert!(named(&node.text("/etc/profile.d/etcdctl.sh")).is_subset(&configured));
    let ca = scene.at("images/client/ca.crt");
    for path in &configured {
        let pem = node.text(path);
        if pem.contains("PRIVATE KEY") {
            let certificate = path
                .replace("-key.pem", "-cert.pem")
                .replace(".key", ".crt");
            let certificate = match layout {
                "etcd-pi" => "/etc/etcd/pki/etcd.pem",
                _ => &certificate,
            };
            key_fits(&node.save(certificate), &node.save(path)).unwrap();
        } else if *path != ca_of(&node) {
            for purpose in ["sslserver", "sslclient"] {
                chain(&ca, &node.save(path), purpose).unwrap();
            }
        }
    }
    let verified = scene.bare(&["verify", "images"]).done();
    assert!(verified.stdout.contains(": good, "), "{}", verified.stdout);
    let accesses = configured
        .iter()
        .map(|path| format!("{path} {}", node.access(path)));
    let accesses = accesses.collect();
    (scene, node, accesses)
}

fn ca_of(node: &Node) -> String {
    let settings = node.text("/etc/profile.d/etcdctl.sh");
    let (_, rest) = settings.split_once("ETCDCTL_CACERT:=").unwrap();
    rest.split('}').next().unwrap().to_owned()
}

#[test]
fn the_layout_of_a_pi_has_one_certificate() {
    let (scene, _, accesses) = with_layout("etcd-pi");
    assert_eq!(
        accesses,
        [
            "/etc/etcd/pki/ca.pem file 0644 root:root",
            "/etc/etcd/pki/etcd-key.pem file 0600 etcd:etcd",
            "/etc/etcd/pki/etcd.pem file 0644 root:root",
        ]
    );
    assert!(!scene.at("etcd-cluster/nodes/dcs-00/peer.crt").exists());
}

#[test]
fn the_flat_layout_has_certificates_named_after_the_host() {
    let (_, node, accesses) = with_layout("flat");
    assert_eq!(
        accesses,
        [
            "/etc/etcd/ca-etcd-chain-cert.pem file 0644 root:root",
            "/etc/etcd/dcs-00-cert.pem file 0644 root:root",
            "/etc/etcd/dcs-00-key.pem file 0600 etcd:etcd",
            "/etc/etcd/dcs-00-peer-cert.pem file 0644 root:root",
            "/etc/etcd/dcs-00-peer-key.pem file 0600 etcd:etcd",
        ]
    );
    assert_eq!(node.access("/etc/etcd/pki"), "nothing");
}

#[test]
fn the_dcs_layout_is_open_to_the_group() {
    let (scene, node, accesses) = with_layout("dcs");
    assert_eq!(
        accesses,
        [
            "/etc/dcs/cert/ca.crt file 0640 etcd:etcd",
            "/etc/dcs/cert/dcs-00.crt file 0640 etcd:etcd",
            "/etc/dcs/cert/dcs-00.key file 0640 etcd:etcd",
        ]
    );
    for folder in ["/etc/dcs", "/etc/dcs/cert"] {
        assert_eq!(node.access(folder), "directory 0750 etcd:etcd");
    }
    let inspected = scene.bare(&["inspect", "images/dcs-00.img"]).done().stdout;
    let blanks = inspected.lines().find(|line| line.ends_with(' '));
    assert_eq!(blanks, None);
    let certificates = inspected.lines().filter(|line| line.contains(" until "));
    let names: Vec<&str> = certificates
        .filter_map(|line| line.split("  ").last())
        .collect();
    assert!(names[0].ends_with(" CA"), "{inspected}");
    let shown = inspected
        .lines()
        .filter_map(|line| line.strip_prefix("  certificate "));
    let shown: Vec<_> = shown
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(shown, ["ca", "node"]);
}

const COPIES: &str = r#"
[[certificate]]
role = "ca"
path = "/etc/app/ca.crt"

[[certificate]]
role = "server"
path = "/etc/etcd/pki/both.pem"
key = "/etc/etcd/pki/both.pem"
key-mode = "0640"
owner = "root:etcd"

[[certificate]]
role = "client"
path = "/etc/app/client.crt"
key = "/etc/app/client.key"
owner = "pi:pi"

[[certificate]]
role = "client"
path = "/etc/app/nameless.crt"
key = "/etc/app/nameless.key"
common-name = ""
nodes = ["etcd1"]
"#;

#[test]
fn copies_are_always_the_current_certificates() {
    let scene = Scene::built("raspios-trixie", COPIES, &["--nodes", "2"]);
    let sans = format!("[pki]\nextra-sans = [\"*.kube.demo\"]\n{COPIES}");
    scene.file("cluster.toml", &sans);
    scene.build(&["--nodes", "2"]);
    let [first, second] = ["etcd1", "etcd2"].map(|name| Node::open(&scene.image_path(name)));
    let both = first.text("/etc/etcd/pki/both.pem");
    let pair =
        ["server.crt", "server.key"].map(|name| first.text(&format!("/etc/etcd/pki/{name}")));
    assert_eq!(both, pair.concat());
    assert!(
        leaf(&first.save("/etc/etcd/pki/both.pem"))
            .names
            .contains("DNS:*.kube.demo")
    );
    assert_eq!(
        first.text("/etc/app/ca.crt"),
        first.text("/etc/etcd/pki/ca.crt")
    );
    for (path, access) in [
        ("/etc/etcd/pki/both.pem", "file 0640 root:etcd"),
        ("/etc/app/ca.crt", "file 0644 root:root"),
        ("/etc/app/client.crt", "file 0644 pi:pi"),
        ("/etc/app/client.key", "file 0600 pi:pi"),
    ] {
        assert_eq!(first.access(path), access, "{path}");
    }
    let ca = first.save("/etc/app/ca.crt");
    for (name, subject) in [
        ("client", "subject=CN=etcd1\n"),
        ("nameless", "subject=O=main\n"),
    ] {
        let certificate = first.save(&format!("/etc/app/{name}.crt"));
        chain(&ca, &certificate, "sslclient").unwrap();
        chain(&ca, &certificate, "sslserver").unwrap_err();
        key_fits(&certificate, &first.save(&format!("/etc/app/{name}.key"))).unwrap();
        let certificate = certificate.to_str().unwrap();
        let shown = tool(
            "openssl",
            &[
                "x509",
                "-noout",
                "-subject",
                "-nameopt",
                "RFC2253",
                "-in",
                certificate,
            ],
        );
        assert_eq!(shown.done().text(), subject);
    }
    assert_eq!(second.access("/etc/app/nameless.key"), "nothing");
    let verified = scene.bare(&["verify", "images"]).done();
    assert_eq!(
        verified.stdout.matches(": good, ").count(),
        2,
        "{}",
        verified.stdout
    );
}

/// Makes a root CA `root` and an intermediate `ca` below it, with the chain in `chain.pem`.
fn intermediate(scene: &Scene) {
    let at = |name: &str| scene.at(name).display().to_string();
    let openssl = |command: &str| {
        let words: Vec<String> = command
            .split(' ')
            .map(|word| word.replace('@', &at("")))
            .collect();
        tool("openssl", &words).done();
    };
    scene.file(
        "extensions",
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n",
    );
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {new} -days 900 -addext keyUsage=critical,keyCertSign -subj /CN=root -keyout @root.key -out @root.pem"
    ));
    openssl(&format!(
        "req {new} -subj /CN=below -keyout @ca.key -out @request"
    ));
    openssl(
        "x509 -req -in @request -CA @root.pem -CAkey @root.key -set_serial 7 -days 800 -extfile @extensions -out @ca.pem",
    );
    scene.file(
        "chain.pem",
        &[scene.text("ca.pem"), scene.text("root.pem")].concat(),
    );
}

#[test]
fn a_node_of_an_intermediate_ca_has_the_chain_up_to_the_root() {
    let scene = Scene::with("raspios-trixie");
    intermediate(&scene);
    scene.file(
        "cluster.toml",
        "[pki]\nca-certificate = \"chain.pem\"\nca-key = \"ca.key\"\nlayout = \"flat\"\n",
    );
    scene.build(&["--nodes", "1"]).done();
    let node = Node::open(&scene.image_path("etcd1"));
    let ca = node.save("/etc/etcd/ca-etcd-chain-cert.pem");
    assert_eq!(
        node.text("/etc/etcd/ca-etcd-chain-cert.pem"),
        scene.text("chain.pem")
    );
    assert_eq!(scene.text("images/client/ca.crt"), scene.text("chain.pem"));
    for name in ["etcd1-cert.pem", "etcd1-peer-cert.pem"] {
        let certificate = node.save(&format!("/etc/etcd/{name}"));
        for purpose in ["sslserver", "sslclient"] {
            chain(&ca, &certificate, purpose).unwrap();
        }
        chain(&scene.at("root.pem"), &certificate, "sslserver").unwrap_err();
    }
    let verified = scene.bare(&["verify", "images"]).done();
    assert!(verified.stdout.contains(": good, "), "{}", verified.stdout);
    let alone = scene.text("ca.pem");
    scene.file("chain.pem", &alone);
    let other = ["--nodes", "1", "--state", "other", "--out", "other-images"];
    scene.run("build", &other).refused_naming(
        2,
        &["chain.pem ends with `CN=below`, an intermediate CA: the certificates above it are missing, up to the root"],
    );
}

//! Tests that start from one valid configuration, change one thing, and expect exactly the resulting complaints.

use std::io;
use std::path::Path;

use super::*;

mod appliance;
mod auth;
mod certificates;
mod choices;
mod etcd;
mod every_setting;
mod examples;
mod files;
mod init;
mod interfaces;
mod misspelt;
mod mistakes;
#[cfg(target_os = "linux")]
mod mutated;
mod nodes;
#[cfg(target_os = "linux")]
mod sshd;
mod without_effect;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me";

/// The valid configuration. Line numbers in the tests count from its first line.
const VALID: &str = r#"[cluster]
name = "lab"
domain = "kube.demo"
base = "debian-trixie"
token = "lab-1"
[network]
interface = "wlan0"
prefix = 24
gateway = "10.1.2.1"
dns = ["10.1.2.1", "9.9.9.9"]
[network.wifi]
ssid = "home"
password = "correct horse"
country = "DE"
[[node]]
name = "etcd1"
address = "10.1.2.50"
[[node]]
name = "etcd2"
address = "10.1.2.51"
board = "pi5"
[[node]]
name = "etcd3"
address = "10.1.2.52"
[etcd]
version = "3.5.34"
heartbeat-interval = 250
election-timeout = 2500
quota = "512MiB"
extra = { snapshot-count = 10000, auto-compaction-retention = "1h" }
[ssh]
user = "admin"
authorized-keys = [
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me",
]
password-hash = "$6$kSKJnrYzZ8x9$j3KI9v/v0gzHQAqvo/azw9/h6WozR9fBfnO17Mwk.YiCcaoYNDI1tv8eZQM2qKekhULSdhVb3IEXalLGyQJuF0"
[pki]
key = "rsa-2048"
ca-days = 100
leaf-days = 50
extra-sans = ["*.kube.demo", "10.1.2.9"]
[hosts]
"10.1.2.9" = ["vip", "vip.kube.demo"]
[[file]]
path = "/etc/motd"
source = "motd"
[[file]]
path = "/etc/default/check"
content = "hello"
mode = "0600"
owner = "root:adm"
node = "etcd2"
"#;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let known = [
        "lab/motd",
        "lab/ca.pem",
        "lab/tree/bin/run",
        "lab/tree/notes",
    ];
    if known.map(Path::new).contains(&path) {
        return Ok(b"welcome".to_vec());
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Lists `lab/tree`, the only directory that can be read.
fn walk(path: &Path) -> io::Result<Option<Vec<Walked>>> {
    let walked = |path: &str, kind| Walked {
        path: path.to_owned(),
        kind,
    };
    match path.to_str() {
        Some("lab/locked") => Err(io::ErrorKind::PermissionDenied.into()),
        Some("lab/tree") => Ok(Some(vec![
            walked("bin", WalkedKind::Folder),
            walked("bin/run", WalkedKind::File { executable: true }),
            walked("notes", WalkedKind::File { executable: false }),
            walked("start", WalkedKind::Link("bin/run".to_owned())),
        ])),
        _ => Ok(None),
    }
}

fn input(text: &str) -> Input {
    Input {
        flags: Flags::default(),
        config: Some(TextFile {
            path: "lab/cluster.toml".into(),
            text: text.to_owned(),
        }),
        row: None,
        default_keys: vec![key_file(KEY)],
        now: 1_795_780_800,
        purpose: Purpose::Images,
        read,
        walk,
    }
}

fn key_file(text: &str) -> TextFile {
    TextFile {
        path: "id.pub".into(),
        text: text.to_owned(),
    }
}

fn numbered(nodes: u32) -> Input {
    let flags = Flags {
        nodes: Some(nodes),
        ..Flags::default()
    };
    Input {
        flags,
        config: None,
        ..input("")
    }
}

/// Returns every complaint about an invalid input.
#[track_caller]
fn complaints(input: &Input) -> Vec<String> {
    resolve(input)
        .expect_err("the configuration has a mistake")
        .complaints
}

#[track_caller]
fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster
        .nodes
        .iter()
        .map(|node| node.address.to_string())
        .collect()
}

#[test]
fn a_number_of_nodes_is_enough() {
    let cluster = resolve(&numbered(3)).unwrap();
    let names: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["etcd1", "etcd2", "etcd3"]);
    assert_eq!(
        addresses(&cluster),
        ["192.168.0.50", "192.168.0.51", "192.168.0.52"]
    );
    assert_eq!(
        cluster.network.gateway,
        Some("192.168.0.1".parse().unwrap())
    );
    assert_eq!(
        cluster.network.dns,
        ["1.1.1.1".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(
        (cluster.network.interface.as_deref(), cluster.network.prefix),
        (None, 24)
    );
    assert_eq!(
        (cluster.domain.as_str(), cluster.ssh.user.as_str()),
        ("local", "pi")
    );
    assert_eq!(cluster.ssh.authorized_keys, [KEY]);
    assert_eq!(
        cluster.base,
        BaseChoice::Recipe("raspios-trixie".to_owned())
    );
    assert_eq!(
        cluster.etcd.source,
        EtcdSource::Version("3.6.14".to_owned())
    );
    assert_eq!(
        (
            cluster.etcd.heartbeat_interval,
            cluster.etcd.election_timeout
        ),
        (500, 5000)
    );
    assert_eq!(cluster.etcd.quota, 2 << 30);
    assert_eq!(
        (cluster.pki.key, cluster.pki.ca_days),
        (KeyKind::EcdsaP256, 3650)
    );
    assert_eq!((cluster.token, cluster.ssh.password_hash), (None, None));
    assert!(cluster.warnings.is_empty());
}

#[test]
fn a_full_file_means_what_it_says() {
    let cluster = resolve(&input(VALID)).unwrap();
    assert_eq!(
        (cluster.name.as_str(), cluster.token.as_deref()),
        ("lab", Some("lab-1"))
    );
    assert_eq!(addresses(&cluster), ["10.1.2.50", "10.1.2.51", "10.1.2.52"]);
    assert_eq!(cluster.nodes[1].board, Some(Board::Pi5));
    assert_eq!(cluster.network.interface.as_deref(), Some("wlan0"));
    assert_eq!(cluster.etcd.quota, 512 << 20);
    assert_eq!(
        cluster
            .network
            .wifi
            .as_ref()
            .and_then(|wifi| wifi.networks[0].password.as_ref())
            .unwrap()
            .reveal(),
        b"correct horse"
    );
    assert_eq!(cluster.hosts[0].names, ["vip", "vip.kube.demo"]);
    let file = ExtraContent::File(b"welcome".to_vec());
    assert_eq!(cluster.files[0].content, file);
    assert_eq!(
        (cluster.files[0].mode, cluster.files[0].owner.as_str()),
        (0o644, "root:root")
    );
    assert_eq!(
        (cluster.files[1].mode, cluster.files[1].node.as_deref()),
        (0o600, Some("etcd2"))
    );
    let extra = [
        ("snapshot-count", toml::Value::Integer(10000)),
        ("auto-compaction-retention", "1h".into()),
    ];
    assert_eq!(
        cluster.etcd.extra,
        extra.map(|(key, value)| (key.to_owned(), value))
    );
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let spied = input(VALID);
    let cluster = resolve(&spied).unwrap();
    let shown = format!("{spied:?} {cluster:?}");
    for secret in ["correct horse", "kSKJnrYzZ8x9", "welcome", "hello"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

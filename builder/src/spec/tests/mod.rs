//! One valid configuration; spoil one thing; expect exactly the complaints it deserves.

use std::io;
use std::path::Path;

use super::*;

mod spoilt;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me";

/// Line numbers in the tables below count from its first line.
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
password-hash = "$6$kSKJnrYzZ8x9$1jCzqkxDa1aTbkVxEVAE4JNI2DYOlWmMXmFfLNF2OGMkCwkyS0wUwKeXJHm5Gy1Yw8mCJmC3BGGVnXoOQ4cVx0"
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
path = "/etc/cron.d/check"
content = "hello"
mode = "0600"
owner = "root:adm"
node = "etcd2"
"#;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("lab/motd") {
        return Ok(b"welcome".to_vec());
    }
    Err(io::ErrorKind::NotFound.into())
}

fn input(text: &str) -> Input {
    Input {
        flags: Flags::default(),
        config: Some(TextFile {
            path: "lab/cluster.toml".into(),
            text: text.to_owned(),
        }),
        default_keys: vec![key_file(KEY)],
        access: Access::Required,
        read,
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

/// Every complaint about an input that must have some.
#[track_caller]
fn complaints(input: &Input) -> Vec<String> {
    resolve(input)
        .expect_err("the configuration is spoilt")
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
        (cluster.network.interface.as_str(), cluster.network.prefix),
        ("eth0", 24)
    );
    assert_eq!(
        (cluster.domain.as_str(), cluster.ssh.user.as_str()),
        ("local", "pi")
    );
    assert_eq!(cluster.ssh.authorized_keys, [KEY]);
    assert_eq!(cluster.base, Base::Recipe("raspios-trixie".to_owned()));
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
    assert_eq!(cluster.etcd.quota, 512 << 20);
    assert_eq!(
        cluster.network.wifi.as_ref().unwrap().password.reveal(),
        b"correct horse"
    );
    assert_eq!(cluster.hosts[0].names, ["vip", "vip.kube.demo"]);
    assert_eq!(cluster.files[0].content, b"welcome");
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

#[test]
fn flags_win_over_the_file() {
    let mut input = input(VALID);
    input.flags.nodes = Some(3);
    input.flags.base = Some("./my.img.xz".to_owned());
    input.flags.etcd = Some("etcd-v3.4.45-linux-arm64.tar.gz".to_owned());
    input.flags.ssh_keys = vec![key_file(&format!("# mine\n\n{KEY}\n{KEY}\nno-pty {KEY}\n"))];
    let cluster = resolve(&input).unwrap();
    assert_eq!(cluster.base, Base::Image("./my.img.xz".into()));
    assert_eq!(
        cluster.etcd.source,
        EtcdSource::Path("etcd-v3.4.45-linux-arm64.tar.gz".into())
    );
    assert_eq!(
        cluster.ssh.authorized_keys,
        [KEY.to_owned(), format!("no-pty {KEY}")]
    );
}

#[test]
fn paths_in_the_file_start_at_its_folder() {
    let text = VALID
        .replace("debian-trixie", "base.img")
        .replace("3.5.34", "a.deb,b.deb");
    let cluster = resolve(&input(&text)).unwrap();
    assert_eq!(cluster.base, Base::Image("lab/base.img".into()));
    assert_eq!(
        cluster.etcd.source,
        EtcdSource::Path("lab/a.deb,lab/b.deb".into())
    );
}

#[test]
fn wrong_flags_are_named() {
    let mut wrong = numbered(3);
    wrong.flags.base = Some("Raspios".to_owned());
    wrong.flags.etcd = Some("latest".to_owned());
    wrong.flags.ssh_keys = vec![key_file("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")];
    assert_eq!(
        complaints(&wrong),
        [
            "--base: `Raspios` is neither a recipe nor an image; write ./Raspios for a file",
            "--etcd: `latest` is neither a release such as 3.6.14 nor a path; write ./latest for a folder",
            "--ssh-key: id.pub: that is a private key; give its public half, the file that ends in .pub",
        ]
    );
}

#[test]
fn the_number_of_nodes_has_limits() {
    for count in [0, 100, u32::MAX] {
        assert_eq!(
            complaints(&numbered(count)),
            ["--nodes: give a number from 1 to 99"]
        );
    }
    let missing =
        "--nodes: give a number, as in --nodes 3, or describe each node by a [[node]] table";
    assert_eq!(complaints(&input("")), [missing]);
    let mut other = input(VALID);
    other.flags.nodes = Some(5);
    assert_eq!(
        complaints(&other),
        ["--nodes: asks for 5 nodes, but the file describes 3"]
    );
    let many: String = (1..=100)
        .map(|n| {
            format!(
                "[[node]]\nname = \"n{n}\"\naddress = \"192.168.0.{}\"\n",
                n + 1
            )
        })
        .collect();
    assert_eq!(
        complaints(&input(&many)),
        ["lab/cluster.toml:298: there are 100 nodes; at most 99 are allowed"]
    );
}

#[test]
fn even_and_large_clusters_are_warned_about() {
    for (count, warning) in [
        (1, None),
        (
            2,
            Some("2 members survive the loss of 0, the same as 1; choose an odd number"),
        ),
        (3, None),
        (
            4,
            Some("4 members survive the loss of 1, the same as 3; choose an odd number"),
        ),
        (7, None),
        (
            9,
            Some("9 members: every write waits for a majority of them; etcd advises at most 7"),
        ),
    ] {
        let cluster = resolve(&numbered(count)).unwrap();
        assert_eq!(
            cluster.warnings.first().map(String::as_str),
            warning,
            "{count}"
        );
    }
    let large = input(&VALID.replace("\"512MiB\"", "8589934593"));
    assert!(resolve(&large).unwrap().warnings[0].starts_with("quota is 8589934593 bytes; "));
}

#[test]
fn numbered_nodes_follow_the_gateway_of_the_file() {
    for (gateway, prefix, wanted) in [
        ("10.7.0.1", 24, ["10.7.0.50", "10.7.0.51"]),
        ("10.7.3.1", 16, ["10.7.0.50", "10.7.0.51"]),
        ("fd00::1", 64, ["fd00::50", "fd00::51"]),
    ] {
        let mut input = input(&format!(
            "[network]\ngateway = \"{gateway}\"\nprefix = {prefix}\n"
        ));
        input.flags.nodes = Some(2);
        assert_eq!(addresses(&resolve(&input).unwrap()), wanted);
    }
    let mut narrow = input("[network]\nprefix = 28\n");
    narrow.flags.nodes = Some(1);
    assert_eq!(
        complaints(&narrow),
        [
            "default of network.gateway: gateway 192.168.0.1 is outside the nodes' network 192.168.0.48/28; \
          set `gateway` in [network], or \"none\""
        ]
    );
}

#[test]
fn ipv6_is_as_good_as_ipv4() {
    let text = "[network]\ngateway = \"fe80::1\"\n[[node]]\nname = \"a\"\naddress = \"fd00::a\"\n";
    let cluster = resolve(&input(text)).unwrap();
    assert_eq!(cluster.network.prefix, 64);
    assert_eq!(cluster.network.dns[0].to_string(), "2606:4700:4700::1111");
    let mixed = format!("{text}[[node]]\nname = \"b\"\naddress = \"10.0.0.1\"\n");
    assert_eq!(
        complaints(&input(&mixed)),
        ["lab/cluster.toml:8: address 10.0.0.1 is not of the same family as fd00::/64"]
    );
}

#[test]
fn a_network_may_have_no_gateway_and_no_name_server() {
    let text = "[network]\ngateway = \"none\"\ndns = []\n[[node]]\nname = \"a\"\naddress = \"192.168.56.10\"\n";
    let cluster = resolve(&input(text)).unwrap();
    assert_eq!(
        (cluster.network.gateway, cluster.network.dns),
        (None, Vec::new())
    );
}

#[test]
fn somebody_must_be_able_to_log_in() {
    let mut nobody = numbered(1);
    nobody.default_keys = vec![key_file("ssh-ed25519-cert-v01@openssh.com AAAA me")];
    let told = complaints(&nobody);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("--ssh-key: no SSH public key in ~/.ssh/*.pub"),
        "{told:?}"
    );
    nobody.access = Access::Optional;
    assert!(resolve(&nobody).is_ok());

    let mut by_ca = input(&format!("[ssh]\ntrusted-user-ca = [\"{KEY}\"]\n"));
    by_ca.flags.nodes = Some(1);
    let ssh = resolve(&by_ca).unwrap().ssh;
    assert_eq!(
        (ssh.authorized_keys, ssh.trusted_user_ca),
        (Vec::new(), vec![KEY.to_owned()])
    );
}

#[test]
fn several_complaints_become_one_failure() {
    let text = VALID
        .replace("\"lab\"", "\"Lab\"")
        .replace("\"DE\"", "\"de\"");
    let error = anyhow::Error::from(resolve(&input(&text)).unwrap_err());
    let failure: &crate::failure::Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, crate::failure::Kind::Usage);
    assert_eq!(
        failure.message,
        "2 things to correct\n  \
         lab/cluster.toml:2: `Lab` is not a cluster name: use lower-case letters, digits and `-`\n  \
         lab/cluster.toml:14: `de` is not a country: write two capital letters, as in \"DE\""
    );
}

//! Checks a node image: modes and owners of its files, its own identity, and certificates that others accept.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::checker::{chain, key_fits, leaf};
use crate::support::node::Node;
use crate::support::scene::{SSH_KEY, Scene};
use crate::support::tool::tool;

const DAY: i64 = 86_400;

/// Builds three nodes with the default addresses, 192.168.0.50 upward.
fn three() -> (Scene, Vec<Node>) {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let nodes = ["etcd1", "etcd2", "etcd3"].map(|name| Node::open(&scene.image_path(name)));
    (scene, nodes.into())
}

#[test]
fn every_file_has_its_mode_and_owner() {
    let (_scene, nodes) = three();
    for wanted in "\
        /usr/local/bin/etcd: file 0755 root:root
        /usr/local/bin/etcdctl: file 0755 root:root
        /usr/local/lib/etcd-node/etcdctl: file 0755 root:root
        /usr/local/bin/etcdutl: file 0755 root:root
        /usr/local/lib/etcd-node/etcdutl: file 0755 root:root
        /etc/etcd/pki/ca.crt: file 0644 root:root
        /etc/etcd/pki/server.crt: file 0644 root:root
        /etc/etcd/pki/peer.crt: file 0644 root:root
        /etc/etcd/pki/server.key: file 0600 etcd:etcd
        /etc/etcd/pki/peer.key: file 0600 etcd:etcd
        /etc/etcd/client/client.crt: file 0644 root:root
        /etc/etcd/client/client.key: file 0600 pi:pi
        /var/lib/etcd: directory 0700 etcd:etcd
        /etc/systemd/system/etcd.service: file 0644 root:root
        /etc/profile.d/etcdctl.sh: file 0644 root:root
        /etc/NetworkManager/system-connections/etcd-eth0.nmconnection: file 0600 root:root
        /home/pi: directory 0700 pi:pi
        /home/pi/.ssh: directory 0700 pi:pi
        /home/pi/.ssh/authorized_keys: file 0600 pi:pi
        /etc/ssh/ssh_host_ed25519_key: file 0600 root:root
        /etc/ssh/ssh_host_ed25519_key.pub: file 0644 root:root
        /etc/hostname: file 0644 root:root
        /etc/hosts: file 0644 root:root
        /etc/machine-id: file 0444 root:root
        /etc/passwd: file 0644 root:root
        /etc/group: file 0644 root:root
        /etc/shadow: file 0640 root:shadow
        /etc/gshadow: file 0640 root:shadow"
        .lines()
    {
        let (path, access) = wanted.trim().split_once(": ").unwrap();
        for node in &nodes {
            assert_eq!(node.access(path), access, "{path}");
        }
    }
    let configuration = nodes[0].access("/etc/etcd/etcd.conf.yml");
    assert!(
        ["file 0644 root:root", "file 0640 root:etcd"].contains(&configuration.as_str()),
        "{configuration}"
    );
}

#[test]
fn what_the_base_marked_specially_stays_so() {
    let (_scene, nodes) = three();
    assert_eq!(nodes[0].access("/usr/bin/sudo"), "file 4755 root:root");
    let ping = nodes[0].ext4.stat("/usr/bin/ping").unwrap();
    assert!(
        ping.xattrs.contains("security.capability (20)"),
        "{}",
        ping.xattrs
    );
    assert_eq!(nodes[0].ext4.stat("/usr/bin/perl").unwrap().links, 2);
    for (link, target) in [
        ("/lib", "usr/lib"),
        ("/bin", "usr/bin"),
        ("/etc/os-release", "../usr/lib/os-release"),
    ] {
        assert_eq!(nodes[0].access(link), format!("link → {target}"));
    }
}

#[test]
fn identities_are_distinct_and_consistent() {
    let (scene, nodes) = three();
    let distinct =
        |of: &dyn Fn(&Node) -> String| nodes.iter().map(of).collect::<BTreeSet<_>>().len();
    let known_hosts = scene.text("images/client/known_hosts");
    for (node, name) in nodes.iter().zip(["etcd1", "etcd2", "etcd3"]) {
        assert_eq!(node.text("/etc/hostname"), format!("{name}\n"));
        let machine = node.text("/etc/machine-id");
        assert!(
            machine.len() == 33
                && machine
                    .trim_end()
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{machine}"
        );
        let public = node.text("/etc/ssh/ssh_host_ed25519_key.pub");
        let key = public.split_whitespace().nth(1).unwrap();
        let line = known_hosts
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap();
        assert!(line.ends_with(&format!("ssh-ed25519 {key}")), "{line}");
        host_key_fits(node, key);
        let id = node.disk.id.trim_start_matches("0x");
        let table = node.text("/etc/fstab");
        assert!(
            table.contains(&format!("PARTUUID={id}-01  /boot/firmware")),
            "{table}"
        );
        assert!(table.contains(&format!("PARTUUID={id}-02  /  ")), "{table}");
        assert!(
            node.kernel_arguments()
                .contains(&format!("root=PARTUUID={id}-02"))
        );
        assert_ne!(id, "5e1f0a37");
    }
    assert_eq!(distinct(&|node| node.disk.id.clone()), 3);
    assert_eq!(distinct(&|node| node.text("/etc/machine-id")), 3);
    assert_eq!(
        distinct(&|node| node.text("/etc/ssh/ssh_host_ed25519_key.pub")),
        3
    );
}

/// Asserts that OpenSSH derives the same public key from the private one.
#[track_caller]
fn host_key_fits(node: &Node, public: &str) {
    let key = node.save("/etc/ssh/ssh_host_ed25519_key");
    tool("chmod", &["600".as_ref(), key.as_os_str()]).done();
    let derived = tool(
        "ssh-keygen",
        &["-y".as_ref(), "-f".as_ref(), key.as_os_str()],
    )
    .done()
    .text();
    assert_eq!(derived.split_whitespace().nth(1), Some(public));
}

#[test]
fn every_node_knows_every_node() {
    let (_scene, nodes) = three();
    for node in &nodes {
        let hosts = node.text("/etc/hosts");
        for (name, address) in [
            ("etcd1", "192.168.0.50"),
            ("etcd2", "192.168.0.51"),
            ("etcd3", "192.168.0.52"),
        ] {
            let line = hosts
                .lines()
                .find(|line| line.split_whitespace().next() == Some(address));
            let names: Vec<_> = line
                .unwrap_or_else(|| panic!("no {address} in {hosts}"))
                .split_whitespace()
                .skip(1)
                .collect();
            assert!(
                names.contains(&name) && names.contains(&format!("{name}.local").as_str()),
                "{names:?}"
            );
        }
        assert!(!hosts.contains("raspberrypi"), "{hosts}");
        assert!(hosts.contains("localhost"), "{hosts}");
        let configuration = node.text("/etc/etcd/etcd.conf.yml");
        let cluster = "initial-cluster: \"etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380,etcd3=https://192.168.0.52:2380\"";
        assert!(
            configuration.lines().any(|line| line == cluster),
            "{configuration}"
        );
    }
}

#[test]
fn the_address_is_static() {
    let (_scene, nodes) = three();
    let profile = nodes[1].text("/etc/NetworkManager/system-connections/etcd-eth0.nmconnection");
    for line in [
        "interface-name=eth0",
        "method=manual",
        "address1=192.168.0.51/24,192.168.0.1",
        "dns=1.1.1.1;",
    ] {
        assert!(
            profile.lines().any(|found| found == line),
            "{line}\n{profile}"
        );
    }
}

#[test]
fn etcd_is_enabled_and_unprivileged() {
    let (_scene, nodes) = three();
    assert!(nodes[0].starts("multi-user.target", "etcd.service"));
    let unit = nodes[0].text("/etc/systemd/system/etcd.service");
    for line in [
        "Type=notify",
        "User=etcd",
        "NoNewPrivileges=yes",
        "SystemCallFilter=@system-service",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}\n{unit}");
    }
    let etcd = nodes[0]
        .text("/etc/passwd")
        .lines()
        .find(|line| line.starts_with("etcd:"))
        .unwrap()
        .to_owned();
    assert!(etcd.ends_with("/usr/sbin/nologin"), "{etcd}");
}

#[test]
fn keys_open_the_door_and_no_password_does() {
    let (_scene, nodes) = three();
    assert_eq!(
        nodes[0].text("/home/pi/.ssh/authorized_keys"),
        format!("{SSH_KEY}\n")
    );
    for line in nodes[0].text("/etc/shadow").lines() {
        let fields: Vec<_> = line.split(':').collect();
        assert!(fields[1].starts_with(['*', '!']), "{line}");
    }
}

#[test]
fn certificates_are_accepted_by_openssl_for_their_names() {
    let (scene, nodes) = three();
    let ca = scene.at("images/client/ca.crt");
    for (node, (name, address)) in nodes
        .iter()
        .zip([("etcd1", 50), ("etcd2", 51), ("etcd3", 52)])
    {
        assert_eq!(
            node.text("/etc/etcd/pki/ca.crt"),
            scene.text("images/client/ca.crt")
        );
        let names = [
            format!("DNS:{name}"),
            format!("DNS:{name}.local"),
            "DNS:localhost".to_owned(),
            format!("IP Address:192.168.0.{address}"),
            "IP Address:127.0.0.1".to_owned(),
            "IP Address:0:0:0:0:0:0:0:1".to_owned(),
            "URI:urn:etcd-image:members:etcd1+etcd2+etcd3".to_owned(),
        ];
        for kind in ["server", "peer"] {
            let certificate = node.save(&format!("/etc/etcd/pki/{kind}.crt"));
            chain(&ca, &certificate, "sslserver").unwrap();
            chain(&ca, &certificate, "sslclient").unwrap();
            key_fits(
                &certificate,
                &node.save(&format!("/etc/etcd/pki/{kind}.key")),
            )
            .unwrap();
            let leaf = leaf(&certificate);
            assert_eq!(leaf.names, names.clone().into());
            assert_eq!(leaf.usages.len(), 2, "{:?}", leaf.usages);
        }
        assert_ne!(
            node.text("/etc/etcd/pki/server.key"),
            node.text("/etc/etcd/pki/peer.key")
        );
    }
}

#[test]
fn the_admin_is_a_client_and_lives_on_the_host_only() {
    let (scene, nodes) = three();
    let admin = scene.at("images/client/admin.crt");
    chain(&scene.at("images/client/ca.crt"), &admin, "sslclient").unwrap();
    chain(&scene.at("images/client/ca.crt"), &admin, "sslserver").unwrap_err();
    key_fits(&admin, &scene.at("images/client/admin.key")).unwrap();
    assert_eq!(leaf(&admin).usages.len(), 1);
    assert_eq!(nodes[0].access("/etc/etcd/pki/admin.key"), "nothing");
}

#[test]
fn certificates_are_back_dated_one_day_and_the_clock_starts_after() {
    let (scene, nodes) = three();
    let time = scene.manifest()["nodes"][0]["time"].as_i64().unwrap();
    let server = nodes[0].certificate("/etc/etcd/pki/server.crt");
    assert_eq!(server.not_before, time - DAY);
    assert!(server.not_after > time + 300 * DAY);
    let clock = nodes[0]
        .ext4
        .stat("/var/lib/systemd/timesync/clock")
        .unwrap();
    assert_eq!(clock.mtime, time);
    assert_eq!(
        nodes[0].access("/var/lib/systemd/timesync/clock"),
        "file 0644 systemd-timesync:systemd-timesync"
    );
}

#[test]
fn no_secret_of_another_is_anywhere_in_an_image() {
    let (scene, nodes) = three();
    let other = nodes[1].save("/etc/etcd/pki/server.key");
    let host = nodes[1].save("/etc/ssh/ssh_host_ed25519_key");
    let own = nodes[0].save("/etc/etcd/pki/server.key");
    let image = scene.image_path("etcd1");
    assert!(holds(&image, &own), "the search must find what is there");
    for secret in [
        scene.at("etcd-cluster/ca.key"),
        scene.at("images/client/admin.key"),
        other,
        host,
    ] {
        assert!(
            !holds(&image, &secret),
            "{} is in etcd1.img",
            secret.display()
        );
    }
}

/// Returns whether the last full line of a PEM file, which is part of the key itself, occurs anywhere in the raw image.
#[track_caller]
fn holds(image: &Path, pem: &Path) -> bool {
    let text = std::fs::read_to_string(pem).unwrap();
    let body: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
    let telling = body[body.len() - 1];
    assert!(telling.len() > 15, "{telling}");
    tool(
        "grep",
        &[
            "-q".as_ref(),
            "-a".as_ref(),
            "-F".as_ref(),
            telling.as_ref(),
            image.as_os_str(),
        ],
    )
    .code
        == Some(0)
}

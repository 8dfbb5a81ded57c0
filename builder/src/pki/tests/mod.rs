//! Tests that create, reuse, change, damage and interrupt a state directory; openssl checks the results.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::hex;
use crate::spec::{Flags, Input, Purpose, TextFile, resolve};

mod chain;
mod changes;
mod checked;
mod checker;
mod damaged;
mod encrypted_key;
mod interrupted;
mod own_ca;
mod owner_signs;
mod rotation;
mod shared;
mod subjects;

/// The current time in the tests: 2026-01-01 00:00:00 UTC.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// Returns a cluster of three with extra lines of configuration, tables below.
fn cluster(config: &str) -> Cluster {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let has_nodes = config.contains("[[node]]");
    let input = Input {
        flags: Flags {
            nodes: (!has_nodes).then_some(3),
            ..Flags::default()
        },
        config: Some(TextFile {
            path: "cluster.toml".into(),
            text: config.to_owned(),
        }),
        row: None,
        default_keys: vec![TextFile {
            path: "id.pub".into(),
            text: key.to_owned(),
        }],
        now: NOW,
        purpose: Purpose::Images,
        read: |path| fs::read(path),
        walk: |_| Ok(None),
    };
    resolve(&input).unwrap()
}

/// Returns `[[node]]` tables from names and last bytes of addresses.
fn nodes(nodes: &[(&str, u8)]) -> String {
    let node = |(name, host): &(&str, u8)| {
        format!("[[node]]\nname = \"{name}\"\naddress = \"192.168.0.{host}\"\n")
    };
    nodes.iter().map(node).collect::<Vec<_>>().concat()
}

/// Opens a state directory, writes its new files, and returns the identity.
fn open(state: &Path, cluster: &Cluster, now: i64) -> anyhow::Result<Certs> {
    let state = super::open(state, cluster, now)?;
    state.save()?;
    Ok(state.certs.clone())
}

/// A temporary directory with the path of a state directory, which does not exist yet.
struct Scene {
    _folder: TempDir,
    state: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            state: folder.path().join("state"),
            _folder: folder,
        }
    }

    /// Creates a scene with the state of the default cluster.
    fn made() -> Self {
        let scene = Self::new();
        scene.open("").unwrap();
        scene
    }

    fn open(&self, config: &str) -> anyhow::Result<Certs> {
        open(&self.state, &cluster(config), NOW)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Returns every file with its content and mode.
    fn files(&self) -> BTreeMap<String, (Vec<u8>, u32)> {
        let mut files = BTreeMap::new();
        collect(&self.state, &self.state, &mut files);
        files
    }

    /// Returns the names of the files that differ from an earlier listing.
    fn changed_since(&self, before: &BTreeMap<String, (Vec<u8>, u32)>) -> Vec<String> {
        let after = self.files();
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        let changed = after
            .iter()
            .filter(|(name, file)| before.get(*name) != Some(file));
        changed.map(|(name, _)| name).chain(gone).cloned().collect()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, (Vec<u8>, u32)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, (fs::read(&path).unwrap(), mode(&path)));
        }
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> u32 {
    0
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_layout_is_the_promised_one() {
    let scene = Scene::made();
    let files = scene.files();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            ".lock",
            "README",
            "admin.crt",
            "admin.key",
            "ca.crt",
            "ca.key",
            "nodes/etcd1/client.root.crt",
            "nodes/etcd1/client.root.key",
            "nodes/etcd1/peer.crt",
            "nodes/etcd1/peer.key",
            "nodes/etcd1/server.crt",
            "nodes/etcd1/server.key",
            "nodes/etcd1/ssh_host_ed25519_key",
            "nodes/etcd1/ssh_host_ed25519_key.pub",
            "nodes/etcd2/client.root.crt",
            "nodes/etcd2/client.root.key",
            "nodes/etcd2/peer.crt",
            "nodes/etcd2/peer.key",
            "nodes/etcd2/server.crt",
            "nodes/etcd2/server.key",
            "nodes/etcd2/ssh_host_ed25519_key",
            "nodes/etcd2/ssh_host_ed25519_key.pub",
            "nodes/etcd3/client.root.crt",
            "nodes/etcd3/client.root.key",
            "nodes/etcd3/peer.crt",
            "nodes/etcd3/peer.key",
            "nodes/etcd3/server.crt",
            "nodes/etcd3/server.key",
            "nodes/etcd3/ssh_host_ed25519_key",
            "nodes/etcd3/ssh_host_ed25519_key.pub",
            "seed",
        ]
    );
    if cfg!(unix) {
        assert!(files.values().all(|(_, mode)| *mode == 0o600));
        assert_eq!(mode(&scene.state), 0o700);
    }
}

#[test]
fn what_is_handed_on_is_what_is_kept() {
    let scene = Scene::new();
    let certs = scene.open("").unwrap();
    let kept = |name: &str| fs::read(scene.path(name)).unwrap();
    assert_eq!(certs.ca.pem.as_bytes(), kept("ca.crt"));
    assert_eq!(certs.admin.key.reveal(), kept("admin.key"));
    let node = &certs.nodes["etcd2"];
    assert_eq!(
        node.server.certificate.pem.as_bytes(),
        kept("nodes/etcd2/server.crt")
    );
    assert_eq!(node.peer.key.reveal(), kept("nodes/etcd2/peer.key"));
    assert_eq!(
        node.ssh_host_key.reveal(),
        kept("nodes/etcd2/ssh_host_ed25519_key")
    );
    let public = format!("{} root@etcd2\n", node.ssh_host_public);
    assert_eq!(
        public.as_bytes(),
        kept("nodes/etcd2/ssh_host_ed25519_key.pub")
    );
    assert_eq!(
        certs.notes,
        ["made the CA `main etcd CA` and everything below it; back up the state directory"]
    );
    assert_eq!(certs.time, NOW);
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let scene = Scene::new();
    let shown = format!("{:?}", scene.open("").unwrap());
    assert!(!shown.contains("PRIVATE KEY"));
}

#[test]
fn identities_differ_between_nodes_and_between_states() {
    let certs = [Scene::new(), Scene::new()].map(|scene| scene.open("").unwrap());
    let nodes: Vec<_> = certs
        .iter()
        .flat_map(|certs| certs.nodes.values())
        .collect();
    let distinct = |identity: fn(&NodeIdentity) -> String| {
        nodes
            .iter()
            .map(|node| identity(node))
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    assert_eq!(distinct(|node| node.machine_id.clone()), 6);
    assert_eq!(distinct(|node| node.disk_id.to_string()), 6);
    assert_eq!(distinct(|node| node.ssh_host_public.clone()), 6);
    assert_eq!(distinct(|node| hex::encode(node.server.key.reveal())), 6);
    assert_eq!(distinct(|node| hex::encode(node.peer.key.reveal())), 6);
    assert_ne!(certs[0].token, certs[1].token);
    let chosen = Scene::new().open("[cluster]\ntoken = \"mine\"\n").unwrap();
    assert_eq!(chosen.token, "mine");
}

//! A node's files as the product renders them, without a base, an image or etcd.

use std::io;
use std::path::PathBuf;

use etcd_image::description::BaseFacts;
use etcd_image::fetch::EtcdBinaries;
use etcd_image::inspect::{Part, System};
use etcd_image::lock::{EtcdOrigin, LockedEtcd};
use etcd_image::overlay::{self, Change, NodeInputs, Overlays};
use etcd_image::spec::{self, Cluster, Flags, Input, Purpose, TextFile};
use etcd_image::{pki, recipe};
use tempfile::TempDir;

use super::scene::SSH_KEY;

/// Returns the text of a file of the first node of a cluster with this configuration, on Raspberry Pi OS. Without a table
/// for each, there is one node.
pub(crate) fn rendered(configuration: &str, path: &str) -> String {
    rendered_on("raspios-trixie", configuration, path)
}

/// Returns the text of a file of the first node on the base of a recipe.
pub(crate) fn rendered_on(recipe: &str, configuration: &str, path: &str) -> String {
    let cluster = cluster(configuration);
    let state = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let recipes = recipe::load(None).unwrap();
    let inputs = NodeInputs {
        overlays: &Overlays::new(None).unwrap(),
        recipe: recipe::find(&recipes, recipe).unwrap(),
        cluster: &cluster,
        certs: &pki::preview(&state.path().join("none"), &cluster, 1_795_132_800).unwrap(),
        etcd: &etcd(),
        snapshot: None,
        archives: &[],
        system: &System::Root(part()),
        base: BaseFacts::new("raspios-trixie", "a release", ""),
    };
    let tree = overlay::tree(&inputs, &cluster.nodes[0]).unwrap();
    let entry = tree.entries.into_iter().find(|entry| entry.path == path);
    match entry.map(|entry| entry.change) {
        Some(Change::File { content, .. }) => String::from_utf8(content.bytes().to_vec()).unwrap(),
        other => panic!("{path} is not a file but {other:?}"),
    }
}

fn cluster(configuration: &str) -> Cluster {
    let text_file = |path: &str, text: &str| TextFile {
        path: PathBuf::from(path),
        text: text.to_owned(),
    };
    let input = Input {
        flags: Flags {
            nodes: (!configuration.contains("[[node]]")).then_some(1),
            ..Flags::default()
        },
        config: Some(text_file("cluster.toml", configuration)),
        row: None,
        default_keys: vec![text_file("id.pub", SSH_KEY)],
        now: 0,
        purpose: Purpose::Images,
        read: |_| Err(io::ErrorKind::NotFound.into()),
        walk: |_| Ok(None),
    };
    spec::resolve(&input).unwrap()
}

fn etcd() -> EtcdBinaries {
    EtcdBinaries {
        version: "3.6.14".to_owned(),
        etcd: Vec::new().into(),
        etcdctl: Vec::new().into(),
        etcdutl: Some(Vec::new().into()),
        source: String::new(),
        sha256: String::new(),
        libc: None,
        learned: None,
        locked: LockedEtcd {
            origin: EtcdOrigin::Release,
            version: "3.6.14".to_owned(),
            url: None,
            sha256: String::new(),
            packages: Vec::new(),
            files: Vec::new(),
        },
    }
}

fn part() -> Part {
    Part {
        number: 2,
        start: 0,
        len: 0,
        filesystem: "ext4",
        free_bytes: 0,
        free_files: None,
        label: String::new(),
        uuid: String::new(),
    }
}

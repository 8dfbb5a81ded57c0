//! Case C's user: Patroni of Debian's packages with two `PostgreSQL` servers, on real members in network namespaces. Its users,
//! its certificate and its connection to etcd are those of the example.

use std::fs;
use std::path::Path;

use super::case::write_row;
use super::list;
use crate::support::checker::{Disk, Ext4};
use crate::support::members::{Members, NAMES};
use crate::support::tool::tool;
use crate::support::{authentication, enclosed};

/// The directory into which `cargo xtask test --cases` unpacks Patroni.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/cases/patroni");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/patroni.sh");

/// What the script prints when all went well.
const PROMOTED: &str = "db-01 leads, db-02 follows\ndb-01 was killed, db-02 was promoted\n";

/// Runs the test.
pub(super) fn run() {
    enclosed::inside(|| {
        let settings = settings();
        let members = Members::start_as(&settings, "3.5", &[]);
        authentication::enable(&members, &settings);
        let change = ["cluster", "password", "patroni"];
        members.scene.bare(&change).done();
        let folder = members.scene.at("patroni");
        fs::create_dir_all(&folder).unwrap();
        take_certificate(&members, &folder);
        connect(&members, &folder);
        let said = tool("sh", &[SCRIPT, PACKAGES, folder.to_str().unwrap()]);
        write_row("C", "C-patroni", &said.text());
        assert_eq!(said.done().text(), PROMOTED);
    });
}

/// Returns the example's tables about users and certificates; its addresses are not those of the members.
fn settings() -> String {
    let example = list::read("C").config();
    let (_, after) = example.split_once("\n[auth]\n").unwrap();
    let (tables, _) = after.split_once("\n[hosts]\n").unwrap();
    format!("[auth]\n{tables}\n")
}

/// Takes the certificate without a common name from an image, and the CA's that lies beside the images.
fn take_certificate(members: &Members, folder: &Path) {
    let image = members.scene.image_path(NAMES[0]);
    let root = Disk::open(&image).root();
    let root = Ext4::new(root.path());
    for name in ["patroni.crt", "patroni.key"] {
        let content = root.content(&format!("/etc/dcs/cert/{name}")).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }
    fs::copy(
        members.scene.at("images/client/ca.crt"),
        folder.join("ca.crt"),
    )
    .unwrap();
}

/// Writes `etcd.yml`: `client/patroni.yml` with the paths and the password of this machine.
fn connect(members: &Members, folder: &Path) {
    let password = members.scene.text("etcd-cluster/passwords/patroni");
    let mut text = members.scene.text("images/client/patroni.yml");
    for (written, own) in [
        ("/etc/patroni", folder.to_str().unwrap()),
        (
            "the content of etcd-cluster/passwords/patroni",
            password.trim(),
        ),
    ] {
        assert!(text.contains(written), "{text}");
        text = text.replace(written, own);
    }
    fs::write(folder.join("etcd.yml"), text).unwrap();
}

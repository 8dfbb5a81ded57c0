//! Checks what is read from a snapshot, and what is refused.

#[path = "../../../tests/support/snapshot.rs"]
mod sample;

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::Snapshot;
use crate::mutated::survives;
use sample::snapshot;

fn refused(bytes: &[u8]) -> &'static str {
    Snapshot::parse(bytes.to_vec()).unwrap_err()
}

#[test]
fn a_snapshot_tells_its_cluster_and_revision() {
    let bytes = snapshot(&["etcd2", "etcd1"], "3.5.0", 4711);
    let read = Snapshot::parse(bytes).unwrap();
    let shown = read.to_string();
    assert_eq!(
        shown,
        "revision 4711 of the members etcd1, etcd2, etcd 3.5.0"
    );
    assert_eq!(read.id(), &read.sha256[..16]);
    let addresses = [50, 51].map(|host| IpAddr::from([192, 168, 0, host]));
    assert_eq!(read.addresses, addresses);
}

#[test]
fn a_truncated_or_changed_snapshot_is_refused() {
    let sound = snapshot(&["etcd1"], "3.5.0", 9);
    assert_eq!(refused(&sound[..sound.len() - 1]), "it ends too early");
    assert_eq!(refused(&sound[..sound.len() - 32]), "it ends too early");
    assert_eq!(refused(&sound[..8192 + 32]), "its digest does not match");
    let mut changed = sound.clone();
    changed[9000] ^= 1;
    assert_eq!(refused(&changed), "its digest does not match");
    assert_eq!(refused(b""), "it is not a database of etcd");
    assert_eq!(refused(&[7; 4096]), "it is not a database of etcd");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let mut foreign = snapshot(&["etcd1"], "3.5.0", 9);
    foreign.truncate(foreign.len() - 32);
    let at = foreign.windows(7).position(|name| name == b"members");
    foreign[at.unwrap()] = b'n';
    foreign.extend(Sha256::digest(&foreign));
    assert_eq!(refused(&foreign), "its database is damaged");
}

#[test]
fn damaged_snapshots() {
    let sound = snapshot(&["etcd1", "etcd2", "etcd3"], "3.5.0", 9);
    survives(
        "snapshots",
        &[sound[..sound.len() - 32].to_vec()],
        |damaged| {
            let bytes = [damaged, &Sha256::digest(damaged)[..]].concat();
            // Whether it is refused depends on what was damaged.
            let _ = Snapshot::parse(bytes);
        },
    );
}

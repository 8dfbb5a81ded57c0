//! Writes a small snapshot of etcd, as `etcdctl snapshot save` would.

use sha2::{Digest as _, Sha256};

const PAGE: usize = 4096;
/// The kinds of pages.
const LEAF: u16 = 2;
const BRANCH: u16 = 1;

/// Returns a snapshot of a cluster with these members, of this version, whose newest revision is this one.
pub(crate) fn snapshot(members: &[&str], version: &str, revision: u64) -> Vec<u8> {
    let mut bytes = database(members, version, revision);
    bytes.extend(Sha256::digest(&bytes));
    bytes
}

/// Returns a database: two headers, the list of buckets, and the revisions in a tree of two levels.
fn database(members: &[&str], version: &str, revision: u64) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let url = format!("https://192.168.0.{}:2380", 50 + at);
            let value = format!("{{\"id\":{at},\"peerURLs\":[\"{url}\"],\"name\":\"{name}\"}}");
            (format!("{at:016x}").into_bytes(), value.into_bytes())
        })
        .collect();
    let version = vec![(b"clusterVersion".to_vec(), version.as_bytes().to_vec())];
    let buckets = vec![
        (b"cluster".to_vec(), inline(&version)),
        (b"key".to_vec(), bucket(3)),
        (b"members".to_vec(), inline(&members)),
    ];
    let key = |revision: u64| [&revision.to_be_bytes()[..], b"_", &[0; 8]].concat();
    let revisions = [1, revision].map(|at| vec![(key(at), b"value".to_vec())]);
    let pages = [
        header(0),
        header(1),
        page(2, LEAF, &leaf(&buckets)),
        page(3, BRANCH, &branch(&[(key(1), 4), (key(revision), 5)])),
        page(4, LEAF, &leaf(&revisions[0])),
        page(5, LEAF, &leaf(&revisions[1])),
    ];
    pages.concat()
}

fn header(transaction: u64) -> Vec<u8> {
    let mut meta = Vec::new();
    for word in [0xED0C_DAED, 2, 4096, 0_u32] {
        meta.extend(word.to_le_bytes());
    }
    for word in [2, 0, u64::MAX, 6, transaction] {
        meta.extend(word.to_le_bytes());
    }
    let sum = meta.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    meta.extend(sum.to_le_bytes());
    page(transaction, 4, &(0, meta))
}

/// The number of elements of a page, and its content.
type Elements = (u16, Vec<u8>);

fn page(id: u64, kind: u16, (count, content): &Elements) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(kind.to_le_bytes());
    page.extend(count.to_le_bytes());
    page.extend([0; 4]);
    page.extend(content);
    page.resize(page.len().next_multiple_of(PAGE), 0);
    page
}

fn leaf(entries: &[(Vec<u8>, Vec<u8>)]) -> Elements {
    let (mut elements, mut content) = (Vec::new(), Vec::new());
    for (at, (key, value)) in entries.iter().enumerate() {
        let position = (entries.len() - at) * 16 + content.len();
        for word in [0, position, key.len(), value.len()] {
            elements.extend(u32::try_from(word).unwrap().to_le_bytes());
        }
        content.extend([&key[..], value].concat());
    }
    let count = u16::try_from(entries.len()).unwrap();
    (count, [elements, content].concat())
}

fn branch(children: &[(Vec<u8>, u64)]) -> Elements {
    let (mut elements, mut content) = (Vec::new(), Vec::new());
    for (at, (key, child)) in children.iter().enumerate() {
        let position = (children.len() - at) * 16 + content.len();
        for word in [position, key.len()] {
            elements.extend(u32::try_from(word).unwrap().to_le_bytes());
        }
        elements.extend(child.to_le_bytes());
        content.extend(key);
    }
    let count = u16::try_from(children.len()).unwrap();
    (count, [elements, content].concat())
}

/// A bucket with a page of its own.
fn bucket(root: u64) -> Vec<u8> {
    [root.to_le_bytes(), [0; 8]].concat()
}

/// A bucket that is small enough to lie beside its name.
fn inline(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut inline = page(0, LEAF, &leaf(entries));
    let used = 16 + leaf(entries).1.len();
    inline.truncate(used);
    [bucket(0), inline].concat()
}

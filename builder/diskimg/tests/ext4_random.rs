//! Random changes of ext4 and of a model: the file system has the files of the model and is sound.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use diskimg::{Attributes, FileKind, ReadFs, Storage, WriteFs};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use crate::ext4_writes::{edit, reader};
use crate::support::cases;
use crate::support::checkers::e2fsck;
use crate::support::images::{Ext4, cow};

/// A change. There are few names, so that changes concern the same files.
#[derive(Debug, Clone)]
enum Step {
    Folder(String, Attributes),
    Write(String, usize, Attributes),
    Link(String, usize),
    Remove(String),
    Set(String, Attributes),
    /// Creates many files in one directory, which grows and gets an index.
    Crowd(String, u16),
}

/// A file of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    Folder(Attributes),
    File(usize, Attributes),
    Link(usize, u32, u32),
}

fn paths() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-d]", 1..4).prop_map(|names| format!("/{}", names.join("/")))
}

fn attributes() -> impl Strategy<Value = Attributes> {
    (0..0o10000_u16, any::<u32>(), any::<u32>()).prop_map(|(mode, uid, gid)| Attributes {
        mode,
        // For `rust-fs-ext4` the largest number means "unchanged".
        uid: uid.min(u32::MAX - 1),
        gid: gid.min(u32::MAX - 1),
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![Just(0), 1..5000_usize, 50_000..400_000_usize];
    let step = prop_oneof![
        4 => (paths(), attributes()).prop_map(|(at, how)| Step::Folder(at, how)),
        6 => (paths(), size, attributes()).prop_map(|(at, len, how)| Step::Write(at, len, how)),
        2 => (paths(), 1..1000_usize).prop_map(|(at, len)| Step::Link(at, len)),
        3 => paths().prop_map(Step::Remove),
        1 => (paths(), attributes()).prop_map(|(at, how)| Step::Set(at, how)),
        1 => (paths(), 50..400_u16).prop_map(|(at, count)| Step::Crowd(at, count)),
    ];
    prop::collection::vec(step, 1..40)
}

/// A file system as a map with the same rules.
#[derive(Default)]
struct Model(BTreeMap<String, Thing>);

impl Model {
    fn parent_is_folder(&self, path: &str) -> bool {
        match path.rsplit_once('/') {
            Some(("", _)) => true,
            Some((parent, _)) => matches!(self.0.get(parent), Some(Thing::Folder(_))),
            None => false,
        }
    }

    fn is_empty(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        !self.0.keys().any(|path| path.starts_with(&inside))
    }

    /// Makes the change if it is possible, and returns whether it is possible.
    fn apply(&mut self, step: &Step) -> bool {
        match step {
            Step::Folder(at, how) => {
                let possible = self.parent_is_folder(at) && !self.0.contains_key(at);
                possible && self.put(at, Thing::Folder(*how))
            }
            Step::Write(at, len, how) => {
                let blocked = matches!(self.0.get(at), Some(Thing::Folder(_)));
                !blocked && self.parent_is_folder(at) && self.put(at, Thing::File(*len, *how))
            }
            Step::Link(at, len) => {
                let possible = self.parent_is_folder(at) && !self.0.contains_key(at);
                possible && self.put(at, Thing::Link(*len, 0, 0))
            }
            Step::Remove(at) => {
                let blocked =
                    matches!(self.0.get(at), Some(Thing::Folder(_))) && !self.is_empty(at);
                !blocked && self.parent_is_folder(at) && self.0.remove(at).is_some()
            }
            Step::Set(at, how) => match self.0.get_mut(at) {
                Some(Thing::Folder(old) | Thing::File(_, old)) => {
                    *old = *how;
                    true
                }
                Some(Thing::Link(_, uid, gid)) => {
                    (*uid, *gid) = (how.uid, how.gid);
                    true
                }
                None => false,
            },
            Step::Crowd(at, count) => {
                let possible = matches!(self.0.get(at), Some(Thing::Folder(_)));
                for number in 0..if possible { *count } else { 0 } {
                    self.put(&crowd_name(at, number), Thing::File(0, CROWD));
                }
                possible
            }
        }
    }

    fn put(&mut self, at: &str, thing: Thing) -> bool {
        self.0.insert(at.to_owned(), thing);
        true
    }
}

const CROWD: Attributes = Attributes {
    mode: 0o644,
    uid: 1,
    gid: 2,
};

fn crowd_name(folder: &str, number: u16) -> String {
    format!("{folder}/one of a large crowd of files, number {number}")
}

fn content(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from((at * 7 + len) % 251).unwrap())
        .collect()
}

fn target(len: usize) -> String {
    "t/".repeat(len).chars().take(len).collect()
}

fn apply(fs: &mut dyn WriteFs, step: &Step) -> bool {
    match step {
        Step::Folder(at, how) => fs.make_directory(at, *how).is_ok(),
        Step::Write(at, len, how) => fs.write_file(at, &content(*len), *how).is_ok(),
        Step::Link(at, len) => fs.make_symlink(at, &target(*len)).is_ok(),
        Step::Remove(at) => fs.remove(at).is_ok(),
        Step::Set(at, how) => fs.set_attributes(at, *how).is_ok(),
        Step::Crowd(at, count) => {
            (0..*count).all(|number| fs.write_file(&crowd_name(at, number), b"", CROWD).is_ok())
        }
    }
}

/// Collects all files but `lost+found`.
fn found(fs: &mut dyn ReadFs, folder: &str, into: &mut BTreeMap<String, Thing>) {
    for name in fs
        .read_dir(if folder.is_empty() { "/" } else { folder })
        .unwrap()
    {
        let path = format!("{folder}/{name}");
        if path == "/lost+found" {
            continue;
        }
        let metadata = fs.metadata(&path).unwrap().unwrap();
        let how = Attributes {
            mode: metadata.mode,
            uid: metadata.uid,
            gid: metadata.gid,
        };
        let thing = match metadata.kind {
            FileKind::Directory => {
                found(fs, &path, into);
                Thing::Folder(how)
            }
            FileKind::Symlink => {
                let length = fs.read_link(&path).unwrap().len();
                Thing::Link(length, how.uid, how.gid)
            }
            FileKind::File => {
                let bytes = fs.read(&path).unwrap();
                assert!(bytes == content(bytes.len()), "{path} has other bytes");
                Thing::File(bytes.len(), how)
            }
            FileKind::Other => panic!("{path}"),
        };
        into.insert(path, thing);
    }
}

fn check(base: &Arc<dyn Storage>, steps: &[Step]) {
    let storage = cow(base);
    let mut model = Model::default();
    edit(&storage, |fs| {
        for step in steps {
            let done = apply(fs, step);
            assert_eq!(done, model.apply(step), "{step:?}");
        }
    });
    e2fsck(storage.as_ref());
    let mut really = BTreeMap::new();
    found(&mut reader(&storage), "", &mut really);
    assert_eq!(really, model.0);
}

/// Several block groups that were never used, and the options of Raspberry Pi OS.
static SMALL_BLOCKS: LazyLock<Arc<dyn Storage>> = LazyLock::new(|| {
    Ext4::new(&["-b", "1024", "-O", "^64bit,^huge_file"])
        .mib(32)
        .empty()
});
static TRIXIE: LazyLock<Arc<dyn Storage>> = LazyLock::new(|| {
    Ext4::new(&["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"])
        .mib(32)
        .empty()
});

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn random_steps_on_small_blocks(steps in steps()) {
        check(&SMALL_BLOCKS, &steps);
    }

    #[test]
    fn random_steps_on_trixie(steps in steps()) {
        check(&TRIXIE, &steps);
    }
}

/// 1200 files are created in one directory, which splits its index, and 600 are removed.
#[test]
fn a_large_directory_keeps_a_valid_index() {
    for options in [&["-b", "1024"][..], &[], &["-O", "^dir_index"]] {
        let folder = Step::Folder("/a".to_owned(), CROWD);
        let mut steps = vec![folder, Step::Crowd("/a".to_owned(), 1200)];
        let half = (0..1200)
            .step_by(2)
            .map(|number| Step::Remove(crowd_name("/a", number)));
        steps.extend(half);
        check(&Ext4::new(options).mib(32).empty(), &steps);
    }
}

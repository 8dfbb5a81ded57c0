//! Files written into FAT are read back, and the volume stays sound.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use diskimg::fat::{FatReader, FatWriter};
use diskimg::{Attributes, CowStorage, FileKind, Metadata, ReadFs, Storage, WriteFs};
use proptest::prelude::{Strategy, prop, prop_oneof, proptest};

use crate::support::cases;
use crate::support::checkers::{file, fsck_vfat};
use crate::support::images::{bytes, cow, fat};
use crate::support::must;

pub(crate) const TIME: i64 = 1_790_000_000;

pub(crate) const NONE: Attributes = Attributes {
    mode: 0,
    uid: 0,
    gid: 0,
};

/// Volumes as pi-gen makes them for trixie and bookworm, and a small FAT16.
const FLAVOURS: [(u64, &[&str]); 3] = [
    (64, &["-F", "32", "-s", "1"]),
    (160, &["-F", "32", "-s", "4"]),
    (16, &["-F", "16"]),
];

pub(crate) fn edit(storage: &Arc<CowStorage>, edit: impl FnOnce(&mut dyn WriteFs)) {
    let mut writer = Box::new(FatWriter::open(storage.clone(), TIME).unwrap());
    edit(writer.as_mut());
    writer.finish().unwrap();
}

pub(crate) fn reader(storage: &Arc<CowStorage>) -> FatReader {
    FatReader::open(storage.clone() as Arc<dyn Storage>).unwrap()
}

fn usual_edits(fs: &mut dyn WriteFs) {
    fs.write_file("/config.txt", b"dtparam=watchdog=on\n", NONE)
        .unwrap();
    fs.make_directory("/a new directory", NONE).unwrap();
    fs.write_file("/a new directory/a long name.text", &[7; 5000], NONE)
        .unwrap();
    fs.write_file("/a new directory/\u{fc}ber \u{2603}", b"", NONE)
        .unwrap();
    fs.remove("/overlays/README").unwrap();
    fs.remove("/overlays").unwrap();
}

#[test]
fn what_is_written_is_read_back_and_fsck_accepts_it() {
    for (mib, options) in FLAVOURS {
        let storage = cow(&fat(mib, options));
        edit(&storage, usual_edits);
        fsck_vfat(storage.as_ref());
        let mut reader = reader(&storage);
        assert_eq!(
            reader.read("/CONFIG.TXT").unwrap(),
            b"dtparam=watchdog=on\n"
        );
        for (content, is_it) in [("=on\n", true), ("=off", false), ("=on", false)] {
            let content = format!("dtparam=watchdog{content}");
            let found = reader.has_content("/config.txt", content.as_bytes());
            assert_eq!(found, Ok(is_it), "{content}");
        }
        let expected = Metadata {
            kind: FileKind::File,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size: 5000,
        };
        let found = reader
            .metadata("/a new directory/a long name.text")
            .unwrap();
        assert_eq!(found, Some(expected));
        assert_eq!(
            reader.read("/a new directory/a long name.text").unwrap(),
            [7; 5000]
        );
        assert_eq!(
            reader.read("/a new directory/\u{fc}ber \u{2603}").unwrap(),
            b""
        );
        assert_eq!(
            reader.read_dir("/").unwrap(),
            ["a new directory", "config.txt"]
        );
        assert_eq!(reader.metadata("/overlays").unwrap(), None);
        assert_eq!(reader.metadata("/config.txt/x").unwrap(), None);
    }
}

#[test]
fn mtools_reads_what_was_written() {
    let storage = cow(&fat(64, &["-F", "32", "-s", "1"]));
    edit(&storage, usual_edits);
    let image = file(storage.as_ref());
    let name = image.path().to_str().unwrap();
    let text = must("mtype", ["-i", name, "::/config.txt"]);
    assert_eq!(text, "dtparam=watchdog=on\n");
    let listing = must("mdir", ["-b", "-/", "-i", name, "::/"]);
    assert!(
        listing.contains("::/a new directory/a long name.text"),
        "{listing}"
    );
}

#[test]
fn equal_edits_give_equal_bytes() {
    for (mib, options) in FLAVOURS {
        let base = fat(mib, options);
        let [first, second] = [(); 2].map(|()| {
            let storage = cow(&base);
            edit(&storage, usual_edits);
            bytes(storage.as_ref())
        });
        assert!(first == second);
    }
}

#[test]
fn an_edit_that_is_only_opened_and_finished_changes_nothing() {
    for (mib, options) in FLAVOURS {
        let storage = cow(&fat(mib, options));
        edit(&storage, |_| {});
        assert_eq!(storage.runs().count(), 0);
    }
}

/// A change of a volume. There are few names, so that changes concern the same files.
#[derive(Debug, Clone)]
enum Step {
    Folder(String),
    Write(String, usize),
    Remove(String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names = prop_oneof!["[a-c]", "[a-b] long name", "[A-B]\\.TXT"];
    let path = prop::collection::vec(names, 1..4).prop_map(|names| format!("/{}", names.join("/")));
    let step = prop_oneof![
        3 => path.clone().prop_map(Step::Folder),
        5 => (path.clone(), 0..20_000_usize).prop_map(|(at, len)| Step::Write(at, len)),
        3 => path.prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 1..60)
}

/// `None` is a directory, a number a file of that length.
type Model = BTreeMap<String, Option<usize>>;

fn possible(model: &Model, step: &Step) -> bool {
    let (Step::Folder(at) | Step::Write(at, _) | Step::Remove(at)) = step;
    let (parent, _) = at.rsplit_once('/').unwrap();
    let parent_is_folder = parent.is_empty() || model.get(parent) == Some(&None);
    let inside = format!("{at}/");
    parent_is_folder
        && match step {
            Step::Folder(_) => !model.contains_key(at),
            Step::Write(..) => model.get(at) != Some(&None),
            Step::Remove(_) => {
                model.contains_key(at) && !model.keys().any(|path| path.starts_with(&inside))
            }
        }
}

fn model_of(fs: &mut FatReader, folder: &str, model: &mut Model) {
    for name in fs
        .read_dir(if folder.is_empty() { "/" } else { folder })
        .unwrap()
    {
        let path = format!("{folder}/{name}");
        if fs.metadata(&path).unwrap().unwrap().kind == FileKind::Directory {
            model_of(fs, &path, model);
            model.insert(path, None);
        } else {
            let content = fs.read(&path).unwrap();
            assert!(
                content
                    .iter()
                    .all(|byte| usize::from(*byte) == content.len() % 251)
            );
            model.insert(path, Some(content.len()));
        }
    }
}

fn check(base: &Arc<dyn Storage>, steps: &[Step]) {
    let storage = cow(base);
    let config = b"arm_64bit=1\n".len();
    let start = [
        ("/config.txt", Some(config)),
        ("/overlays", None),
        ("/overlays/README", Some(config)),
    ];
    let mut model: Model = start.map(|(path, what)| (path.to_owned(), what)).into();
    edit(&storage, |fs| {
        for path in ["/config.txt", "/overlays/README"] {
            fs.write_file(path, &vec![12; config], NONE).unwrap();
        }
        for step in steps {
            let done = match step {
                Step::Folder(at) => fs.make_directory(at, NONE).is_ok(),
                Step::Write(at, len) => {
                    let content = vec![u8::try_from(len % 251).unwrap(); *len];
                    fs.write_file(at, &content, NONE).is_ok()
                }
                Step::Remove(at) => fs.remove(at).is_ok(),
            };
            assert_eq!(done, possible(&model, step), "{step:?}");
            match step {
                _ if !done => None,
                Step::Folder(at) => model.insert(at.clone(), None),
                Step::Write(at, len) => model.insert(at.clone(), Some(*len)),
                Step::Remove(at) => model.remove(at),
            };
        }
    });
    fsck_vfat(storage.as_ref());
    let mut really = Model::new();
    model_of(&mut reader(&storage), "", &mut really);
    assert_eq!(really, model);
}

static FAT32: LazyLock<Arc<dyn Storage>> = LazyLock::new(|| fat(34, &["-F", "32", "-s", "1"]));
static FAT16: LazyLock<Arc<dyn Storage>> = LazyLock::new(|| fat(16, &["-F", "16"]));

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn random_steps_on_fat32(steps in steps()) {
        check(&FAT32, &steps);
    }

    #[test]
    fn random_steps_on_fat16(steps in steps()) {
        check(&FAT16, &steps);
    }
}

//! Compares base and result and lists every unplanned difference, one per line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::checker::{Disk, Ext4, Fat, Stat};
use super::scene::Scene;
use super::tool::tool;

/// The bytes of the MBR that hold the disk ID.
const DISK_ID: std::ops::Range<usize> = 440..444;
/// The free-cluster count and next free cluster in the FAT's information sector, which follows the boot sector.
const FAT_COUNTS: std::ops::Range<usize> = 512 + 488..512 + 496;
/// The size of the FAT's reserved sectors: boot code, information, their backups.
const FAT_RESERVED: usize = 32 * 512;
/// The lines of `dumpe2fs -h` that any edit changes.
const COUNTERS: [&str; 9] = [
    "Free blocks",
    "Free inodes",
    "Last write time",
    "Last checked",
    "Lifetime writes",
    "Checksum",
    "Journal checksum",
    "Journal sequence",
    "Journal start",
];

/// Output of a checker, by path or by name.
type Lines = BTreeMap<String, String>;

/// The paths that a plan names; a path ending in `/` stands for everything below it.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) boot: BTreeSet<String>,
    pub(crate) root: BTreeSet<String>,
}

/// Returns every difference outside the plan.
pub(crate) fn unplanned(base: &Path, result: &Path, planned: &Planned) -> Vec<String> {
    let (base, result) = (Disk::open(base), Disk::open(result));
    let mut found = Vec::new();
    if base.partitions != result.partitions {
        return vec![format!(
            "partitions {:?} became {:?}",
            base.partitions, result.partitions
        )];
    }
    found.extend(outside(&base, &result));
    found.extend(boot(
        base.boot().path(),
        result.boot().path(),
        &planned.boot,
    ));
    if base.partitions.len() > 1 {
        found.extend(root(
            base.root().path(),
            result.root().path(),
            &planned.root,
        ));
    }
    found
}

/// Compares the bytes outside all partitions, except the disk ID.
fn outside(base: &Disk, result: &Disk) -> Vec<String> {
    let (mut before, mut after) = (base.gaps(), result.gaps());
    for gaps in [&mut before, &mut after] {
        gaps[DISK_ID].fill(0);
    }
    let same = before == after;
    if same {
        Vec::new()
    } else {
        vec!["bytes outside the partitions changed".to_owned()]
    }
}

fn boot(base: &Path, result: &Path, planned: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let reserved = [base, result].map(|path| {
        let mut bytes = vec![0; FAT_RESERVED];
        File::open(path).unwrap().read_exact(&mut bytes).unwrap();
        bytes[FAT_COUNTS].fill(0);
        bytes
    });
    if reserved[0] != reserved[1] {
        found.push("reserved sectors of the FAT changed".to_owned());
    }
    let (base, result) = (Fat::new(base).lines(), Fat::new(result).lines());
    found.extend(differences("boot:", &base, &result, planned));
    found
}

fn root(base: &Path, result: &Path, planned: &BTreeSet<String>) -> Vec<String> {
    let mut found = superblock(base, result);
    let above = ancestors(planned);
    let [base, result] = [base, result].map(|path| {
        let walk = Ext4::new(path).walk();
        let lines = walk.into_iter().map(|(path, (stat, content))| {
            let line = if above.contains(&path) {
                weak(&stat)
            } else {
                whole(&stat, &content)
            };
            (path, line)
        });
        lines.collect::<Lines>()
    });
    found.extend(differences("root:", &base, &result, planned));
    found
}

/// Describes all of an inode except where its blocks lie.
fn whole(stat: &Stat, content: &str) -> String {
    format!("{} {content}", line(stat, true))
}

/// Describes what must stay of a directory that gains or loses a planned name.
fn weak(stat: &Stat) -> String {
    line(stat, false)
}

fn line(stat: &Stat, everything: bool) -> String {
    let identity = format!("{:?} {} inode {}", stat.kind, stat.access(), stat.inode);
    if everything {
        format!(
            "{identity} links {} size {} {} {}",
            stat.links, stat.size, stat.rest, stat.xattrs
        )
    } else {
        format!("{identity} {}", stat.xattrs)
    }
}

/// Compares the features, IDs and options of the file system: everything except counters.
fn superblock(base: &Path, result: &Path) -> Vec<String> {
    let [base, result] = [base, result].map(|path| {
        let said = tool("dumpe2fs", &["-h".as_ref(), path.as_os_str()]).done();
        let text = said.text();
        let values = text.lines().filter_map(|line| line.split_once(':'));
        let lasting = values.filter(|(name, _)| !COUNTERS.contains(name));
        lasting
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect::<Lines>()
    });
    differences("superblock: ", &base, &result, &BTreeSet::new())
}

/// Returns `PATH: before → after` for every key whose value has an unplanned difference.
fn differences(
    place: &str,
    base: &Lines,
    result: &Lines,
    planned: &BTreeSet<String>,
) -> Vec<String> {
    let keys: BTreeSet<_> = base.keys().chain(result.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|key| base.get(*key) != result.get(*key) && !covers(planned, key));
    let told = changed.map(|key| {
        let [before, after] =
            [base, result].map(|side| side.get(key).map_or("nothing", String::as_str));
        format!("{place}{key}: {before} → {after}")
    });
    told.collect()
}

fn covers(planned: &BTreeSet<String>, path: &str) -> bool {
    planned.contains(path)
        || planned
            .iter()
            .any(|item| item.ends_with('/') && format!("{path}/").starts_with(item.as_str()))
}

/// Returns every directory above a planned path.
fn ancestors(planned: &BTreeSet<String>) -> BTreeSet<String> {
    let mut above = BTreeSet::new();
    for path in planned {
        let mut path = path.trim_end_matches('/');
        while let Some((parent, _)) = path.rsplit_once('/') {
            above.insert(parent.to_owned());
            path = parent;
        }
    }
    above
}

/// Returns the paths that the manifest names; the snapshots of `plan` limit what it may name.
pub(crate) fn planned(scene: &Scene) -> Planned {
    let manifest = scene.manifest();
    let files = manifest["nodes"][0]["files"].as_array().unwrap();
    let of = |partition: &str| -> BTreeSet<String> {
        let named = files.iter().filter(|file| file["partition"] == partition);
        named
            .map(|file| file["path"].as_str().unwrap().to_owned())
            .collect()
    };
    Planned {
        boot: of("boot"),
        root: of("root"),
    }
}

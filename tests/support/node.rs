//! Reads a written image as a node: files with owners by name, kernel arguments, enabled units.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::checker::{Disk, Ext4, Fat, Kind, Leaf, Verdict, ext4, fat, leaf, table};
use super::fixture::write;

/// An opened image.
#[derive(Debug)]
pub(crate) struct Node {
    path: PathBuf,
    pub(crate) disk: Disk,
    pub(crate) ext4: Ext4,
    boot: NamedTempFile,
    root: NamedTempFile,
    saved: TempDir,
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Node {
    /// Opens an image and extracts both partitions.
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Self {
        let disk = Disk::open(path);
        let (boot, root) = (disk.boot(), disk.root());
        let ext4 = Ext4::new(root.path());
        Self {
            path: path.to_owned(),
            users: ids(&ext4.text("/etc/passwd")),
            groups: ids(&ext4.text("/etc/group")),
            saved: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            disk,
            ext4,
            boot,
            root,
        }
    }

    /// Returns what the checkers find in the partition table, the FAT and the ext4 file system.
    pub(crate) fn verdict(&self) -> Verdict {
        table(&self.path)?;
        fat(self.boot.path())?;
        ext4(self.root.path())
    }

    /// Returns `file 0600 etcd:etcd`, `link → target`, or `nothing`.
    pub(crate) fn access(&self, path: &str) -> String {
        let Some(stat) = self.ext4.stat(path) else {
            return "nothing".to_owned();
        };
        let name = |names: &BTreeMap<u32, String>, id: u32| {
            names.get(&id).cloned().unwrap_or_else(|| id.to_string())
        };
        let owner = format!(
            "{}:{}",
            name(&self.users, stat.uid),
            name(&self.groups, stat.gid)
        );
        match stat.kind {
            Kind::File => format!("file {:04o} {owner}", stat.mode),
            Kind::Folder => format!("directory {:04o} {owner}", stat.mode),
            Kind::Symlink => format!("link → {}", self.ext4.text(path)),
            Kind::Other => "something else".to_owned(),
        }
    }

    /// Returns a text file of the root.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        self.ext4.text(path)
    }

    /// Returns a text file of the boot partition.
    #[track_caller]
    pub(crate) fn boot_text(&self, name: &str) -> String {
        let content = Fat::new(self.boot.path()).content(name);
        String::from_utf8(
            content.unwrap_or_else(|| panic!("there is no {name} on the boot partition")),
        )
        .unwrap()
    }

    /// Returns the kernel's arguments and fails if `cmdline.txt` has more than one line.
    #[track_caller]
    pub(crate) fn kernel_arguments(&self) -> Vec<String> {
        let text = self.boot_text("cmdline.txt");
        assert_eq!(
            text.trim_end().lines().count(),
            1,
            "cmdline.txt must stay one line: {text:?}"
        );
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Returns whether systemd would start a unit for a target: it is linked, exists and is not masked.
    pub(crate) fn starts(&self, target: &str, unit: &str) -> bool {
        let link = self.access(&format!("/etc/systemd/system/{target}.wants/{unit}"));
        let Some(file) = link.strip_prefix("link → ") else {
            return false;
        };
        let masked = self.access(&format!("/etc/systemd/system/{unit}")) == "link → /dev/null";
        assert!(
            masked || self.ext4.stat(file).is_some(),
            "{unit} is enabled, but there is no {file}"
        );
        !masked
    }

    /// Saves a file of the root where other programs can read it.
    #[track_caller]
    pub(crate) fn save(&self, path: &str) -> PathBuf {
        let to = self.saved.path().join(path.trim_start_matches('/'));
        write(
            &to,
            &self
                .ext4
                .content(path)
                .unwrap_or_else(|| panic!("there is no {path}")),
        );
        to
    }

    /// Returns a certificate of the root.
    #[track_caller]
    pub(crate) fn certificate(&self, path: &str) -> Leaf {
        leaf(&self.save(path))
    }
}

/// Returns the names of passwd(5) or group(5) by ID.
fn ids(text: &str) -> BTreeMap<u32, String> {
    let rows = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    rows.map(|row| (row[2].parse().unwrap(), row[0].to_owned()))
        .collect()
}

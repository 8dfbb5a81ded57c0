//! Runs snapd itself on an `ubuntu-seed` partition to see what it installs for cloud-init and how it starts the kernel.
//!
//! `cargo xtask` compiles `snapd/main.go` with snapd's code from Debian's packages into `target/checkers` without installing it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Disk, Fat};
use crate::support::fixture::write;
use crate::support::tool::tool;

/// Runs $0 with its partitions where snapd looks for them; the mounts disappear when it ends.
const INSTALL_MODE: &str = "mount -t tmpfs none /run
mkdir -p /run/mnt/ubuntu-seed /run/mnt/ubuntu-data
mount --bind \"$2/seed\" /run/mnt/ubuntu-seed
mount --bind \"$2/data\" /run/mnt/ubuntu-data
exec \"$0\" \"$1\"";

/// The files of an image's `ubuntu-seed`, and those of the `ubuntu-data` that an installation from it creates.
#[derive(Debug)]
pub(crate) struct Seed(TempDir);

impl Seed {
    /// Extracts the first partition of an image.
    pub(crate) fn of(image: &Path) -> Self {
        let seed = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        for name in ["seed", "data"] {
            fs::create_dir(seed.at(name)).unwrap();
        }
        Fat::new(Disk::open(image).boot().path()).copy(&seed.at("seed"));
        seed
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file on the seed.
    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        write(&self.at("seed").join(path), content);
    }

    /// Returns a file of the seed.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at("seed").join(path)).unwrap()
    }

    /// Returns the files that the installed system starts with, by path, as snapd selects them by the model's grade.
    pub(crate) fn configured(&self) -> Result<BTreeMap<String, String>, String> {
        self.install_mode("configure")?;
        let mut files = BTreeMap::new();
        let defaults = self.at("data/system-data/_writable_defaults");
        collect(&defaults, &defaults, &mut files);
        Ok(files)
    }

    /// Returns the kernel's command line from the first start of the installed system; `config.txt` must refer to it.
    pub(crate) fn switched(&self) -> Result<String, String> {
        self.install_mode("switch")?;
        let config = self.text("config.txt");
        let prefix = config
            .lines()
            .find_map(|line| line.strip_prefix("os_prefix=/"));
        Ok(self.text(&format!("{}cmdline.txt", prefix.unwrap())))
    }

    fn install_mode(&self, step: &str) -> Result<(), String> {
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers/snapd/checker");
        assert!(
            checker.is_file(),
            "no {}: `cargo xtask setup` compiles it",
            checker.display()
        );
        let (checker, folder) = (checker.to_str().unwrap(), self.0.path().to_str().unwrap());
        let said = tool(
            "unshare",
            &["-rm", "sh", "-euc", INSTALL_MODE, checker, step, folder],
        );
        match said.code {
            Some(0) => Ok(()),
            _ => Err(said.words()),
        }
    }
}

fn collect(top: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(top, &path, files);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}

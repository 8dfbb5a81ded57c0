//! A directory in memory that ends with the namespace and holds kernels, overlays and consoles.
#![expect(clippy::disallowed_methods, reason = "writes into memory only")]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::fault::{Fault, FaultKind};
use super::program::MOUNT;
use super::qcow2;

/// Directories that exist on every Linux and that no boot needs; one of them is covered inside the namespace only.
const PLACES: [&str; 3] = ["/dev/shm", "/mnt", "/media"];

/// The directory, and the files already in it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    kept: Vec<PathBuf>,
}

impl Scratch {
    /// Mounts the directory where it hides none of the files that are `needed`.
    pub fn mount(needed: &[&Path]) -> Result<Self> {
        let free = |place: &&&str| {
            Path::new(place).is_dir() && !needed.iter().any(|path| path.starts_with(place))
        };
        let place = PLACES.iter().find(free).ok_or_else(|| {
            let hint = "move the images to a directory on a disk";
            Fault::new(
                FaultKind::Usage,
                format!("images lie in {}", PLACES.join(" and ")),
                hint,
            )
        })?;
        let mounted = MOUNT.run(&["-t", "tmpfs", "-o", "mode=0700", "etcd-image", *place]);
        mounted.context("making a directory in memory")?;
        Ok(Self {
            path: place.into(),
            kept: Vec::new(),
        })
    }

    /// Returns a path in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Stores bytes in a file and returns its path. Equal bytes are stored once, because nodes share their kernel.
    pub fn keep(&mut self, bytes: &[u8]) -> Result<PathBuf> {
        for path in &self.kept {
            if fs_err::read(path)? == bytes {
                return Ok(path.clone());
            }
        }
        let path = self.path(&format!("file-{}", self.kept.len()));
        fs_err::write(&path, bytes).context("keeping a file of the boot partition in memory")?;
        self.kept.push(path.clone());
        Ok(path)
    }

    /// Creates a disk that stores all writes and reads the rest from the image, which stays unchanged.
    pub(super) fn overlay(&self, node: &str, image: &Path, size: u64) -> Result<PathBuf> {
        let path = self.path(&format!("{node}.qcow2"));
        let made = std::fs::File::create(&path);
        let made = made.and_then(|mut file| qcow2::create_overlay(&mut file, image, size));
        made.with_context(|| format!("making the disk {}", path.display()))?;
        Ok(path)
    }
}

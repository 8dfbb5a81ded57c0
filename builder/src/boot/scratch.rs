//! A folder in memory that ends with the namespace: kernels, overlays, consoles.
#![expect(clippy::disallowed_methods, reason = "writes into memory only")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::program::{MOUNT, QEMU_IMG};
use crate::failure::{Failure, Kind};

/// Folders every Linux has and no boot needs; one of them is covered, for us only.
const PLACES: [&str; 3] = ["/dev/shm", "/mnt", "/media"];

/// The folder, and what is already in it.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    kept: BTreeMap<String, PathBuf>,
}

impl Scratch {
    /// Mounts it where it hides none of the files that are `needed`.
    pub(super) fn mount(needed: &[&Path]) -> Result<Self> {
        let free = |place: &&&str| {
            Path::new(place).is_dir() && !needed.iter().any(|path| path.starts_with(place))
        };
        let place = PLACES.iter().find(free).ok_or_else(|| {
            let hint = "move the images to a folder on a disk";
            Failure::new(
                Kind::Usage,
                format!("images lie in {}", PLACES.join(" and ")),
                hint,
            )
        })?;
        let mounted = MOUNT.run(&["-t", "tmpfs", "-o", "mode=0700", "etcd-image", *place]);
        mounted.context("making a folder in memory")?;
        Ok(Self {
            path: place.into(),
            kept: BTreeMap::new(),
        })
    }

    /// A path in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Keeps bytes, equal ones once: nodes share their kernel.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<PathBuf> {
        let name = crate::hex::encode(&Sha256::digest(bytes));
        if let Some(path) = self.kept.get(&name) {
            return Ok(path.clone());
        }
        let path = self.path(&name);
        fs_err::write(&path, bytes).context("keeping a file of the boot partition in memory")?;
        self.kept.insert(name, path.clone());
        Ok(path)
    }

    /// A disk that takes all writes and reads the rest from the image, which is not touched.
    pub(super) fn overlay(&self, node: &str, image: &Path, size: u64) -> Result<PathBuf> {
        let path = self.path(&format!("{node}.qcow2"));
        let mut command = QEMU_IMG.command()?;
        command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
        command.arg(image).arg(&path).arg(size.to_string());
        let output = command
            .output()
            .map_err(|error| QEMU_IMG.failed(&error.to_string()))?;
        match output.status.success() {
            true => Ok(path),
            false => Err(QEMU_IMG.failed(String::from_utf8_lossy(&output.stderr).trim())),
        }
    }
}

/// The kernel as QEMU wants it: unpacked, and checked to be one (Linux, Documentation/arch/arm64/booting.rst, 4).
pub(super) fn kernel(bytes: Vec<u8>) -> Result<Vec<u8>> {
    const MAGIC: (usize, &[u8]) = (56, b"ARM\x64");
    let bytes = match bytes.strip_prefix(b"\x1f\x8b") {
        None => bytes,
        Some(_) => unpacked(&bytes).context("unpacking the kernel")?,
    };
    match bytes.get(MAGIC.0..MAGIC.0 + MAGIC.1.len()) == Some(MAGIC.1) {
        true => Ok(bytes),
        false => Err(Failure::new(
            Kind::Unsupported,
            "the kernel is not an arm64 Linux image",
            "name one that is with `--kernel` and its initramfs with `--initrd`",
        )),
    }
}

fn unpacked(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(gzip).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn image() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[56..60].copy_from_slice(b"ARM\x64");
        bytes
    }

    #[test]
    fn a_kernel_is_taken_as_it_is_or_unpacked() {
        assert_eq!(kernel(image()).unwrap(), image());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&image()).unwrap();
        assert_eq!(kernel(gzip.finish().unwrap()).unwrap(), image());
    }

    #[test]
    fn what_is_no_arm64_kernel_is_refused() {
        for bytes in [Vec::new(), b"MZ".to_vec(), vec![0; 64]] {
            assert!(
                kernel(bytes)
                    .unwrap_err()
                    .to_string()
                    .contains("not an arm64")
            );
        }
    }
}

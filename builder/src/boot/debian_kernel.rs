//! Debian's kernel for images whose own kernel cannot drive `virt`, from the cached debian-trixie base.
//!
//! The node's root has no modules for that kernel, so the initramfs provides the necessary ones. The image is not changed.

use std::path::Path;

use anyhow::{Context as _, Result};
use lab::qemu;

use crate::failure::Kind;
use crate::firmware_config::{self, KERNEL};
use crate::inspect::Image;

/// A kernel and its initramfs.
pub(super) struct DebianKernel {
    pub(super) kernel: Vec<u8>,
    pub(super) initrd: Vec<u8>,
}

impl DebianKernel {
    /// Reads the kernel and the initramfs from a Debian base.
    pub(super) fn read(base: &Path) -> Result<Self> {
        Self::of(&Image::open(base)?)
            .with_context(|| format!("reading the kernel of {}", base.display()))
    }

    fn of(image: &Image) -> Result<Self> {
        let (boot, root) = (&mut *image.boot()?, &mut *image.root()?);
        let config = boot.read_text("/config.txt")?.unwrap_or_default();
        let config = firmware_config::parse(&config, &["pi4"], KERNEL);
        let initramfs = config.initramfs.ok_or_else(no_initramfs)?;
        let mut initrd = boot.read(&initramfs)?;
        initrd.resize(initrd.len().next_multiple_of(4), 0);
        initrd.extend(qemu::modules(root, &config.kernel)?);
        Ok(Self {
            kernel: boot.read(&config.kernel)?,
            initrd,
        })
    }
}

fn no_initramfs() -> anyhow::Error {
    Kind::Unsupported.error(
        "the Debian base has no initramfs",
        "name a Debian arm64 kernel and its initramfs with `--kernel` and `--initrd`",
    )
}

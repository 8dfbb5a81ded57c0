//! The file systems of an image, addressed by place so that they cannot be confused.

use anyhow::Result;
use diskimg::ReadFs;

use super::layout::Volume;
use crate::failure::Kind;

/// Readers of an image's file systems.
pub struct Files {
    boot: Box<dyn ReadFs>,
    root: Option<Box<dyn ReadFs>>,
}

impl Files {
    pub(super) fn new(boot: Box<dyn ReadFs>, root: Option<Box<dyn ReadFs>>) -> Self {
        Self { boot, root }
    }

    /// Returns the file system at `place`.
    pub fn at(&mut self, volume: Volume) -> Result<&mut (dyn ReadFs + 'static)> {
        match volume {
            Volume::Boot => Ok(&mut *self.boot),
            Volume::Root => self.root.as_deref_mut().ok_or_else(rootless),
            Volume::Base => Err(rootless()),
        }
    }

    /// Returns an iterator over every file system of the image.
    pub fn all(&mut self) -> impl Iterator<Item = &mut (dyn ReadFs + 'static)> {
        let boot = std::iter::once(&mut *self.boot);
        boot.chain(self.root.as_deref_mut())
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files")
            .field("root", &self.root.is_some())
            .finish_non_exhaustive()
    }
}

/// Returns the error for an image without a root partition, such as Ubuntu Core 20 and later.
pub(super) fn rootless() -> anyhow::Error {
    Kind::Unsupported.error("the image has no root partition: it is Ubuntu Core, which makes its partitions on the first boot",
        "only `build`, `plan`, `inspect` and `verify` support such images",
    )
}

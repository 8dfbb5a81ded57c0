//! The result of `flash`, as text and JSON.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use indicatif::BinaryBytes;
use serde::Serialize;

use super::data::DataPlace;

/// The cards that were written, or would be.
#[derive(Debug, Serialize)]
pub struct Flashed {
    /// Version of this format.
    pub format: u32,
    /// Whether nothing was written, as with `--dry-run`.
    pub dry_run: bool,
    /// One per card.
    pub cards: Vec<FlashedCard>,
}

/// One card.
#[derive(Debug, Serialize)]
pub struct FlashedCard {
    /// Name of the node, if the image is one.
    pub node: Option<String>,
    /// Path of the image.
    pub image: PathBuf,
    /// Path of the card.
    pub device: PathBuf,
    /// Manufacturer and model; `None` for a file.
    pub model: Option<String>,
    /// Size of the card in bytes.
    pub device_bytes: u64,
    /// Size of the image in bytes.
    pub image_bytes: u64,
    /// Number of bytes that are written: the image without free blocks.
    pub mapped_bytes: u64,
    /// Whether the image was compared with its manifest.
    pub image_verified: bool,
    /// What happens to etcd's data.
    pub data: DataPlace,
    /// Seconds for writing and reading back; `None` if nothing was written.
    pub seconds: Option<u64>,
}

impl Flashed {
    pub(super) fn new(cards: impl IntoIterator<Item = FlashedCard>, dry_run: bool) -> Self {
        Self {
            format: 1,
            dry_run,
            cards: cards.into_iter().collect(),
        }
    }
}

impl Display for Flashed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.cards.iter().try_for_each(|card| writeln!(f, "{card}"))
    }
}

impl Display for FlashedCard {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (image, device) = (self.image.display(), self.device.display());
        write!(f, "{image} → {device}")?;
        if let Some(model) = self.model.as_deref().filter(|model| !model.is_empty()) {
            write!(f, " ({model})")?;
        }
        let bytes = BinaryBytes(self.mapped_bytes);
        match self.seconds {
            Some(seconds) => write!(f, ": {bytes} written and read back in {seconds} s")?,
            None => write!(f, ": {bytes} would be written")?,
        }
        if !self.image_verified {
            write!(f, "; the image is in no manifest")?;
        }
        match self.data {
            DataPlace::Elsewhere => Ok(()),
            DataPlace::Empty => write!(f, "; the card has no data of etcd"),
            DataPlace::Kept => write!(f, "; etcd's data on the card is kept"),
            DataPlace::Wiped => write!(f, "; the place of etcd's data is erased"),
        }
    }
}

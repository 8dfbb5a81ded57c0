//! The result of `flash`, as text and JSON.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use indicatif::BinaryBytes;
use serde::Serialize;

use super::data::DataPlace;
use crate::failure;

/// The cards that were written, or would be.
#[derive(Debug, Serialize)]
pub struct Flashed {
    /// Version of this format.
    pub format: u32,
    /// Whether nothing was written, as with `--dry-run`.
    pub dry_run: bool,
    /// One per card.
    pub cards: Vec<FlashedCard>,
    /// The errors of the cards that failed, in the order of the cards.
    #[serde(skip)]
    errors: Vec<anyhow::Error>,
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
    /// Who signed the manifest, with the fingerprint of the key; `None` if no signature was required.
    pub signer: Option<String>,
    /// What happens to etcd's data.
    pub data: DataPlace,
    /// Seconds for writing and reading back; `None` if nothing was written or the card failed.
    pub seconds: Option<u64>,
    /// Why the card failed; `None` if it did not.
    pub error: Option<String>,
}

impl Flashed {
    /// Returns the report of a run that wrote nothing.
    pub(super) fn planned(cards: impl Iterator<Item = FlashedCard>) -> Self {
        Self {
            format: 1,
            dry_run: true,
            cards: cards.collect(),
            errors: Vec::new(),
        }
    }

    /// Returns the report of a run, from each card and the time that it took.
    pub(super) fn written(ended: impl Iterator<Item = (FlashedCard, Result<Duration>)>) -> Self {
        let (mut cards, mut errors) = (Vec::new(), Vec::new());
        for (mut card, result) in ended {
            match result {
                Ok(time) => card.seconds = Some(time.as_secs()),
                Err(error) => {
                    card.error = Some(format!("{error:#}"));
                    errors.push(error);
                }
            }
            cards.push(card);
        }
        Self {
            format: 1,
            dry_run: false,
            cards,
            errors,
        }
    }

    /// Returns whether the report says more than the [verdict](Self::verdict): not for a single card that failed.
    pub fn is_worth_printing(&self) -> bool {
        self.cards.len() > self.errors.len() || self.cards.len() > 1
    }

    /// Returns an error if a card failed. For one of several cards, it has the kind and the hint of the first failure.
    pub fn verdict(mut self) -> Result<()> {
        let (count, total) = (self.errors.len(), self.cards.len());
        if count == 0 {
            return Ok(());
        }
        let first = self.errors.swap_remove(0);
        if total == 1 {
            return Err(first);
        }
        let (kind, hint) = failure::explain(&first);
        Err(kind.error(format!("{count} of {total} cards failed: {first:#}"), hint))
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
        if let Some(error) = &self.error {
            return write!(f, ": FAILED: {error}");
        }
        let bytes = BinaryBytes(self.mapped_bytes);
        match self.seconds {
            Some(seconds) => write!(f, ": {bytes} written and read back in {seconds} s")?,
            None => write!(f, ": {bytes} would be written")?,
        }
        if !self.image_verified {
            write!(f, "; the image is in no manifest")?;
        }
        if let Some(signer) = &self.signer {
            write!(f, "; signed by {signer}")?;
        }
        let is_done = self.seconds.is_some();
        f.write_str(match (self.data, is_done) {
            (DataPlace::Elsewhere, _) => "",
            (DataPlace::Empty, _) => "; the card has no data of etcd",
            (DataPlace::Kept, true) => "; etcd's data on the card is kept",
            (DataPlace::Kept, false) => "; etcd's data on the card would be kept",
            (DataPlace::Wiped, true) => "; the place of etcd's data is erased",
            (DataPlace::Wiped, false) => "; the place of etcd's data would be erased",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    fn card(device: &str) -> FlashedCard {
        FlashedCard {
            node: None,
            image: "a.img".into(),
            device: device.into(),
            model: None,
            device_bytes: 1 << 30,
            image_bytes: 1 << 20,
            mapped_bytes: 1 << 20,
            image_verified: true,
            signer: None,
            data: DataPlace::Elsewhere,
            seconds: None,
            error: None,
        }
    }

    #[test]
    fn a_dry_run_says_what_would_happen_to_the_data() {
        let told = |data, seconds| {
            let card = card("/dev/a");
            let card = FlashedCard {
                data,
                seconds,
                ..card
            };
            let text = card.to_string();
            text.split_once("; ").unwrap().1.to_owned()
        };
        let (kept, wiped) = (DataPlace::Kept, DataPlace::Wiped);
        assert_eq!(told(kept, None), "etcd's data on the card would be kept");
        assert_eq!(told(kept, Some(3)), "etcd's data on the card is kept");
        assert_eq!(
            told(wiped, None),
            "the place of etcd's data would be erased"
        );
        assert_eq!(told(wiped, Some(3)), "the place of etcd's data is erased");
    }

    fn torn() -> Result<Duration> {
        Err(Kind::Storage.error("writing /dev/b: removed", "insert it again"))
    }

    #[test]
    fn one_card_that_fails_does_not_hide_the_others() {
        let ended = [
            (card("/dev/a"), Ok(Duration::from_secs(3))),
            (card("/dev/b"), torn()),
        ];
        let flashed = Flashed::written(ended.into_iter());
        assert!(flashed.is_worth_printing());
        assert_eq!(
            flashed.to_string(),
            "a.img → /dev/a: 1.00 MiB written and read back in 3 s\n\
             a.img → /dev/b: FAILED: writing /dev/b: removed\n"
        );
        let error = flashed.verdict().unwrap_err();
        let expected = "1 of 2 cards failed: writing /dev/b: removed";
        assert_eq!(error.to_string(), expected);
        let explained = (Kind::Storage, "insert it again".to_owned());
        assert_eq!(failure::explain(&error), explained);
    }

    #[test]
    fn the_only_card_fails_with_its_own_error() {
        let flashed = Flashed::written([(card("/dev/b"), torn())].into_iter());
        assert!(!flashed.is_worth_printing());
        let error = flashed.verdict().unwrap_err();
        assert_eq!(error.to_string(), "writing /dev/b: removed");
    }
}

//! Writes images to cards and reads them back (Linux only).
//!
//! Everything is checked before the first byte is written: the images, the disks and what is on them. Free blocks of the
//! image's file systems are not written. The beginning of the card with its partition table is erased first and written
//! last, so that a card whose writing was interrupted does not boot at all instead of booting half a system.

mod assign;
#[cfg(test)]
mod by_hand;
mod capacity;
mod card;
mod data;
mod disks;
mod list;
mod opened;
mod outcome;
mod rules;
mod source;
#[cfg(test)]
mod tests;
mod trusted;
mod write;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

pub use list::{DiskList, list};
pub use outcome::{Flashed, FlashedCard};

use crate::cli::FlashOptions;
use crate::failure::Kind;
use crate::interrupt;
use crate::progress::Progress;

use card::Card;
use data::DataPlace;
use source::Source;
use trusted::Trusted;

/// What to do after an interruption, at whatever moment.
const INTERRUPTED: &str =
    "run the same command again: a card that was begun and not finished does not boot";

/// An image with the card that it goes to, both open and checked.
struct FlashJob {
    source: Source,
    card: Card,
    data: DataPlace,
}

/// Writes each image to its card, all cards at once, and compares what the cards then return. A card that fails does not
/// affect the others; the [verdict](Flashed::verdict) is an error then. `now` is the time to which the keys of signers must be
/// valid.
pub fn flash(options: &FlashOptions, now: i64, progress: &dyn Progress) -> Result<Flashed> {
    interrupt::watch_with(INTERRUPTED);
    let trusted = Trusted::new(options, now);
    let assignments = assign::assignments(options, trusted)?;
    let open = |assignment: &assign::Assignment| FlashJob::open(assignment, options, trusted);
    let jobs = assignments.iter().map(open).collect::<Result<Vec<_>>>()?;
    refuse_same_node(&jobs)?;
    if options.dry_run {
        for job in &jobs {
            job.source.verify("nothing was written")?;
        }
        return Ok(Flashed::planned(jobs.iter().map(FlashJob::outcome)));
    }
    progress
        .note("until a card is finished it does not boot; after an interruption, flash it again");
    let written: Vec<Result<Duration>> = thread::scope(|scope| {
        let start = |job| scope.spawn(move || FlashJob::run(job, progress));
        let all: Vec<_> = jobs.iter().map(start).collect();
        let ended = all.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .map(|card| card.unwrap_or_else(|_| Err(anyhow!("writing a card panicked"))))
            .collect()
    });
    let cards = jobs.iter().map(FlashJob::outcome).zip(written);
    Ok(Flashed::written(cards))
}

/// Refuses two images of the same node, such as one in two formats.
fn refuse_same_node(jobs: &[FlashJob]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for job in jobs {
        let Some(node) = &job.source.node else {
            continue;
        };
        let image = &job.source.path;
        if let Some(other) = seen.insert((&node.cluster, &node.node), image) {
            let message = format!(
                "{} and {} are images of the same node, {} of cluster {}; {}",
                other.display(),
                image.display(),
                node.node,
                node.cluster,
                assign::SAME_IDENTITY
            );
            return Err(Kind::Usage.error(message, assign::ONE_EACH));
        }
    }
    Ok(())
}

impl FlashJob {
    fn open(
        assignment: &assign::Assignment,
        options: &FlashOptions,
        trusted: Trusted<'_>,
    ) -> Result<Self> {
        let source = Source::open(&assignment.image, &options.images, trusted)?;
        let system = disks::KernelView::default();
        let card = Card::open(
            &assignment.device,
            &source,
            |number| {
                let disk = system.by_number(number)?;
                rules::check(&disk, options.yes_really)?;
                Ok(disk.model)
            },
            options.yes_really,
        )?;
        let data = data::find(&source, &card, options.wipe_data)?;
        Ok(Self { source, card, data })
    }

    fn run(&self, progress: &dyn Progress) -> Result<Duration> {
        write::write(&self.source, &self.card, self.data, progress)
    }

    /// Returns the report about the card before it is written.
    fn outcome(&self) -> FlashedCard {
        FlashedCard {
            node: self.source.node.as_ref().map(|node| node.node.clone()),
            image: self.source.path.clone(),
            device: self.card.path.clone(),
            model: self.card.model.clone(),
            device_bytes: self.card.size,
            image_bytes: self.source.size(),
            mapped_bytes: self.source.mapped_bytes(),
            image_verified: !self.source.digests.is_empty(),
            signer: self.source.signer.clone(),
            data: self.data,
            seconds: None,
            error: None,
        }
    }
}

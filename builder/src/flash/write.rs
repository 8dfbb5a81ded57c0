//! The order in which a card is written and read back.

use std::ops::Range;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::card::{CHUNK, Card};
use super::source::Source;
use crate::failure::Kind;
use crate::inspect::MAP_BLOCK;
use crate::progress::{Progress, Task};

/// The length of the beginning of a card, with its partition table and boot sectors.
const HEAD: u64 = 1 << 20;

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Seconds for writing and reading back.
    pub(super) seconds: u64,
}

/// Writes the image and compares the card with it: the head is erased, the rest written and compared, then the head.
///
/// Until the last step the card has no partition table, so that after an error or an interruption it does not boot.
pub(super) fn write(source: &Source, card: &Card, progress: &dyn Progress) -> Result<Written> {
    let started = Instant::now();
    let (head, body) = split(&source.map);
    let total = 2 * source.mapped_bytes();
    let what = format!("writing {}", card.path.display());
    let mut work = Work {
        source,
        card,
        task: progress.task(&what, Some(total)),
        done: 0,
    };
    work.erase_head()?;
    card.sync()?;
    thread::scope(|scope| {
        // The image is read only once from the disk: what one of the two has read, the other finds in memory.
        let verified = scope.spawn(|| source.verify("the card is not bootable"));
        work.transfer(&body)?;
        verified
            .join()
            .unwrap_or_else(|_| Err(anyhow!("reading the image panicked")))
    })?;
    work.transfer(&head)?;
    Ok(Written {
        seconds: started.elapsed().as_secs(),
    })
}

/// Splits the ranges of an image into those of its head and the others.
fn split(map: &[Range<u64>]) -> (Vec<Range<u64>>, Vec<Range<u64>>) {
    let cut = |from: u64, to: u64| {
        let cut = map
            .iter()
            .map(|range| range.start.max(from)..range.end.min(to));
        cut.filter(|range| range.start < range.end).collect()
    };
    (cut(0, HEAD), cut(HEAD, u64::MAX))
}

struct Work<'a> {
    source: &'a Source,
    card: &'a Card,
    task: Box<dyn Task + 'a>,
    done: u64,
}

impl Work<'_> {
    fn erase_head(&mut self) -> Result<()> {
        let len = usize::try_from(HEAD.min(self.card.size))?;
        self.card.writer().write(0, len, |bytes| {
            bytes.fill(0);
            Ok(())
        })
    }

    /// Writes ranges and compares what the card returns.
    fn transfer(&mut self, ranges: &[Range<u64>]) -> Result<()> {
        self.copy(ranges)?;
        self.card.sync()?;
        self.compare(ranges)
    }

    fn copy(&mut self, ranges: &[Range<u64>]) -> Result<()> {
        let mut writer = self.card.writer();
        for piece in pieces(ranges) {
            let len = usize::try_from(piece.end - piece.start)?;
            writer.write(piece.start, len, |bytes| {
                Ok(self.source.storage.read_at(piece.start, bytes)?)
            })?;
            self.advance(&piece);
        }
        Ok(())
    }

    fn compare(&mut self, ranges: &[Range<u64>]) -> Result<()> {
        let (mut wanted, mut found) = (vec![0; CHUNK], vec![0; CHUNK]);
        for piece in pieces(ranges) {
            let len = usize::try_from(piece.end - piece.start)?;
            let (wanted, found) = (&mut wanted[..len], &mut found[..len]);
            self.source.storage.read_at(piece.start, wanted)?;
            self.card.read(piece.start, found)?;
            if wanted != found {
                let same = wanted
                    .iter()
                    .zip(&*found)
                    .take_while(|(wanted, found)| wanted == found);
                return Err(self.differs(piece.start + u64::try_from(same.count())?));
            }
            self.advance(&piece);
        }
        Ok(())
    }

    fn advance(&mut self, piece: &Range<u64>) {
        self.done += piece.end - piece.start;
        self.task.at(self.done);
    }

    fn differs(&self, offset: u64) -> anyhow::Error {
        Kind::Verification.error(format!(
                "{} does not return what was written to byte {offset}",
                self.card.path.display()
            ),
            "the card is worn out, smaller than it claims, or its reader is faulty: use another card; this one does not boot",
        )
    }
}

/// Cuts ranges into pieces of at most [`CHUNK`] bytes that begin at multiples of the block size.
fn pieces(ranges: &[Range<u64>]) -> impl Iterator<Item = Range<u64>> {
    debug_assert!(
        ranges
            .iter()
            .all(|range| range.start.is_multiple_of(MAP_BLOCK))
    );
    ranges.iter().cloned().flat_map(|range| {
        let starts = range.clone().step_by(CHUNK);
        starts.map(move |start| start..range.end.min(start + CHUNK as u64))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diskimg::Memory;

    use super::*;
    use crate::failure::explain;
    use crate::progress::Silent;

    #[test]
    fn ranges_are_split_at_the_end_of_the_head_and_cut_into_pieces() {
        let (mib, chunk) = (1 << 20, CHUNK as u64);
        let (head, body) = split(&[0..4096, 8192..3 * mib, 5 * mib..5 * mib + 2 * chunk + 512]);
        assert_eq!(head, [0..4096, 8192..mib]);
        assert_eq!(body, [mib..3 * mib, 5 * mib..5 * mib + 2 * chunk + 512]);
        let last = 5 * mib + 2 * chunk;
        let expected = [
            5 * mib..5 * mib + chunk,
            5 * mib + chunk..last,
            last..last + 512,
        ];
        assert_eq!(pieces(&body[1..]).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_card_that_returns_other_bytes_is_reported_with_the_first_of_them() {
        let place = tempfile::NamedTempFile::new().unwrap();
        place.as_file().set_len(8 << 20).unwrap();
        let source = Source {
            path: "image".into(),
            storage: Arc::new(Memory::new(vec![7; 6 << 20])),
            is_verified: false,
            node: None,
            digests: vec![],
            map: vec![0..1 << 20, 1 << 20..6 << 20],
        };
        let card = Card::open(place.path(), &source, |_| Ok(String::new()), true).unwrap();
        let mut work = Work {
            source: &source,
            card: &card,
            task: Silent.task("", None),
            done: 0,
        };
        work.copy(&source.map).unwrap();
        work.compare(&source.map).unwrap();
        card.writer()
            .write(5 << 20, 512, |bytes| {
                bytes.fill(7);
                bytes[3] = 8;
                Ok(())
            })
            .unwrap();
        let error = work.compare(&source.map).unwrap_err();
        let message = format!(
            "{} does not return what was written to byte {}",
            place.path().display(),
            (5 << 20) + 3
        );
        assert_eq!(
            (explain(&error).0, error.to_string()),
            (Kind::Verification, message)
        );
    }
}

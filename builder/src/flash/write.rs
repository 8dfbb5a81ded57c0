//! The order in which a card is written and read back.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::capacity::Marks;
use super::card::{CHUNK, Card};
use super::data::{self, DataPlace};
use super::source::Source;
use crate::apply::DirectBuffer;
use crate::failure::Kind;
use crate::inspect::MAP_BLOCK;
use crate::parallel;
use crate::progress::{Progress, Task};

/// The length of the first block of a card. The partition table begins there, so that no firmware and no kernel finds anything
/// on a card whose first block is zero.
const HEAD: u64 = MAP_BLOCK;
/// The length of what is erased at first: earlier boot sectors, and superblocks that would be taken for those of the whole card.
const ERASED: u64 = 1 << 20;
/// What an error about the image means for the card.
const NOT_BOOTABLE: &str = "the card is not bootable";
/// Number of pieces that are written, or read back, at once.
const AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Writes the image and compares the card with it: the head is erased, the rest written and compared, then the head.
///
/// The head is one block. It is erased before anything else and written after everything else, so that after an error or an
/// interruption at any moment the card has no partition table and does not boot. Unless data
/// is kept, marks behind the image show whether the card is as large as it claims. Returns how long that took.
///
/// The image is read by one thread that verifies it and by others that write it. Its digest is that of all bytes in their order, of which
/// many are not written; the writers have several pieces in work at once, and hashing them a second time for a comparison would slow down
/// a fast card. Instead, the file must not have changed from before its first byte was read until its last one was: all have then read the
/// same bytes.
pub(super) fn write(
    source: &Source,
    card: &Card,
    place: DataPlace,
    progress: &dyn Progress,
) -> Result<Duration> {
    let started = Instant::now();
    let (head, body) = split(&source.map);
    let total = 2 * source.mapped_bytes();
    let what = format!("writing {}", card.path.display());
    let task = progress.task(&what, Some(total));
    let work = Work {
        source,
        card,
        progress: Mutex::new(Moved { task, bytes: 0 }),
    };
    work.erase_head()?;
    work.erase(HEAD..ERASED)?;
    card.sync()?;
    if place == DataPlace::Wiped {
        data::wipe(source, card)?;
    }
    let marks = (place != DataPlace::Kept).then(|| Marks::write(source, card));
    let marks = marks.transpose()?;
    thread::scope(|scope| {
        // The image is read only once from the disk: what one of the two has read, the other finds in memory.
        let verified = scope.spawn(|| source.verify(NOT_BOOTABLE));
        work.transfer(&body)?;
        verified
            .join()
            .unwrap_or_else(|_| Err(anyhow!("reading the image panicked")))
    })?;
    marks.map_or(Ok(()), Marks::check)?;
    work.finish(&head)?;
    Ok(started.elapsed())
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
    progress: Mutex<Moved<'a>>,
}

/// The number of bytes written and read back so far, and its display.
struct Moved<'a> {
    task: Box<dyn Task + 'a>,
    bytes: u64,
}

impl Work<'_> {
    fn erase_head(&self) -> Result<()> {
        self.erase(0..HEAD)?;
        self.card.sync()
    }

    /// Erases a range as far as the card has it.
    fn erase(&self, range: Range<u64>) -> Result<()> {
        let len = range.end.min(self.card.size) - range.start;
        self.card.erase(range.start, usize::try_from(len)?)
    }

    /// Writes the head. If the card then turns out to be bad, or the image to have changed, the head is erased again as far as the card
    /// allows that.
    fn finish(&self, head: &[Range<u64>]) -> Result<()> {
        self.source.must_be_unchanged(NOT_BOOTABLE)?;
        let written = self.transfer(head);
        let finished = written.and_then(|()| self.source.must_be_unchanged(NOT_BOOTABLE));
        finished.inspect_err(|_| {
            let _ = self.erase_head();
        })
    }

    /// Writes ranges and compares what the card returns. Nothing is read back before everything is written: a card that claims
    /// a larger size overwrites earlier blocks with later ones.
    fn transfer(&self, ranges: &[Range<u64>]) -> Result<()> {
        self.copy(ranges)?;
        self.card.sync()?;
        self.compare(ranges)
    }

    fn copy(&self, ranges: &[Range<u64>]) -> Result<()> {
        self.each(ranges, |piece, [bytes, _]| {
            self.source.storage.read_at(piece.start, bytes)?;
            self.card.write(piece.start, bytes)
        })
    }

    fn compare(&self, ranges: &[Range<u64>]) -> Result<()> {
        self.each(ranges, |piece, [wanted, found]| {
            self.source.storage.read_at(piece.start, wanted)?;
            self.card.read(piece.start, found)?;
            match wanted == found {
                true => Ok(()),
                false => Err(self.differs(piece.start + equal_bytes(wanted, found))),
            }
        })
    }

    /// Does the same with every piece, with several at once: the card then always has a request to work on. The work gets two
    /// buffers of the length of its piece.
    fn each(
        &self,
        ranges: &[Range<u64>],
        work: impl Fn(&Range<u64>, [&mut [u8]; 2]) -> Result<()> + Sync,
    ) -> Result<()> {
        let buffers = Mutex::new(Vec::new());
        let idle = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces: Vec<_> = pieces(ranges).collect();
        let done = parallel::map(AT_ONCE, &pieces, |piece| {
            let pair = idle().pop();
            let mut pair = pair.unwrap_or_else(|| [CHUNK; 2].map(DirectBuffer::new));
            let len = length(piece)?;
            work(piece, pair.each_mut().map(|buffer| buffer.first(len)))?;
            idle().push(pair);
            self.advance(piece);
            Ok(())
        });
        done.map(drop)
    }

    fn advance(&self, piece: &Range<u64>) {
        let progress = self.progress.lock();
        let mut progress = progress.unwrap_or_else(PoisonError::into_inner);
        progress.bytes += piece.end - piece.start;
        let bytes = progress.bytes;
        progress.task.at(bytes);
    }

    fn differs(&self, offset: u64) -> anyhow::Error {
        if let Err(changed) = self.source.must_be_unchanged(NOT_BOOTABLE) {
            return changed;
        }
        Kind::Verification.error(format!(
                "{} does not return what was written to byte {offset}",
                self.card.path.display()
            ),
            "the card is worn out, smaller than it claims, or its reader is faulty: use another card; this one does not boot",
        )
    }
}

/// Returns the number of equal bytes before the first different one.
fn equal_bytes(wanted: &[u8], found: &[u8]) -> u64 {
    let same = wanted.iter().zip(found).take_while(|(a, b)| a == b);
    same.map(|_| 1).sum()
}

/// Returns the length of a piece.
fn length(piece: &Range<u64>) -> Result<usize> {
    Ok(usize::try_from(piece.end - piece.start)?)
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
        let (head, body) = split(&[0..3 * mib, 5 * mib..5 * mib + 2 * chunk + 512]);
        assert_eq!(head, std::iter::once(0..HEAD).collect::<Vec<_>>());
        assert_eq!(body, [HEAD..3 * mib, 5 * mib..5 * mib + 2 * chunk + 512]);
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
        // Next to this program, not in /tmp: a memory file system may not support direct transfers.
        let program = std::env::current_exe().unwrap();
        let place = tempfile::NamedTempFile::new_in(program.parent().unwrap()).unwrap();
        place.as_file().set_len(64 << 20).unwrap();
        // The last piece is not a multiple of a block.
        let size = (40 << 20) + 512;
        let source = Source {
            path: "image".into(),
            storage: Arc::new(Memory::new(vec![7; size])),
            is_verified: false,
            node: None,
            digests: vec![],
            signer: None,
            map_digests: vec![],
            map: vec![0..1 << 20, 1 << 20..size as u64],
            opened: None,
        };
        let card = Card::open(place.path(), &source, |_| Ok(String::new()), true).unwrap();
        let task = Silent.task("", None);
        let work = Work {
            source: &source,
            card: &card,
            progress: Mutex::new(Moved { task, bytes: 0 }),
        };
        work.copy(&source.map).unwrap();
        work.compare(&source.map).unwrap();
        assert_eq!(work.progress.lock().unwrap().bytes, 2 * size as u64);
        for wrong in [(30 << 20) + 1, (5 << 20) + 3, size as u64 - 1] {
            card.write(wrong, &[8]).unwrap();
        }
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

        // The card is pulled: nothing comes from it any more.
        work.copy(&source.map).unwrap();
        place.as_file().set_len(20 << 20).unwrap();
        let error = work.compare(&source.map).unwrap_err();
        let message = format!(
            "reading {} at byte {}: failed to fill whole buffer",
            place.path().display(),
            17 << 20
        );
        assert_eq!(
            (explain(&error).0, error.to_string()),
            (Kind::Storage, message)
        );
    }
}

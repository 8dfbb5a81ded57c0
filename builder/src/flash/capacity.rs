//! Checks that a card has as many bytes as it claims. A counterfeit card accepts every write, but drops what is beyond its real
//! capacity or writes it over earlier blocks.
//!
//! ```text
//! claimed  0    4M       8G 8G+4M            16G 16G+4M              end
//!          │────▲────────│──▲─────────────────│──▲──────────────────▲│     ▲ mark
//! ```
//! Counterfeit cards that wrap around do so at a power of two. All marks behind powers of two then land on the same place, which
//! afterwards holds only the last mark, or the image.

use std::ops::Range;

use super::card::Card;
use super::data::BLANK;
use super::source::Source;
use crate::apply::DirectBuffer;
use crate::failure::Kind;

use anyhow::Result;

/// The size of a mark in bytes.
const MARK: usize = 4096;
/// How far behind a power of two a mark lies. The place of etcd's data must begin with as many empty bytes: marks that an
/// interruption leaves behind do not matter.
const BEHIND: u64 = BLANK as u64;

/// Marks on a card in places where the image has nothing.
pub(super) struct Marks<'a> {
    card: &'a Card,
    marks: Vec<Mark>,
}

/// The place of a mark, and the bytes that it replaces.
struct Mark {
    place: u64,
    before: DirectBuffer,
}

impl<'a> Marks<'a> {
    /// Writes the marks, and keeps what was in their places.
    pub(super) fn write(source: &Source, card: &'a Card) -> Result<Self> {
        let keep = |place| {
            let mut before = DirectBuffer::new(MARK);
            card.read(place, before.first(MARK))?;
            Ok(Mark { place, before })
        };
        let places = places(card.size, &source.map).into_iter();
        let marks = places.map(keep).collect::<Result<Vec<_>>>()?;
        let mut buffer = DirectBuffer::new(MARK);
        for Mark { place, .. } in &marks {
            card.write(*place, content(*place, &mut buffer))?;
        }
        Ok(Self { card, marks })
    }

    /// Fails unless every mark is where it was written; then writes back what was there before.
    pub(super) fn check(mut self) -> Result<()> {
        let (mut wanted, mut found) = (DirectBuffer::new(MARK), DirectBuffer::new(MARK));
        for Mark { place, .. } in &self.marks {
            let found = found.first(MARK);
            self.card.read(*place, found)?;
            if content(*place, &mut wanted) != found {
                return Err(self.is_forged(*place));
            }
        }
        let mut marks = self.marks.iter_mut();
        marks.try_for_each(|it| self.card.write(it.place, it.before.first(MARK)))
    }

    fn is_forged(&self, place: u64) -> anyhow::Error {
        let message = format!(
            "{} claims {} bytes, but does not keep what is written to byte {place}",
            self.card.path.display(),
            self.card.size
        );
        let hint = "forged cards have less memory than they claim: use another card; this one does not boot";
        Kind::Verification.error(message, hint)
    }
}

/// Returns the content of the mark for a place, which occurs nowhere else on the card.
fn content(place: u64, buffer: &mut DirectBuffer) -> &[u8] {
    let block = buffer.first(MARK);
    for (number, word) in (0..).zip(block.chunks_exact_mut(8)) {
        word.copy_from_slice(&(place ^ number).to_le_bytes());
    }
    block
}

/// Returns the places of marks on a card of this size: behind each power of two and before the last block, but not in the
/// image. A node that was interrupted while it formatted the place of its data says so in the last block.
fn places(size: u64, map: &[Range<u64>]) -> Vec<u64> {
    let len = MARK as u64;
    let powers = (BEHIND.ilog2() + 1..u64::BITS).map(|power| 1 << power);
    let behind = std::iter::once(0).chain(powers).map(|power| power + BEHIND);
    let last = (size / len * len).saturating_sub(2 * len);
    let mut places: Vec<u64> = behind.take_while(|place| *place < last).collect();
    places.extend((last >= BEHIND).then_some(last));
    let is_free = |place: &u64| {
        map.iter()
            .all(|it| it.end <= *place || *place + len <= it.start)
    };
    places.retain(is_free);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn marks_lie_behind_powers_of_two_and_at_the_end_where_the_image_is_not() {
        let behind = |power: u64| power + 4 * MIB;
        let image = [0..MIB, 8 * MIB..2 * GIB + 5 * MIB];
        let expected = [4 * MIB, behind(4 * GIB), behind(8 * GIB), 16 * GIB - 8192];
        assert_eq!(places(16 * GIB + 512, &image), expected);
        assert_eq!(places(2 * GIB, &image), [4 * MIB]);
        assert_eq!(places(MIB, &[]), [0; 0]);
    }

    #[test]
    fn every_mark_is_different() {
        let (mut a, mut b) = (DirectBuffer::new(MARK), DirectBuffer::new(MARK));
        let [a, b] = [(4 * MIB, &mut a), (8 * GIB, &mut b)].map(|(place, it)| content(place, it));
        assert_ne!(a, b);
    }
}

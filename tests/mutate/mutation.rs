//! Chooses what to damage.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use lab::rng::Rng;

use super::metadata::{SECTOR, Structure};

/// The largest number of bytes that one case changes.
const MOST: u64 = 16;

/// One to sixteen changed bytes of metadata.
#[derive(Debug)]
pub(super) struct Mutation(Vec<Change>);

#[derive(Debug)]
struct Change {
    structure: &'static str,
    offset: u64,
    old: u8,
    new: u8,
}

impl Mutation {
    /// Returns the mutation that follows from a number. Half of all mutations damage one sector, the others any.
    pub(super) fn new(base: &File, structures: &[Structure], number: u64) -> Self {
        let mut rng = Rng::new(number);
        let count = 1 + rng.below(MOST);
        let together = rng.percent(50);
        let mut place = sector(structures, &mut rng);
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..count {
            if !together {
                place = sector(structures, &mut rng);
            }
            let offset = place.1 + rng.below(SECTOR);
            let mut old = [0];
            base.read_exact_at(&mut old, offset).unwrap();
            let new = value(old[0], &mut rng);
            // A byte that was changed already would be restored wrongly.
            if changes.iter().all(|change| change.offset != offset) {
                changes.push(Change {
                    structure: place.0,
                    offset,
                    old: old[0],
                    new,
                });
            }
        }
        Self(changes)
    }

    /// Writes the changed bytes.
    pub(super) fn apply(&self, base: &Path) {
        self.write(base, |change| change.new);
    }

    /// Writes the original bytes.
    pub(super) fn revert(&self, base: &Path) {
        self.write(base, |change| change.old);
    }

    fn write(&self, base: &Path, byte: impl Fn(&Change) -> u8) {
        let file = File::options().write(true).open(base).unwrap();
        for change in &self.0 {
            file.write_all_at(&[byte(change)], change.offset).unwrap();
        }
    }
}

fn sector(structures: &[Structure], rng: &mut Rng) -> (&'static str, u64) {
    let structure = &structures[rng.index(structures.len())];
    (
        structure.name,
        structure.sectors[rng.index(structure.sectors.len())],
    )
}

/// Returns another value: a flipped bit, a neighbor, an extreme or anything.
fn value(old: u8, rng: &mut Rng) -> u8 {
    let new = match rng.below(5) {
        0 => old ^ (1 << rng.below(8)),
        1 => old.wrapping_add(1),
        2 => old.wrapping_sub(1),
        3 => 0xFF,
        _ => u8::try_from(rng.below(256)).unwrap(),
    };
    if new == old { !old } else { new }
}

impl Display for Mutation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for change in &self.0 {
            let Change {
                structure,
                offset,
                old,
                new,
            } = change;
            writeln!(
                f,
                "  {structure}: byte {offset:#x}: {old:#04x} → {new:#04x}"
            )?;
        }
        Ok(())
    }
}

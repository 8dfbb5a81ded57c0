//! Tests with counterfeit cards, and with one that does not return what was written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diskimg::{Memory, Storage as _};

use super::card::{Card, Medium};
use super::data::DataPlace;
use super::opened::Opened;
use super::source::Source;
use super::write::write;
use crate::failure::{Kind, explain};
use crate::progress::Silent;

const MIB: u64 = 1 << 20;
/// The size of a card as it claims, and the memory of a forged one.
const CLAIMED: u64 = 64 * MIB;
const REAL: u64 = 16 * MIB;
/// The size of the image, and the length of its only range.
const IMAGE: u64 = 8 * MIB;
const MAPPED: u64 = 6 * MIB;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// What lies behind the memory is forgotten.
    Forgets,
    /// What lies behind the memory is written over what lies before.
    BeginsAnew,
    /// The partition table is returned with another bit.
    ChangesTable,
    /// It accepts this number of sectors, and nothing more.
    IsPulledAfter(usize),
}

#[derive(Clone, Debug)]
struct Liar {
    memory: Arc<Memory>,
    lie: Lie,
    /// Number of sectors written so far.
    written: Arc<AtomicUsize>,
}

impl Liar {
    /// Returns a card that was used before.
    fn new(lie: Lie) -> Self {
        let used = vec![0xA5; usize::try_from(CLAIMED).unwrap()];
        let memory = Arc::new(Memory::new(used));
        Self {
            memory,
            lie,
            written: Arc::default(),
        }
    }

    /// Returns where a sector is kept.
    fn place(&self, offset: u64) -> Option<u64> {
        match self.lie {
            Lie::None | Lie::ChangesTable | Lie::IsPulledAfter(_) => Some(offset),
            Lie::Forgets => Some(offset).filter(|it| *it < REAL),
            Lie::BeginsAnew => Some(offset % REAL),
        }
    }

    fn bytes(&self, offset: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        self.memory.read_at(offset, &mut bytes).unwrap();
        bytes
    }
}

impl Medium for Liar {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        for (offset, sector) in (offset..).step_by(512).zip(bytes.chunks_mut(512)) {
            match self.place(offset) {
                Some(place) => self.memory.read_at(place, sector).unwrap(),
                None => sector.fill(0),
            }
            if self.lie == Lie::ChangesTable && offset == 0 {
                sector[440] ^= 1;
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        for (offset, sector) in (offset..).step_by(512).zip(bytes.chunks(512)) {
            let written = self.written.fetch_add(1, Ordering::SeqCst);
            if matches!(self.lie, Lie::IsPulledAfter(limit) if written >= limit) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            if let Some(place) = self.place(offset) {
                self.memory.write_at(place, sector).unwrap();
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns an image that begins with `mapped` used bytes.
fn source(mapped: u64) -> Source {
    Source {
        path: "image".into(),
        storage: Arc::new(Memory::new(vec![7; usize::try_from(IMAGE).unwrap()])),
        is_verified: false,
        node: None,
        digests: vec![],
        signer: None,
        map_digests: vec![],
        map: std::iter::once(0..mapped).collect(),
        opened: None,
    }
}

/// Writes such an image, and returns the failure.
fn flash(card: &Liar, mapped: u64, data: DataPlace) -> Option<(Kind, String)> {
    flash_from(&source(mapped), card, data)
}

fn flash_from(source: &Source, card: &Liar, data: DataPlace) -> Option<(Kind, String)> {
    let card = Card::of(card.clone(), CLAIMED);
    let written = write(source, &card, data, &Silent);
    let error = written.err()?;
    Some((explain(&error).0, error.to_string()))
}

#[test]
fn a_card_that_claims_a_larger_size_is_reported_and_does_not_boot() {
    for (lie, mapped, byte) in [
        (Lie::Forgets, MAPPED, 20 * MIB),
        // The image lies where the first mark behind the memory falls.
        (Lie::BeginsAnew, MAPPED, 20 * MIB),
        // Only another mark does.
        (Lie::BeginsAnew, 2 * MIB, 4 * MIB),
    ] {
        let card = Liar::new(lie);
        let message =
            format!("card claims 67108864 bytes, but does not keep what is written to byte {byte}");
        let failure = flash(&card, mapped, DataPlace::Empty);
        assert_eq!(failure, Some((Kind::Verification, message)), "{lie:?}");
        assert_eq!(card.bytes(0, 4096), vec![0; 4096], "{lie:?}");
    }
}

#[test]
fn an_image_that_changes_meanwhile_is_reported_and_the_card_does_not_boot() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let source = Source {
        opened: Some(Opened::new(file.as_file()).unwrap()),
        ..source(MAPPED)
    };
    let card = Liar::new(Lie::None);
    assert_eq!(flash_from(&source, &card, DataPlace::Empty), None);
    fs_err::write(file.path(), "another image").unwrap();
    let message = "image: the image was changed while it was read; the card is not bootable";
    assert_eq!(
        flash_from(&source, &card, DataPlace::Empty),
        Some((Kind::Verification, message.to_owned()))
    );
    assert_eq!(card.bytes(0, 4096), vec![0; 4096]);
}

#[test]
fn a_card_as_large_as_it_claims_has_the_image_and_no_marks() {
    let card = Liar::new(Lie::None);
    assert_eq!(flash(&card, MAPPED, DataPlace::Empty), None);
    assert!(card.bytes(0, MAPPED).iter().all(|byte| *byte == 7));
    let rest = card.bytes(MAPPED, CLAIMED - MAPPED);
    assert!(rest.iter().all(|byte| *byte == 0xA5));
}

#[test]
fn nothing_is_written_behind_the_image_if_data_is_kept() {
    let card = Liar::new(Lie::None);
    assert_eq!(flash(&card, MAPPED, DataPlace::Kept), None);
    let rest = card.bytes(MAPPED, CLAIMED - MAPPED);
    assert!(rest.iter().all(|byte| *byte == 0xA5));
}

#[test]
fn a_card_that_fails_with_its_partition_table_does_not_boot() {
    let card = Liar::new(Lie::ChangesTable);
    let message = "card does not return what was written to byte 440";
    assert_eq!(
        flash(&card, MAPPED, DataPlace::Empty),
        Some((Kind::Verification, message.to_owned()))
    );
    assert_eq!(card.bytes(0, 4096), vec![0; 4096]);
}

#[test]
fn a_card_that_is_pulled_at_any_sector_boots_only_if_it_is_whole() {
    let sectors = |bytes: u64| usize::try_from(bytes / 512).unwrap();
    let head = sectors(4096);
    let erased_and_marked = sectors(MIB) + 2 * 4 * head;
    let all = erased_and_marked + sectors(MAPPED);
    let (start, end) = (0..=head + 8, all - head - 8..=all);
    let between = [sectors(MIB), erased_and_marked, erased_and_marked + 1];
    for written in start.chain(between).chain(end) {
        let card = Liar::new(Lie::IsPulledAfter(written));
        let failure = flash(&card, MAPPED, DataPlace::Empty);
        assert_eq!(failure.is_none(), written == all, "{written} of {all}");
        let table = card.bytes(0, 512);
        let expected = match written {
            0 => 0xA5,
            _ if written > all - head => 7,
            _ => 0,
        };
        assert_eq!(table, vec![expected; 512], "{written} of {all}");
        if expected == 7 {
            let behind_the_head = card.bytes(4096, MAPPED - 4096);
            assert!(
                behind_the_head.iter().all(|byte| *byte == 7),
                "{written} of {all}"
            );
        }
    }
}

//! Random damage to metadata: what the audit accepts, fsck.vfat and e2fsck accept.
//!
//! The damage follows from a seed, so that a run repeats. `AUDIT_SEED` and `AUDIT_CASES` choose others. `cargo xtask mutate`
//! does the same to whole builds, which takes a hundred times as long.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use diskimg::ext4::{Clock, Ext4Writer};
use diskimg::fat::FatWriter;
use diskimg::{CowStorage, PartitionKind, Storage, WriteFs};

use crate::audit::audited;
use crate::directory_audit::indexed;
use crate::support::checkers::{e2fsck_file, file, fsck_vfat_file};
use crate::support::images::{Ext4, bytes, fat};

/// A sound file system that is damaged again and again.
struct Sound {
    image: Arc<dyn Storage>,
    /// The offsets of the sectors that are not empty.
    sectors: Vec<u64>,
    kind: PartitionKind,
}

impl Sound {
    fn new(image: Arc<dyn Storage>, kind: PartitionKind) -> Self {
        assert_eq!(audited(&image, kind), Ok(()));
        let content = bytes(image.as_ref());
        let sectors = (0_u64..).step_by(512).zip(content.chunks(512));
        let filled = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
        let sectors = filled.map(|(offset, _)| offset).collect();
        Self {
            image,
            sectors,
            kind,
        }
    }

    /// Asserts that another program finds nothing wrong with any damaged image that is accepted.
    #[track_caller]
    fn check(&self, cases: u64) {
        let cases = setting("AUDIT_CASES", cases);
        let mut random = Random(setting("AUDIT_SEED", 1));
        let mut findings: BTreeMap<String, String> = BTreeMap::new();
        let mut accepted = 0;
        for _ in 0..cases {
            let image = Arc::new(CowStorage::new(self.image.clone()));
            let changes = self.damage(&image, &mut random);
            if self.is_accepted(&image) {
                accepted += 1;
                if let Err(text) = self.other(image.as_ref()) {
                    findings.entry(title(&text)).or_insert(changes + &text);
                }
            }
        }
        eprintln!("{accepted} of {cases} damaged images were accepted");
        let findings: Vec<_> = findings.into_values().collect();
        assert!(
            findings.is_empty(),
            "{} kinds:\n{}",
            findings.len(),
            findings.join("\n")
        );
    }

    /// Changes one to four bytes, half of the time in one sector, and describes the changes.
    fn damage(&self, image: &CowStorage, random: &mut Random) -> String {
        let mut described = String::new();
        let together = random.below(2) == 0;
        let mut sector = self.sector(random);
        for _ in 0..=random.below(4) {
            if !together {
                sector = self.sector(random);
            }
            let offset = sector + random.below(512);
            let mut old = [0];
            image.read_at(offset, &mut old).unwrap();
            let new = match random.below(4) {
                0 => old[0] ^ (1 << random.below(8)),
                1 => old[0].wrapping_add(1),
                2 => old[0].wrapping_sub(1),
                _ => random.below(256).to_le_bytes()[0],
            };
            image.write_at(offset, &[new]).unwrap();
            let old = old[0];
            writeln!(described, "byte {offset:#x}: {old:#04x} becomes {new:#04x}").unwrap();
        }
        described
    }

    fn sector(&self, random: &mut Random) -> u64 {
        let count = u64::try_from(self.sectors.len()).unwrap();
        self.sectors[usize::try_from(random.below(count)).unwrap()]
    }

    /// Returns whether the audit and the writer accept an image. The writer corrects some numbers.
    fn is_accepted(&self, image: &Arc<CowStorage>) -> bool {
        let audited_image: Arc<dyn Storage> = image.clone();
        if audited(&audited_image, self.kind).is_err() {
            return false;
        }
        if self.kind == PartitionKind::Fat {
            let writer = FatWriter::open(image.clone(), 1_790_000_000);
            return writer.is_ok_and(|writer| Box::new(writer).finish().is_ok());
        }
        let clock = Clock {
            time: 1_790_000_000,
            generation_seed: 1,
        };
        Ext4Writer::open(image.clone(), clock).is_ok()
    }

    fn other(&self, image: &dyn Storage) -> Result<(), String> {
        let file = file(image);
        match self.kind {
            PartitionKind::Fat => fsck_vfat_file(file.path()),
            _ => e2fsck_file(file.path()),
        }
    }
}

/// Returns the first finding without its numbers.
fn title(text: &str) -> String {
    let mut lines = text.lines();
    let is_finding = |line: &&str| {
        !line.is_empty() && !line.starts_with("Pass ") && !line.starts_with("fsck.fat")
    };
    let found = lines.find(is_finding).unwrap_or_default();
    found
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().unwrap())
}

/// A xorshift generator, whose numbers follow from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn what_is_accepted_of_fat16_is_sound() {
    Sound::new(fat(3, &["-F", "16", "-s", "1"]), PartitionKind::Fat).check(300);
}

#[test]
fn what_is_accepted_of_fat32_is_sound() {
    Sound::new(fat(34, &["-F", "32", "-s", "1"]), PartitionKind::Fat).check(30);
}

/// Without checksums, which would reveal nearly every change.
#[test]
fn what_is_accepted_of_ext4_is_sound() {
    let options = ["-O", "^metadata_csum,^has_journal,uninit_bg", "-N", "256"];
    Sound::new(indexed(&Ext4::new(&options).mib(8)), PartitionKind::Linux).check(100);
}

#[test]
fn what_is_accepted_of_ext4_with_checksums_is_sound() {
    Sound::new(
        indexed(&Ext4::new(&["-N", "256"]).mib(8)),
        PartitionKind::Linux,
    )
    .check(40);
}

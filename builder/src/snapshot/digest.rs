//! The digest at the end of a snapshot, as `etcdutl snapshot status` checks it.

use sha2::{Digest as _, Sha256};

/// The length of the digest, and of the database's units.
const DIGEST: usize = 32;
const UNIT: u64 = 512;

/// The bytes of which a copy is made at once. A whole snapshot may have gigabytes.
const PART: usize = 1 << 16;

/// Checks a snapshot while it passes: the SHA-256 of the database follows the database.
#[derive(Debug, Default)]
pub(crate) struct DigestCheck {
    database: Sha256,
    /// The last bytes, which may be the digest.
    tail: Vec<u8>,
    length: u64,
}

impl DigestCheck {
    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for part in bytes.chunks(PART) {
            self.tail.extend_from_slice(part);
            let before = self.tail.len().saturating_sub(DIGEST);
            self.database.update(&self.tail[..before]);
            self.tail.drain(..before);
        }
    }

    /// Returns the length, or what is wrong with the snapshot.
    pub(crate) fn finish(self) -> Result<u64, &'static str> {
        let database = self.length.saturating_sub(self.tail.len() as u64);
        if database == 0 || !database.is_multiple_of(UNIT) {
            return Err("it ends too early");
        }
        match self.database.finalize()[..] == self.tail {
            true => Ok(self.length),
            false => Err("its digest does not match"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(snapshot: &[u8], part: usize) -> Result<u64, &'static str> {
        let mut checked = DigestCheck::default();
        snapshot.chunks(part).for_each(|part| checked.update(part));
        checked.finish()
    }

    #[test]
    fn a_whole_snapshot_is_not_copied() {
        let (snapshot, mut checked) = (vec![7; 64 * PART], DigestCheck::default());
        checked.update(&snapshot);
        assert!(checked.tail.capacity() < 4 * PART);
    }

    #[test]
    fn only_a_complete_snapshot_passes() {
        let mut snapshot = vec![7; 1024];
        snapshot.extend(Sha256::digest(&snapshot));
        for part in [1, 31, 33, 512, 2000] {
            assert_eq!(check(&snapshot, part), Ok(1056), "{part}");
        }
        assert_eq!(check(&snapshot[..1055], 100), Err("it ends too early"));
        assert_eq!(check(&snapshot[..1024], 100), Err("it ends too early"));
        assert_eq!(
            check(&snapshot[..544], 100),
            Err("its digest does not match")
        );
        assert_eq!(check(&[], 100), Err("it ends too early"));
        snapshot[9] = 8;
        assert_eq!(check(&snapshot, 100), Err("its digest does not match"));
    }
}

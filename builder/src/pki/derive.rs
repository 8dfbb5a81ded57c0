//! Identities derived from the seed of the state directory: the same seed and name always yield the same bytes.

use ssh_key::rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::hex;
use crate::secret::{FingerprintKey, hmac_sha256};

/// The 32 random bytes from which everything else is derived.
pub(super) struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Creates a seed from the system's random numbers.
    pub(super) fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// Returns the seed as stored in the state directory: 64 hexadecimal digits in one line, and a checksum in the
    /// next one, because any other digits would be another seed.
    pub(super) fn to_text(&self) -> String {
        format!("{}\n{}\n", hex::encode(self.0.as_ref()), self.checksum())
    }

    /// Parses the output of [`Self::to_text`], or says what is wrong with it. Earlier versions wrote no checksum.
    pub(super) fn from_text(text: &[u8]) -> Result<Self, &'static str> {
        let mut lines = text.trim_ascii().split(|byte| *byte == b'\n');
        let digits = lines.next().unwrap_or_default();
        let seed = Self::from_digits(digits).ok_or("is not 64 hexadecimal digits")?;
        let checksum = seed.checksum();
        match (lines.next(), lines.next()) {
            (None, _) => Ok(seed),
            (Some(found), None) if found == checksum.as_bytes() => Ok(seed),
            _ => Err("is damaged: its checksum does not match"),
        }
    }

    fn from_digits(digits: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        // Only the digits that the program writes: any other spelling is damage.
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 64 || !digits.iter().all(is_digit) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self(bytes))
    }

    fn checksum(&self) -> String {
        hex::encode(&self.derive(&["check"])[..4])
    }

    /// Returns the `initial-cluster-token`: 32 hexadecimal digits.
    pub(super) fn token(&self) -> String {
        hex::encode(&self.derive(&["token"])[..16])
    }

    /// Returns the `/etc/machine-id` of a node, marked as a version 4 UUID as machine-id(5) recommends.
    pub(super) fn machine_id(&self, node: &str) -> String {
        let derived = self.derive(&["machine-id", node]);
        let id =
            uuid::Builder::from_random_bytes(std::array::from_fn(|at| derived[at])).into_uuid();
        id.simple().to_string()
    }

    /// Returns the MBR disk signatures in the order of the nodes: never zero, and all different.
    pub(super) fn disk_ids<'a>(&self, nodes: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::new();
        for node in nodes {
            let candidate = |attempt: u32| {
                let bytes = self.derive(&["disk-id", node, &attempt.to_string()]);
                u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
            };
            // Nodes are few and numbers many, so the first candidate is nearly always free.
            let mut candidates = (0..).map(candidate);
            ids.extend(candidates.find(|id| *id != 0 && !ids.contains(id)));
        }
        ids
    }

    /// Returns the key of the fingerprints that plans show.
    pub(super) fn fingerprints(&self) -> FingerprintKey {
        FingerprintKey::new(self.derive(&["fingerprint"]))
    }

    /// Returns the HMAC-SHA-256 of the labels under the seed. **Invariant**: existing states rely on these bytes (tests).
    fn derive(&self, labels: &[&str]) -> [u8; 32] {
        hmac_sha256(self.0.as_ref(), labels.join("\0").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another implementation of HMAC computed these values: nodes of an existing state directory must keep their identity.
    #[test]
    fn a_seed_always_gives_the_same_identities() {
        let seed = Seed(Zeroizing::new([7; 32]));
        assert_eq!(seed.token(), "61ce97a7f04f68afa6b25c6194ef81cb");
        assert_eq!(seed.machine_id("etcd1"), "91fbaedcbcf649d0bc6c1ccb3e4be099");
        assert_eq!(seed.disk_ids(["etcd1"]), [3_124_678_589]);
    }

    #[test]
    fn a_seed_survives_its_file() {
        let seed = Seed::random();
        let again = Seed::from_text(seed.to_text().as_bytes()).unwrap();
        assert_eq!(seed.0, again.0);
        for text in ["", "zz", &"0".repeat(63), &"x".repeat(64), &"0".repeat(65)] {
            let refused = Seed::from_text(text.as_bytes()).err();
            assert_eq!(refused, Some("is not 64 hexadecimal digits"), "{text}");
        }
        let digits = seed.to_text()[..64].to_owned();
        let earlier = Seed::from_text(digits.as_bytes()).ok().unwrap();
        assert_eq!(seed.0, earlier.0);
        assert_ne!(seed.token(), Seed::random().token());
    }

    #[test]
    fn a_flipped_bit_of_a_seed_is_found() {
        let whole = Seed::random().to_text().into_bytes();
        // The line break at the end has no meaning.
        for place in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut text = whole.clone();
                text[place] ^= 1 << bit;
                assert!(Seed::from_text(&text).is_err(), "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn identities_are_valid_and_distinct() {
        let seed = Seed(Zeroizing::new([7; 32]));
        let id = seed.machine_id("etcd1");
        assert_eq!((id.len(), &id[12..13]), (32, "4"));
        assert!("89ab".contains(&id[16..17]));
        assert_ne!(id, seed.machine_id("etcd2"));
        assert_ne!(seed.derive(&["a", "bc"]), seed.derive(&["ab", "c"]));
        let names: Vec<String> = (1..=99).map(|n| format!("etcd{n}")).collect();
        let ids = seed.disk_ids(names.iter().map(String::as_str));
        let distinct: std::collections::BTreeSet<_> = ids.iter().filter(|id| **id != 0).collect();
        assert_eq!(distinct.len(), 99);
        assert_eq!(ids[0], seed.disk_ids(["etcd1"])[0]);
        assert_ne!(seed.disk_ids(["a", "a"])[0], seed.disk_ids(["a", "a"])[1]);
    }
}

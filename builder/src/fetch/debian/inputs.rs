//! What decides the bytes of the image, and the ids that follow from it.

use sha2::{Digest as _, Sha256};

use super::recipe;
use crate::hex;

/// Raised when the same recipe would give different bytes for a reason its files do not show.
const FORMAT: &str = "etcd-image debian-trixie 1";

/// Raised when the same mirror would give other packages, or they would be kept in another way.
const PACKAGES_FORMAT: &str = "etcd-image etcd packages 1";

/// What the image is made from, next to the recipe that is built in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Address of a Debian mirror that has trixie, its updates, and its security updates at the same address with `-security`
    /// appended; or one whole `deb …` line, taken as it is. Absent: mmdebstrap's default, Debian's own.
    pub(in crate::fetch) mirror: Option<String>,
}

impl Inputs {
    /// Names the image in the cache: equal digests stand for the same recipe, package list and mirror. No network is asked, so
    /// packages that were updated since do not change it.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [FORMAT, self.mirror()].into_iter().chain(recipe::parts()) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize())
    }

    /// Names etcd's packages in the cache when they are downloaded without a base.
    pub(crate) fn packages_digest(&self) -> String {
        hex::encode(&Sha256::digest(format!(
            "{PACKAGES_FORMAT} {}",
            self.mirror()
        )))
    }

    pub(super) fn mirror(&self) -> &str {
        self.mirror
            .as_deref()
            .map_or("", |url| url.trim_end_matches('/'))
    }

    /// The disk signature, which names the partitions in `fstab` and `cmdline.txt`.
    pub(super) fn disk_id(&self) -> [u8; 4] {
        self.derive("disk id")
    }

    pub(super) fn fat_serial(&self) -> [u8; 4] {
        self.derive("fat serial")
    }

    /// An UUID for `purpose`, of version 8 (RFC 9562: made by a rule of our own).
    pub(super) fn uuid(&self, purpose: &str) -> String {
        let mut id: [u8; 16] = self.derive(purpose);
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        let text = hex::encode(&id);
        let at = |from, to| &text[from..to];
        [at(0, 8), at(8, 12), at(12, 16), at(16, 20), at(20, 32)].join("-")
    }

    fn derive<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let hash = Sha256::digest(format!("{} {purpose}", self.digest()));
        std::array::from_fn(|place| hash[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_mirror(url: &str) -> Inputs {
        Inputs {
            mirror: Some(url.to_owned()),
        }
    }

    #[test]
    fn another_mirror_is_another_image() {
        assert_ne!(
            Inputs::default().digest(),
            from_mirror("http://mirror.example/debian").digest()
        );
    }

    #[test]
    fn a_slash_at_the_end_changes_nothing() {
        let url = "http://mirror.example/debian";
        assert_eq!(
            from_mirror(url).digest(),
            from_mirror(&format!("{url}/")).digest()
        );
    }

    #[test]
    fn digest_is_sha256_in_hex() {
        let digest = Inputs::default().digest();
        assert_eq!(digest.len(), 64);
        assert!(digest.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }

    #[test]
    fn uuid_says_that_it_is_of_our_own_making() {
        let uuid = Inputs::default().uuid("root");
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "8");
        assert!("89ab".contains(&uuid[19..20]));
        assert_ne!(uuid, Inputs::default().uuid("hash seed"));
    }
}

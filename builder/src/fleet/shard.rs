//! The distribution of nodes to shards.

use sha2::{Digest as _, Sha256};

/// Returns which of `count` shards, counted from 1, builds a node: the first eight bytes of the SHA-256 of `cluster/node` as a
/// big-endian number, modulo the count. It depends on nothing else, so that another row moves no node to another shard.
pub(crate) fn shard_of(cluster: &str, node: &str, count: u64) -> u64 {
    let digest = Sha256::digest(format!("{cluster}/{node}"));
    let first = digest.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first) % count.max(1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_never_changes() {
        // printf lab-001/lab-001-1 | sha256sum
        let shards = ["1", "2", "3"].map(|n| shard_of("lab-001", &format!("lab-001-{n}"), 8));
        assert_eq!(shards, [4, 3, 4]);
    }

    #[test]
    fn shards_have_about_the_same_size() {
        let mut sizes = [0_u32; 8];
        for cluster in 0..100 {
            for node in 1..=3 {
                let shard = shard_of(
                    &format!("lab-{cluster}"),
                    &format!("lab-{cluster}-{node}"),
                    8,
                );
                sizes[usize::try_from(shard).unwrap() - 1] += 1;
            }
        }
        assert!(
            sizes.iter().all(|size| (20..60).contains(size)),
            "{sizes:?}"
        );
    }
}

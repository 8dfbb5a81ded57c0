//! Time and chance, given by the caller.

use std::sync::atomic::{AtomicU64, Ordering};

use fs_ext4::runtime::Runtime;

/// What the file system may know of time and chance: both are given, so that equal calls give equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 1970 UTC for every time that is set: access, change, modification, creation.
    pub time: i64,
    /// Where the inode generation numbers (`i_generation`) start from.
    pub generation_seed: u64,
}

/// A [`Clock`] as the engine asks for it.
pub(super) struct Given {
    time: i64,
    generation: AtomicU64,
}

impl Given {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            time: clock.time,
            generation: AtomicU64::new(clock.generation_seed),
        }
    }
}

impl Runtime for Given {
    fn now_unix_seconds(&self) -> i64 {
        self.time
    }

    /// Numbers that look random and do not repeat soon: the counter through the finaliser of `SplitMix64`.
    fn next_inode_generation(&self) -> u32 {
        let counter = self.generation.fetch_add(1, Ordering::Relaxed);
        let mixed = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::from_le_bytes(crate::bytes::array_at(&mixed.to_be_bytes(), 0))
    }
}

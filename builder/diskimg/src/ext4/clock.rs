//! Times and random numbers, given by the caller.

use std::sync::atomic::{AtomicU64, Ordering};

use fs_ext4::runtime::Runtime;

/// The sources of time and random numbers. Both are given, so that equal calls give equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 1970 UTC for every time that is set: access, change, modification, creation.
    pub time: i64,
    /// The seed of the inode generation numbers (`i_generation`).
    pub generation_seed: u64,
}

/// A [`Clock`] as `rust-fs-ext4` needs it.
pub(super) struct FixedRuntime {
    time: i64,
    generation: AtomicU64,
}

impl FixedRuntime {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            time: clock.time,
            generation: AtomicU64::new(clock.generation_seed),
        }
    }
}

impl Runtime for FixedRuntime {
    fn now_unix_seconds(&self) -> i64 {
        self.time
    }

    /// Returns the next output of `SplitMix64`.
    fn next_inode_generation(&self) -> u32 {
        let counter = self.generation.fetch_add(1, Ordering::Relaxed);
        let mixed = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let [a, b, c, d, ..] = mixed.to_be_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

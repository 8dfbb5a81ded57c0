//! The feature bits of a superblock: which are supported and which are required.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/super.rst`. The lists hold the features with which the
//! writer is tested, see `tests/`; every other bit is rejected.

use super::FeatureSet;
use crate::error::{Result, Unsupported};

/// `s_feature_incompat`: the journal holds changes.
pub(super) const RECOVER: u32 = 0x4;
/// `s_feature_incompat`: descriptors of 64 bytes and block numbers of 48 bits.
pub(super) const BITS_64: u32 = 0x80;
/// `s_feature_ro_compat`: checksums in all structures.
pub(super) const METADATA_CSUM: u32 = 0x400;
/// `s_feature_ro_compat`: the orphan file may hold entries.
pub(super) const ORPHAN_PRESENT: u32 = 0x1_0000;

/// `has_journal ext_attr resize_inode dir_index orphan_file`.
const COMPAT: u32 = 0x4 | 0x8 | 0x10 | 0x20 | 0x1000;
/// `filetype extent 64bit flex_bg metadata_csum_seed`; `needs_recovery` is checked on its own.
const INCOMPAT: u32 = 0x2 | RECOVER | 0x40 | BITS_64 | 0x200 | 0x2000;
/// `filetype extent`.
const INCOMPAT_NEEDED: u32 = 0x2 | 0x40;
/// `sparse_super large_file huge_file uninit_bg dir_nlink extra_isize metadata_csum`; `orphan_present` is checked on
/// its own.
const RO_COMPAT: u32 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | METADATA_CSUM | ORPHAN_PRESENT;

/// The three feature fields of a superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    /// `s_feature_compat`.
    pub(super) compat: u32,
    /// `s_feature_incompat`.
    pub(super) incompat: u32,
    /// `s_feature_ro_compat`.
    pub(super) ro_compat: u32,
}

impl Features {
    /// Rejects bits outside the lists and missing required bits.
    pub(super) fn check(self) -> Result<()> {
        allow(FeatureSet::Incompat, self.incompat, INCOMPAT)?;
        let missing = INCOMPAT_NEEDED & !self.incompat;
        if missing != 0 {
            let set = FeatureSet::Incompat;
            return Err(Unsupported::MissingFeature { set, bits: missing }.into());
        }
        allow(FeatureSet::RoCompat, self.ro_compat, RO_COMPAT)?;
        allow(FeatureSet::Compat, self.compat, COMPAT)
    }
}

fn allow(set: FeatureSet, found: u32, allowed: u32) -> Result<()> {
    match found & !allowed {
        0 => Ok(()),
        bits => Err(Unsupported::Feature { set, bits }.into()),
    }
}

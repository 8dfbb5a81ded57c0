//! The feature bits of a superblock: which we edit with, and which must be there.
//!
//! The lists hold what the writer was tested with, see `tests/`; a bit outside them is refused by name of its set,
//! whatever it means.

use crate::error::{FeatureSet, Result, Unsupported};

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
/// `filetype extent 64bit flex_bg metadata_csum_seed`; `needs_recovery` is judged on its own.
const INCOMPAT: u32 = 0x2 | RECOVER | 0x40 | BITS_64 | 0x200 | 0x2000;
/// `filetype extent`.
const INCOMPAT_NEEDED: u32 = 0x2 | 0x40;
/// `sparse_super large_file huge_file uninit_bg dir_nlink extra_isize metadata_csum`; `orphan_present` is judged on
/// its own.
const RO_COMPAT: u32 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | METADATA_CSUM | ORPHAN_PRESENT;

/// The three feature fields of a superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// `s_feature_compat`.
    pub compat: u32,
    /// `s_feature_incompat`.
    pub incompat: u32,
    /// `s_feature_ro_compat`.
    pub ro_compat: u32,
}

impl Features {
    /// Refuses bits outside the lists, and missing ones.
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

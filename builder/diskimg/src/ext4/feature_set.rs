//! The three sets of feature bits, with the names that `dumpe2fs` prints.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/super.rst`; the names are those of `ext4(5)`.

/// A set of feature bits of an ext4 superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureSet {
    /// `s_feature_compat`. By the specification an unknown bit permits writing; this crate rejects it.
    Compat,
    /// `s_feature_incompat`: an unknown bit forbids reading and writing.
    Incompat,
    /// `s_feature_ro_compat`: an unknown bit forbids writing.
    RoCompat,
}

const COMPAT: &[(u32, &str)] = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];

const INCOMPAT: &[(u32, &str)] = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];

const RO_COMPAT: &[(u32, &str)] = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

/// The features, not supported here, that `tune2fs -O ^NAME` removes from an unmounted file system.
const REMOVABLE: [&str; 5] = ["casefold", "fast_commit", "mmp", "project", "quota"];

impl FeatureSet {
    /// Returns the names of `bits`, separated by commas; a bit without a name is given as a number.
    pub fn names(self, bits: u32) -> String {
        let table = match self {
            Self::Compat => COMPAT,
            Self::Incompat => INCOMPAT,
            Self::RoCompat => RO_COMPAT,
        };
        let set = (0..u32::BITS).map(|shift| 1 << shift);
        let names = set.filter(|bit| bits & bit != 0).map(|bit| {
            let known = table.iter().find(|(value, _)| *value == bit);
            known.map_or_else(
                || format!("{bit:#x} of {}", self.field()),
                |(_, name)| (*name).to_owned(),
            )
        });
        names.collect::<Vec<_>>().join(",")
    }

    /// Returns the argument of `tune2fs -O` that removes all of `bits`, if it can.
    pub fn removal(self, bits: u32) -> Option<String> {
        let names = self.names(bits);
        let removable = names.split(',').all(|name| REMOVABLE.contains(&name));
        removable.then(|| format!("^{}", names.replace(',', ",^")))
    }

    fn field(self) -> &'static str {
        match self {
            Self::Compat => "s_feature_compat",
            Self::Incompat => "s_feature_incompat",
            Self::RoCompat => "s_feature_ro_compat",
        }
    }
}

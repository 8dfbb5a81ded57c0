//! Checks the index of a directory with many entries.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/directory.rst`, "Hash Tree Directories".

use fs_ext4::Filesystem;
use fs_ext4::hash::{HashVersion, effective_version, name_hash};
use fs_ext4::htree::{DxEntry, parse_node_entries, parse_root_entries, parse_root_info};

use super::blocks::structure;
use super::entries::entries;
use super::failure::from_engine;
use crate::error::Result;

/// `s_feature_compat`: directories may have an index.
const DIR_INDEX: u32 = 0x20;
/// The flag of a root that other programs may not read.
const INCOMPATIBLE: u8 = 1;
/// The offset of the entries in the root, and in a node.
const ROOT_ENTRIES: usize = 32;
const NODE_ENTRIES: usize = 8;
/// The length of an entry and of the checksum after all entries.
const ENTRY: usize = 8;
/// The bits of a block number; the others are reserved.
const BLOCK: u32 = 0x0FFF_FFFF;

/// Checks that the index leads to every block of the directory once, and that each holds the names it should.
pub(super) fn check(fs: &Filesystem, owner: &str, blocks: &[Vec<u8>]) -> Result<()> {
    let failed = |error| from_engine(error, owner);
    let broken = |reason: &str| structure(owner.to_owned(), reason);
    let root = blocks.first().ok_or_else(|| broken("has no block"))?;
    let info = parse_root_info(root).map_err(failed)?;
    let is_known = fs.sb.feature_compat & DIR_INDEX != 0
        && !info.hash_version.is_unsigned()
        && info.info_length == 8
        && info.indirect_levels <= 1
        && info.unused_flags & INCOMPATIBLE == 0;
    if !is_known {
        return Err(broken("has an index of an unknown kind"));
    }
    let (limit, children) = parse_root_entries(root).map_err(failed)?;
    let mut walk = IndexWalk {
        fs,
        owner,
        blocks,
        version: effective_version(info.hash_version, fs.sb.unsigned_hash()),
        reached: vec![false; blocks.len()],
    };
    walk.mark(0)?;
    walk.check_limit(root, ROOT_ENTRIES, limit.limit)?;
    walk.children(&children, (0, u32::MAX), info.indirect_levels)?;
    match walk.reached.iter().position(|reached| !reached) {
        None => Ok(()),
        Some(block) => Err(broken(&format!("has an index without its block {block}"))),
    }
}

struct IndexWalk<'a> {
    fs: &'a Filesystem,
    owner: &'a str,
    /// The blocks of the directory.
    blocks: &'a [Vec<u8>],
    version: HashVersion,
    /// The blocks that the index has led to.
    reached: Vec<bool>,
}

impl<'a> IndexWalk<'a> {
    fn broken(&self, reason: impl Into<String>) -> crate::error::Error {
        structure(self.owner.to_owned(), reason)
    }

    /// Returns a block, which the index names once.
    fn mark(&mut self, number: usize) -> Result<&'a [u8]> {
        let reached = self.reached.get_mut(number);
        let is_new = reached.is_some_and(|reached| !std::mem::replace(reached, true));
        let block = self.blocks.get(number).filter(|_| is_new);
        block.map(Vec::as_slice).ok_or_else(|| {
            let reason = format!("has an index that names block {number} wrongly");
            self.broken(reason)
        })
    }

    /// Checks that a block has room for `limit` entries and no more.
    fn check_limit(&self, block: &[u8], offset: usize, limit: u16) -> Result<()> {
        let tail = if self.fs.csum.enabled { ENTRY } else { 0 };
        let room = block.len().saturating_sub(offset).saturating_sub(tail);
        match room.checked_div(ENTRY) == Some(limit.into()) {
            true => Ok(()),
            false => Err(self.broken("has an index with a wrong limit")),
        }
    }

    /// Checks blocks whose names have hashes in this range, boundaries included.
    fn children(&mut self, children: &[DxEntry], range: (u32, u32), levels: u8) -> Result<()> {
        let (start, end) = range;
        let hash = |child: &DxEntry| child.hash & !1;
        let starts = std::iter::once(start).chain(children.iter().skip(1).map(hash));
        let ends = children.iter().skip(1).map(hash).chain([end]);
        for ((child, start), end) in children.iter().zip(starts).zip(ends) {
            if start > end {
                return Err(self.broken("has an index in the wrong order"));
            }
            let number = usize::try_from(child.block & BLOCK).unwrap_or(usize::MAX);
            let block = self.mark(number)?;
            match levels.checked_sub(1) {
                Some(below) => self.node(block, (start, end), below)?,
                None => self.leaf(block, (start, end))?,
            }
        }
        Ok(())
    }

    fn node(&mut self, block: &[u8], range: (u32, u32), levels: u8) -> Result<()> {
        if !is_node(block) {
            return Err(self.broken("has an index with a block of names in the wrong depth"));
        }
        let (limit, children) =
            parse_node_entries(block).map_err(|error| from_engine(error, self.owner))?;
        self.check_limit(block, NODE_ENTRIES, limit.limit)?;
        self.children(&children, range, levels)
    }

    fn leaf(&self, block: &[u8], (start, end): (u32, u32)) -> Result<()> {
        let entries = entries(block).unwrap_or_default();
        let mut used = entries.iter().filter(|entry| entry.inode != 0);
        let hash = |name| name_hash(name, self.version, &self.fs.sb.hash_seed).major;
        match used.find(|entry| !(start..=end).contains(&hash(entry.name))) {
            None => Ok(()),
            Some(entry) => {
                let name = String::from_utf8_lossy(entry.name)
                    .escape_debug()
                    .to_string();
                let reason = format!("has an index that does not lead to `{name}`");
                Err(self.broken(reason))
            }
        }
    }
}

/// Returns whether a block looks like one unused entry that fills it, as a node of an index does.
pub(super) fn is_node(block: &[u8]) -> bool {
    let found = entries(block).unwrap_or_default();
    matches!(found.as_slice(), [entry] if entry.inode == 0 && entry.name.is_empty())
}

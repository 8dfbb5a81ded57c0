//! Checks every used inode: its fields, the blocks it owns, and that nothing else owns them.
//!
//! Inodes are specified in the kernel's documentation, `filesystems/ext4/inodes.rst`.

use std::collections::BTreeMap;

use fs_ext4::Filesystem;
use fs_ext4::bgd::{BgdFlags, BlockGroupDescriptor};
use fs_ext4::checksum::linux_crc32c;
use fs_ext4::dir::has_csum_tail;
use fs_ext4::inode::Inode;

use super::blocks::{Blocks, bitmap, bits, structure};
use super::failure::from_engine;
use super::features::BITS_64;
use super::mapping::{Mapping, mapping};
use crate::error::Result;
use crate::record::Record;
use crate::units::index;

/// The inode that owns the blocks reserved for more group descriptors.
const RESIZE: u32 = 7;
/// The reserved inodes that are in use: the root, [`RESIZE`] and the journal.
const RESERVED: [u32; 3] = [2, RESIZE, 8];
/// `s_feature_ro_compat`: files may have more than 2^32 sectors.
const HUGE_FILE: u32 = 0x8;
/// `i_flags`: the number of blocks is in blocks.
const IN_BLOCKS: u32 = 0x4_0000;
/// `i_flags`: a directory with an index.
const INDEXED: u32 = 0x1000;
/// `i_flags` of unsupported features: encrypted, inline data, case folding.
const FOREIGN: u32 = 0x800 | 0x1000_0000 | 0x4000_0000;
/// `i_flags`: immutable or append-only.
const FROZEN: u32 = 0x10 | 0x20;
/// `ob_magic` of a block of the orphan file.
const ORPHAN_BLOCK: u32 = 0x0B10_CA04;
/// `h_magic` of a block of extended attributes.
const ATTRIBUTES: u32 = 0xEA02_0000;

/// Checks all used inodes and the block bitmaps.
pub(super) fn check(fs: &Filesystem) -> Result<()> {
    let mut walk = InodeWalk {
        fs,
        blocks: Blocks::of(fs)?,
        attributes: BTreeMap::new(),
    };
    for (group, descriptor) in (0..).zip(&fs.groups) {
        walk.group(group, descriptor)?;
    }
    let shared = walk.attributes.iter();
    let wrong = shared
        .into_iter()
        .find(|(_, count)| count.stated != count.seen);
    match wrong {
        Some((block, _)) => Err(structure(
            format!("attribute block {block}"),
            "has a wrong reference count",
        )),
        None => walk.blocks.compare(fs),
    }
}

/// The number of inodes that share a block of attributes.
#[derive(Debug)]
struct References {
    stated: u32,
    seen: u32,
}

struct InodeWalk<'a> {
    fs: &'a Filesystem,
    blocks: Blocks,
    /// The blocks of attributes.
    attributes: BTreeMap<u64, References>,
}

impl InodeWalk<'_> {
    fn group(&mut self, group: u32, descriptor: &BlockGroupDescriptor) -> Result<()> {
        if descriptor.flags().contains(BgdFlags::INODE_UNINIT) {
            return Ok(());
        }
        let place = || format!("block group {group}");
        let bitmap = bitmap(self.fs, descriptor.inode_bitmap)?;
        let inodes = index(self.fs.sb.inodes_per_group);
        if !bits(&bitmap).skip(inodes).all(|bit| bit) {
            return Err(structure(place(), "the end of the inode bitmap is not set"));
        }
        let used: Vec<bool> = bits(&bitmap).take(inodes).collect();
        let first = group
            .saturating_mul(self.fs.sb.inodes_per_group)
            .saturating_add(1);
        let size = usize::from(self.fs.sb.inode_size);
        let per_block = index(self.fs.sb.block_size())
            .checked_div(size)
            .unwrap_or(1);
        let mut directories = 0_u32;
        let mut number = first;
        for (block, used) in (descriptor.inode_table..).zip(used.chunks(per_block)) {
            let table = match used.contains(&true) {
                true => self
                    .fs
                    .read_block(block)
                    .map_err(|error| from_engine(error, "/"))?,
                false => Vec::new(),
            };
            for (slot, used) in used.iter().enumerate() {
                let raw = table.chunks(size).nth(slot).unwrap_or_default();
                if *used && self.inode(number, raw)? {
                    directories = directories.saturating_add(1);
                }
                number = number.saturating_add(1);
            }
        }
        match directories == descriptor.used_dirs_count {
            true => Ok(()),
            false => Err(structure(
                place(),
                format!(
                    "has {directories} directories, its descriptor states {}",
                    descriptor.used_dirs_count
                ),
            )),
        }
    }

    /// Checks a used inode, and returns whether it is a directory.
    fn inode(&mut self, number: u32, raw: &[u8]) -> Result<bool> {
        let broken = |reason: &str| structure(format!("inode {number}"), reason);
        if number < self.fs.sb.first_inode && !RESERVED.contains(&number) {
            return Ok(false);
        }
        let inode =
            Inode::parse(raw).map_err(|error| from_engine(error, &format!("inode {number}")))?;
        if inode.mode == 0 && number == RESIZE && inode.blocks == 0 {
            return Ok(false);
        }
        let features = (self.fs.sb.feature_incompat, self.fs.sb.feature_ro_compat);
        if let Some(reason) = wrong_field(&inode, raw, features) {
            return Err(broken(reason));
        }
        let mapping = match owns_blocks(&inode) {
            true => mapping(self.fs, number, &inode)?,
            false => Mapping::default(),
        };
        let owner = || format!("inode {number}");
        for run in mapping
            .data
            .iter()
            .map(|run| (run.block, run.len))
            .chain(mapping.nodes.iter().map(|node| (*node, 1)))
        {
            self.blocks.claim(run.0, run.1, owner)?;
        }
        let attributes = self.attributes(number, &inode)?;
        let blocks = mapping.len().saturating_add(attributes);
        let sectors = u64::from(self.fs.sb.block_size() >> 9);
        let counted = match inode.flags & IN_BLOCKS {
            0 => blocks.saturating_mul(sectors),
            _ => blocks,
        };
        if counted != inode.blocks {
            return Err(broken(&format!(
                "states {} sectors, {counted} were found",
                inode.blocks
            )));
        }
        if number != RESIZE && !mapping.fits(&inode, self.fs.sb.block_size()) {
            return Err(broken("has a size that does not fit its data"));
        }
        if inode.is_dir() {
            self.directory(number, &inode, &mapping)?;
        }
        if self.orphan_file() == Some(number) {
            self.check_orphan_file(number, &inode, &mapping)?;
        }
        Ok(inode.is_dir())
    }

    /// Returns the inode of the orphan file, `s_orphan_file_inum`, if there is one.
    fn orphan_file(&self) -> Option<u32> {
        let number = self.fs.sb.raw.get(0x280..)?.first_chunk();
        number
            .copied()
            .map(u32::from_le_bytes)
            .filter(|number| *number != 0)
    }

    /// Checks that the orphan file lists no inode. It is specified in `filesystems/ext4/orphan.rst`.
    fn check_orphan_file(&self, number: u32, inode: &Inode, mapping: &Mapping) -> Result<()> {
        let owner = format!("inode {number}");
        let seed = [number, inode.generation]
            .iter()
            .fold(self.fs.csum.seed, |seed, field| {
                linux_crc32c(seed, &field.to_le_bytes())
            });
        for (_, block) in mapping.blocks() {
            let bytes = self
                .fs
                .read_block(block)
                .map_err(|error| from_engine(error, &owner))?;
            let (entries, tail) = bytes.split_last_chunk().unwrap_or((&[], &[0; 8]));
            let tail = Record::<8>(*tail);
            let checksum = linux_crc32c(linux_crc32c(seed, &block.to_le_bytes()), entries);
            let is_whole = tail.u32::<0>() == ORPHAN_BLOCK
                && (!self.fs.csum.enabled || tail.u32::<4>() == checksum);
            if !is_whole || entries.iter().any(|byte| *byte != 0) {
                return Err(structure(
                    owner,
                    format!("is an orphan file that is not empty in block {block}"),
                ));
            }
        }
        Ok(())
    }

    /// Checks the block of extended attributes, and returns the number of blocks.
    fn attributes(&mut self, number: u32, inode: &Inode) -> Result<u64> {
        let block = inode.file_acl;
        if block == 0 {
            return Ok(0);
        }
        if let Some(references) = self.attributes.get_mut(&block) {
            references.seen = references.seen.saturating_add(1);
            return Ok(1);
        }
        let owner = || format!("inode {number}");
        self.blocks.claim(block, 1, owner)?;
        let bytes = self
            .fs
            .read_block(block)
            .map_err(|error| from_engine(error, &owner()))?;
        let header = bytes.first_chunk().copied().map(Record::<12>);
        let header =
            header.filter(|header| (header.u32::<0>(), header.u32::<8>()) == (ATTRIBUTES, 1));
        match header {
            Some(header) if self.fs.csum.verify_xattr_block(block, &bytes) => {
                let (stated, seen) = (header.u32::<4>(), 1);
                self.attributes.insert(block, References { stated, seen });
                Ok(1)
            }
            _ => Err(structure(owner(), "has a damaged block of attributes")),
        }
    }

    /// Checks that a directory begins with itself and its parent, and that its blocks end in a checksum.
    fn directory(&self, number: u32, inode: &Inode, mapping: &Mapping) -> Result<()> {
        let owner = format!("inode {number}");
        let size = self.fs.sb.block_size();
        for (logical, block) in mapping.blocks() {
            let bytes = self
                .fs
                .read_block(block)
                .map_err(|error| from_engine(error, &owner))?;
            let head = bytes
                .first_chunk()
                .copied()
                .map_or(Record([0; 24]), Record::<24>);
            if logical == 0 && !begins_directory(&head, number) {
                return Err(structure(owner, "does not begin with `.` and `..`"));
            }
            // A node of the index looks like one unused entry that fills the block.
            let is_node = inode.flags & INDEXED != 0
                && (logical == 0 || (head.u32::<0>() == 0 && u32::from(head.u16::<4>()) == size));
            if self.fs.csum.enabled && !is_node && !has_csum_tail(&bytes) {
                return Err(structure(
                    owner,
                    format!("has no checksum in directory block {logical}"),
                ));
            }
        }
        Ok(())
    }
}

/// Returns what is wrong with a field, if anything.
fn wrong_field(
    inode: &Inode,
    raw: &[u8],
    (incompat, ro_compat): (u32, u32),
) -> Option<&'static str> {
    let fields = raw
        .first_chunk()
        .copied()
        .map_or(Record([0; 128]), Record::<128>);
    let is_special = !inode.is_file() && !inode.is_dir();
    if inode.dtime != 0 {
        Some("is in use but has a time of deletion")
    } else if fields.u32::<0x70>() != 0 {
        Some("has a fragment")
    } else if fields.u16::<0x74>() != 0 && ro_compat & HUGE_FILE == 0 {
        Some("has too many sectors")
    } else if fields.u16::<0x76>() != 0 && incompat & BITS_64 == 0 {
        Some("has attributes outside the file system")
    } else if inode.flags & FOREIGN != 0 {
        Some("has flags of features that the file system does not have")
    } else if is_special && inode.mode != 0 && inode.flags & FROZEN != 0 {
        Some("is a special file with the flag of a frozen one")
    } else {
        None
    }
}

/// Returns whether the inode's `i_block` lists blocks. A device's contains its number, a short symbolic link's its target.
fn owns_blocks(inode: &Inode) -> bool {
    const SHORT: u64 = 60;
    let is_long_link = inode.is_symlink() && inode.size >= SHORT;
    inode.is_file() || inode.is_dir() || is_long_link || inode.mode == 0
}

/// Returns whether the first two entries are `.`, which is the directory itself, and `..`.
fn begins_directory(head: &Record<24>, number: u32) -> bool {
    const DIRECTORY: u8 = 2;
    let own = (
        head.u32::<0>(),
        head.u16::<4>(),
        head.u8::<6>(),
        head.u8::<7>(),
    );
    let parent = (head.u8::<18>(), head.u8::<19>());
    own == (number, 12, 1, DIRECTORY)
        && head.bytes::<8, 2>() == *b".\0"
        && parent == (2, DIRECTORY)
        && head.bytes::<20, 2>() == *b".."
}

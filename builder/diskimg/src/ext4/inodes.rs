//! Checks every used inode: its fields, the blocks it owns, and that nothing else owns them.
//!
//! Inodes are specified in the kernel's documentation, `filesystems/ext4/inodes.rst`.

use std::collections::BTreeMap;

use fs_ext4::Filesystem;
use fs_ext4::bgd::{BgdFlags, BlockGroupDescriptor};
use fs_ext4::checksum::linux_crc32c;
use fs_ext4::inode::Inode;
use fs_ext4::path::EXT4_ROOT_INODE;

use super::blocks::{Blocks, bitmap, bits, structure};
use super::directories::Directories;
use super::failure::from_engine;
use super::features::METADATA_CSUM;
use super::fields;
use super::mapping::{Mapping, mapping};
use super::special::{self, LONG_LINK};
use crate::disk_structure::DiskStructure;
use crate::error::Result;
use crate::units::index;

/// The inode that owns the blocks reserved for more group descriptors.
const RESIZE: u32 = 7;
/// The inode of the journal.
const JOURNAL: u32 = 8;
/// `s_feature_compat`: [`JOURNAL`] is in use, [`RESIZE`] is in use.
const HAS_JOURNAL: u32 = 0x4;
const HAS_RESIZE: u32 = 0x10;
/// `s_feature_ro_compat`: descriptors have checksums and count the inodes that were never written.
const UNINIT_BG: u32 = 0x10;
/// `i_flags`: the number of blocks is in blocks.
const IN_BLOCKS: u32 = 0x4_0000;
/// `ob_magic` of a block of the orphan file.
const ORPHAN_BLOCK: u32 = 0x0B10_CA04;
/// `h_magic` of a block of extended attributes.
const ATTRIBUTES: u32 = 0xEA02_0000;

/// Checks all inodes, the block bitmaps and the directories, of which `reached` can be reached from the root.
pub(super) fn check(fs: &Filesystem, reached: u32) -> Result<()> {
    let mut walk = InodeWalk {
        fs,
        blocks: Blocks::of(fs)?,
        attributes: BTreeMap::new(),
        directories: Directories::default(),
    };
    for (group, descriptor) in (0..).zip(&fs.groups) {
        walk.group(group, descriptor)?;
    }
    let mut shared = walk.attributes.iter();
    if let Some((block, _)) = shared.find(|(_, count)| count.stated != count.seen) {
        let owner = format!("attribute block {block}");
        return Err(structure(owner, "has a wrong reference count"));
    }
    walk.blocks.compare(fs)?;
    walk.directories.check_reached(reached)?;
    walk.directories.check(fs, walk.orphan_file())
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
    directories: Directories,
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
        let initialized = self.initialized(descriptor);
        if bits(&bitmap).take(inodes).skip(initialized).any(|bit| bit) {
            let reason = "has a used inode that was never initialized";
            return Err(structure(place(), reason));
        }
        let mut directories = 0_u32;
        let mut number = first;
        let used = used.get(..initialized).unwrap_or(&used);
        for (block, used) in (descriptor.inode_table..).zip(used.chunks(per_block)) {
            let table = self.fs.read_block(block);
            let table = table.map_err(|error| from_engine(error, "/"))?;
            for (used, raw) in used.iter().zip(table.chunks(size)) {
                fields::check_checksum(self.fs, number, raw)?;
                if !used {
                    fields::check_free(number, raw)?;
                } else if self.inode(number, raw)? {
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

    /// Returns the number of inodes of a group that were ever written, `bg_itable_unused` less than all.
    fn initialized(&self, descriptor: &BlockGroupDescriptor) -> usize {
        let unused = match self.fs.sb.feature_ro_compat & (UNINIT_BG | METADATA_CSUM) {
            0 => 0,
            _ => descriptor.itable_unused,
        };
        index(self.fs.sb.inodes_per_group.saturating_sub(unused))
    }

    /// Returns whether a reserved inode has a purpose.
    fn is_in_use(&self, number: u32) -> bool {
        let compat = self.fs.sb.feature_compat;
        match number {
            EXT4_ROOT_INODE => true,
            RESIZE => compat & HAS_RESIZE != 0,
            JOURNAL => compat & HAS_JOURNAL != 0,
            _ => false,
        }
    }

    /// Checks a used inode, and returns whether it is a directory.
    fn inode(&mut self, number: u32, raw: &[u8]) -> Result<bool> {
        let broken = |reason: &str| structure(format!("inode {number}"), reason);
        if number < self.fs.sb.first_inode && !self.is_in_use(number) {
            fields::check_reserved(number, raw)?;
            return Ok(false);
        }
        let inode =
            Inode::parse(raw).map_err(|error| from_engine(error, &format!("inode {number}")))?;
        if inode.mode == 0 && number == RESIZE && inode.blocks == 0 {
            return Ok(false);
        }
        if let Some(reason) = fields::fault(self.fs, &inode, raw) {
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
        if number >= self.fs.sb.first_inode || number == EXT4_ROOT_INODE {
            let fault = special::fault(self.fs, &inode, &mapping, &owner())?;
            fault.map_or(Ok(()), |reason| Err(broken(reason)))?;
            self.directories.add(number, &inode, &mapping);
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
            let tail = DiskStructure::<8>(*tail);
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
        let header = bytes.first_chunk().copied().map(DiskStructure::<12>);
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
}

/// Returns whether the inode's `i_block` lists blocks. A device's contains its number, a short symbolic link's its target.
fn owns_blocks(inode: &Inode) -> bool {
    let is_long_link = inode.is_symlink() && inode.size >= LONG_LINK;
    inode.is_file() || inode.is_dir() || is_long_link || inode.mode == 0
}

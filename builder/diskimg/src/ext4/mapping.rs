//! Lists the blocks of an inode, from its extents or its block numbers.

use std::collections::BTreeSet;

use fs_ext4::Filesystem;
use fs_ext4::extent::{Extent, ExtentHeader, ExtentIdx};
use fs_ext4::inode::Inode;

use super::blocks::structure;
use super::failure::from_engine;
use crate::error::Result;

/// The number of direct blocks in `i_block`; three levels of indirect ones follow.
const DIRECT: usize = 12;

/// The greatest depth of a tree of extents.
const DEEPEST: u16 = 5;

/// The blocks of an inode.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// The data, in the order of the file.
    pub(super) data: Vec<BlockRun>,
    /// The blocks that list other blocks.
    pub(super) nodes: BTreeSet<u64>,
}

/// Consecutive blocks of a file.
#[derive(Debug)]
pub(super) struct BlockRun {
    pub(super) logical: u64,
    pub(super) block: u64,
    pub(super) len: u64,
    /// Whether the blocks were written; others read as zeroes.
    written: bool,
}

impl Mapping {
    /// Returns the number of blocks.
    pub(super) fn len(&self) -> u64 {
        let nodes = u64::try_from(self.nodes.len()).unwrap_or(u64::MAX);
        let data = self.data.iter().map(|run| run.len);
        data.fold(nodes, u64::saturating_add)
    }

    /// Adds and reads a block that lists others. Each is there once, so that a cycle ends here.
    fn read_node(&mut self, fs: &Filesystem, block: u64, owner: &str) -> Result<Vec<u8>> {
        if block >= fs.sb.blocks_count || !self.nodes.insert(block) {
            let reason = format!("has block {block} in the wrong place");
            return Err(structure(owner.to_owned(), reason));
        }
        fs.read_block(block)
            .map_err(|error| from_engine(error, owner))
    }

    /// Returns the number of each block in the file and in the file system.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.data.iter().flat_map(|run| {
            let len = usize::try_from(run.len).unwrap_or(usize::MAX);
            (run.logical..).zip(run.block..).take(len)
        })
    }

    /// Returns whether the written data ends before the size of the inode.
    pub(super) fn fits(&self, inode: &Inode, block_size: u32) -> bool {
        let written = self.data.iter().rfind(|run| run.written || inode.is_dir());
        let end = written.map_or(0, |run| run.logical.saturating_add(run.len));
        let blocks = inode.size.div_ceil(block_size.into());
        match inode.is_dir() {
            true => inode.size.is_multiple_of(block_size.into()) && blocks == end,
            false => end <= blocks,
        }
    }
}

/// Returns the blocks of an inode whose `i_block` lists blocks.
pub(super) fn mapping(fs: &Filesystem, number: u32, inode: &Inode) -> Result<Mapping> {
    match inode.has_extents() {
        true => extents(fs, number, inode),
        false => block_numbers(fs, number, inode),
    }
}

fn extents(fs: &Filesystem, number: u32, inode: &Inode) -> Result<Mapping> {
    let mut walk = ExtentWalk {
        fs,
        number,
        generation: inode.generation,
        found: Mapping::default(),
    };
    let depth = walk.header(&inode.block)?.depth;
    walk.node(&inode.block, depth)?;
    Ok(walk.found)
}

struct ExtentWalk<'a> {
    fs: &'a Filesystem,
    number: u32,
    generation: u32,
    found: Mapping,
}

impl ExtentWalk<'_> {
    fn header(&self, node: &[u8]) -> Result<ExtentHeader> {
        let header = ExtentHeader::parse(node);
        header.map_err(|error| from_engine(error, &owner(self.number)))
    }

    /// Adds what a node of the tree lists.
    fn node(&mut self, node: &[u8], depth: u16) -> Result<()> {
        let broken = |reason: &str| structure(owner(self.number), reason);
        let header = self.header(node)?;
        let (entries, _) = node.as_chunks::<12>();
        let entries = entries.get(1..).unwrap_or_default();
        // A checksum may take the place of the last ones.
        let most = entries.len();
        if !(most.saturating_sub(2)..=most).contains(&usize::from(header.max))
            || header.entries > header.max
        {
            return Err(broken("has extents with a wrong limit"));
        }
        let entries = entries.get(..usize::from(header.entries));
        let entries = entries.ok_or_else(|| broken("has more extents than fit"))?;
        if header.depth != depth || depth > DEEPEST {
            return Err(broken("has extents in the wrong depth"));
        }
        for entry in entries {
            match depth.checked_sub(1) {
                None => self.extent(entry)?,
                Some(below) => self.child(entry, below)?,
            }
        }
        Ok(())
    }

    fn child(&mut self, entry: &[u8], depth: u16) -> Result<()> {
        let owner = owner(self.number);
        let index = ExtentIdx::parse(entry);
        let block = index
            .map_err(|error| from_engine(error, &owner))?
            .leaf_block;
        let bytes = self.found.read_node(self.fs, block, &owner)?;
        let csum = &self.fs.csum;
        if !csum.verify_extent_tail(self.number, self.generation, &bytes) {
            let reason = format!("has a wrong checksum in extent block {block}");
            return Err(structure(owner, reason));
        }
        self.node(&bytes, depth)
    }

    fn extent(&mut self, entry: &[u8]) -> Result<()> {
        let owner = owner(self.number);
        let extent = Extent::parse(entry).map_err(|error| from_engine(error, &owner))?;
        let logical = u64::from(extent.logical_block);
        let last = self.found.data.last();
        let end = last.map_or(0, |run| run.logical.saturating_add(run.len));
        if logical < end || extent.length == 0 {
            return Err(structure(owner, "has extents in the wrong order"));
        }
        self.found.data.push(BlockRun {
            logical,
            block: extent.physical_block,
            len: extent.length.into(),
            written: !extent.uninitialized,
        });
        Ok(())
    }
}

fn owner(number: u32) -> String {
    format!("inode {number}")
}

fn block_numbers(fs: &Filesystem, number: u32, inode: &Inode) -> Result<Mapping> {
    let mut walk = IndirectWalk {
        fs,
        number,
        logical: 0,
        found: Mapping::default(),
    };
    let (numbers, _) = inode.block.as_chunks::<4>();
    for (place, block) in numbers.iter().enumerate() {
        let level = place.saturating_sub(DIRECT.saturating_sub(1));
        walk.add(u32::from_le_bytes(*block), level)?;
    }
    Ok(walk.found)
}

struct IndirectWalk<'a> {
    fs: &'a Filesystem,
    number: u32,
    /// The next block of the file.
    logical: u64,
    found: Mapping,
}

impl IndirectWalk<'_> {
    /// Adds a block that lists others over `level` levels, or data if that is zero.
    fn add(&mut self, block: u32, level: usize) -> Result<()> {
        if block == 0 {
            let per_block = u64::from(self.fs.sb.block_size() >> 2);
            let skipped = (0..level).fold(1_u64, |blocks, _| blocks.saturating_mul(per_block));
            self.logical = self.logical.saturating_add(skipped);
            return Ok(());
        }
        let Some(below) = level.checked_sub(1) else {
            self.found.data.push(BlockRun {
                logical: self.logical,
                block: block.into(),
                len: 1,
                written: true,
            });
            self.logical = self.logical.saturating_add(1);
            return Ok(());
        };
        let owner = owner(self.number);
        let bytes = self.found.read_node(self.fs, block.into(), &owner)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        numbers
            .iter()
            .try_for_each(|number| self.add(u32::from_le_bytes(*number), below))
    }
}

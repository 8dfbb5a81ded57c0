//! Checks the entries of every directory, and that every used inode has a name.
//!
//! Directories are specified in the kernel's documentation, `filesystems/ext4/directory.rst`.

use std::collections::{BTreeMap, BTreeSet};

use fs_ext4::Filesystem;
use fs_ext4::dir::{DirEntryType, has_csum_tail};
use fs_ext4::inode::Inode;
use fs_ext4::path::EXT4_ROOT_INODE;

use super::blocks::structure;
use super::entries::{DirectoryEntry, SHORTEST, entries};
use super::failure::from_engine;
use super::fields::INDEXED;
use super::hash_tree;
use super::mapping::Mapping;
use crate::error::{Error, Result};
use crate::units::index;

/// The used inodes as directories see them.
#[derive(Debug, Default)]
pub(super) struct Directories {
    /// The types of the inodes that may have names.
    types: BTreeMap<u32, DirEntryType>,
    directories: Vec<Directory>,
}

#[derive(Debug)]
struct Directory {
    number: u32,
    is_indexed: bool,
    /// The number of each block in the directory and in the file system.
    blocks: Vec<(u64, u64)>,
}

impl Directories {
    /// Adds an inode that is in use and not reserved, or the root.
    pub(super) fn add(&mut self, number: u32, inode: &Inode, mapping: &Mapping) {
        if number != EXT4_ROOT_INODE {
            let file_type = DirEntryType::from_mode(inode.mode);
            self.types.insert(number, file_type);
        }
        if inode.is_dir() {
            self.directories.push(Directory {
                number,
                is_indexed: inode.flags & INDEXED != 0,
                blocks: mapping.blocks().collect(),
            });
        }
    }

    /// Checks that no directory is missing among those that can be reached from the root.
    pub(super) fn check_reached(&self, reached: u32) -> Result<()> {
        if self.directories.len() == index(reached) {
            return Ok(());
        }
        let reason = "does not lead to every directory that is in use";
        Err(structure("/".to_owned(), reason))
    }

    /// Checks all entries. Of the inodes, only `nameless` may have no name.
    pub(super) fn check(&self, fs: &Filesystem, nameless: Option<u32>) -> Result<()> {
        let mut unnamed: BTreeSet<u32> = self.types.keys().copied().collect();
        for directory in &self.directories {
            let blocks = directory.read(fs)?;
            for (index, block) in blocks.iter().enumerate() {
                let entries = directory.entries(fs, index, block)?;
                let used = entries.iter().filter(|entry| entry.inode != 0);
                for entry in used {
                    self.check_entry(directory, entry)?;
                    unnamed.remove(&entry.inode);
                }
            }
            directory.check_names(&blocks)?;
            if directory.is_indexed {
                hash_tree::check(fs, &directory.owner(), &blocks)?;
            }
        }
        match unnamed.iter().find(|number| Some(**number) != nameless) {
            None => Ok(()),
            Some(number) => {
                let reason = "is in use but in no directory";
                Err(structure(format!("inode {number}"), reason))
            }
        }
    }

    fn check_entry(&self, directory: &Directory, entry: &DirectoryEntry<'_>) -> Result<()> {
        let inode = entry.inode;
        if let Some(wrong) = entry.wrong_name() {
            return Err(directory.broken(format!("has {wrong}")));
        }
        let stated = DirEntryType::from_u8(entry.file_type);
        let reason = match self.types.get(&inode) {
            _ if inode == directory.number => "has an entry for itself".to_owned(),
            None => format!("has an entry for inode {inode}, which is not in use"),
            // e2fsck and the kernel accept an entry without a type.
            Some(found) if entry.file_type != 0 && *found != stated => {
                format!("calls inode {inode} a {stated:?}, which it is not")
            }
            Some(_) => return Ok(()),
        };
        Err(directory.broken(reason))
    }
}

impl Directory {
    fn owner(&self) -> String {
        format!("inode {}", self.number)
    }

    fn broken(&self, reason: impl Into<String>) -> Error {
        structure(self.owner(), reason)
    }

    /// Reads the blocks, which follow each other.
    fn read(&self, fs: &Filesystem) -> Result<Vec<Vec<u8>>> {
        let mut blocks = vec![];
        for (expected, (logical, block)) in (0..).zip(&self.blocks) {
            if *logical != expected {
                return Err(self.broken(format!("has no directory block {expected}")));
            }
            let bytes = fs.read_block(*block);
            blocks.push(bytes.map_err(|error| from_engine(error, &self.owner()))?);
        }
        Ok(blocks)
    }

    /// Returns the entries of a block after `.` and `..`, and checks that the block ends in a checksum.
    fn entries<'a>(
        &self,
        fs: &Filesystem,
        index: usize,
        block: &'a [u8],
    ) -> Result<Vec<DirectoryEntry<'a>>> {
        let found = entries(block);
        let mut found = found.ok_or_else(|| {
            let reason = format!("has an entry outside its directory block {index}");
            self.broken(reason)
        })?;
        let is_node = self.is_indexed && (index == 0 || hash_tree::is_node(block));
        if fs.csum.enabled && !is_node && !has_csum_tail(block) {
            return Err(self.broken(format!("has no checksum in directory block {index}")));
        }
        if index > 0 {
            return Ok(found);
        }
        let rest = found.split_off(found.len().min(2));
        let begins = match found.as_slice() {
            [own, parent] => {
                let is_own = is_dot(own, b".") && own.inode == self.number && own.len == SHORTEST;
                is_own && is_dot(parent, b"..")
            }
            _ => false,
        };
        if !begins {
            return Err(self.broken("does not begin with `.` and `..`"));
        }
        match self.is_indexed && !rest.is_empty() {
            true => Err(self.broken("has entries in the root of its index")),
            false => Ok(rest),
        }
    }

    /// Checks that no name is there twice.
    fn check_names(&self, blocks: &[Vec<u8>]) -> Result<()> {
        let mut names = BTreeSet::new();
        for block in blocks {
            for entry in entries(block).unwrap_or_default() {
                if entry.inode != 0 && !names.insert(entry.name) {
                    let name = String::from_utf8_lossy(entry.name);
                    let reason = format!("has the name `{}` twice", name.escape_debug());
                    return Err(self.broken(reason));
                }
            }
        }
        Ok(())
    }
}

/// Returns whether an entry is this one, for a directory and with a zero after its name.
fn is_dot(entry: &DirectoryEntry<'_>, name: &[u8]) -> bool {
    let is_directory = DirEntryType::from_u8(entry.file_type) == DirEntryType::Directory;
    is_directory && entry.inode != 0 && entry.name == name && entry.padding.first() == Some(&0)
}

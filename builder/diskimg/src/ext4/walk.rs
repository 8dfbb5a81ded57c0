//! Path resolution on `rust-fs-ext4`.

use super::failure::from_engine;
use super::writer::Ext4Writer;
use crate::error::{Result, Unsupported};
use crate::fs::{DirectoryTree, FileKind};

impl DirectoryTree for Ext4Writer {
    type Node = u32;

    fn root(&self) -> u32 {
        fs_ext4::path::EXT4_ROOT_INODE
    }

    fn kind(&self, node: u32, path: &str) -> Result<FileKind> {
        let inode = self.inode(node, path)?;
        Ok(if inode.is_file() {
            FileKind::File
        } else if inode.is_dir() {
            FileKind::Directory
        } else if inode.is_symlink() {
            FileKind::Symlink
        } else {
            FileKind::Other
        })
    }

    fn child(&self, node: u32, name: &str, path: &str) -> Result<Option<u32>> {
        match self.fs.lookup_at(node, name.as_bytes()) {
            Ok(inode) => Ok(Some(inode)),
            Err(fs_ext4::Error::NotFound) => Ok(None),
            Err(error) => Err(from_engine(error, path)),
        }
    }

    fn target(&self, node: u32, path: &str) -> Result<String> {
        let target = self.fs.read_link_ino(node);
        let target = target.map_err(|error| from_engine(error, path))?;
        String::from_utf8(target).map_err(|_| {
            let path = path.to_owned();
            Unsupported::NameEncoding { path }.into()
        })
    }
}

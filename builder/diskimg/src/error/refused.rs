//! Requests that would destroy something.

use thiserror::Error as ThisError;

/// The request would destroy something, or there is not enough space.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Refused {
    /// A write to read-only storage.
    #[error("writing at byte {offset}: the image is read-only")]
    ReadOnly {
        /// The first byte of the write.
        offset: u64,
    },
    /// The journal contains changes that are not applied yet.
    #[error("the journal must be replayed first (the file system was not unmounted)")]
    JournalNeedsRecovery,
    /// The journal is not empty although the superblock does not ask for recovery.
    #[error(
        "the journal starts at block {start} although the superblock does not ask for recovery"
    )]
    JournalNotEmpty {
        /// `s_start` of the journal.
        start: u32,
    },
    /// Files that were deleted while open are not released yet.
    #[error("the orphan list is not empty (first inode {first})")]
    OrphanList {
        /// The first inode on the list.
        first: u32,
    },
    /// The orphan file may contain entries.
    #[error("the orphan file is in use (the file system was not unmounted)")]
    OrphanFile,
    /// The kernel found errors in the file system.
    #[error("the file system is marked as having errors (state {state:#x})")]
    ErrorState {
        /// `s_state`.
        state: u16,
    },
    /// The file system was not unmounted.
    #[error("the file system is not marked clean (state {state:#x})")]
    NotClean {
        /// `s_state`.
        state: u16,
    },
    /// The FAT volume was not unmounted, or a disk error occurred.
    #[error("the FAT volume is marked dirty (boot sector {boot:#04x}, FAT {fat:#x})")]
    DirtyFat {
        /// The state byte of the boot sector: bit 0 dirty, bit 1 disk error.
        boot: u8,
        /// The second FAT entry, whose top two data bits are clear if the volume is dirty.
        fat: u32,
    },
    /// A file or directory that needs more than the free space.
    #[error("{path} needs {need} bytes, {free} are free")]
    NoSpace {
        /// The file or directory.
        path: String,
        /// The bytes needed, in whole blocks.
        need: u64,
        /// The free bytes.
        free: u64,
    },
    /// A file or directory that needs an inode when none is free.
    #[error("{path} needs an inode, but all {total} inodes are in use")]
    NoInodes {
        /// The file or directory.
        path: String,
        /// The number of inodes of the file system.
        total: u32,
    },
    /// A path that is not absolute, or contains `..`, an empty or too long name, or a NUL.
    #[error("the path {path:?} {reason}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file that does not exist.
    #[error("{path} does not exist")]
    NotFound {
        /// The path.
        path: String,
    },
    /// A name that is in use.
    #[error("{path} already exists")]
    Exists {
        /// The path.
        path: String,
    },
    /// A file that should be a directory.
    #[error("{path} is not a directory")]
    NotADirectory {
        /// The path.
        path: String,
    },
    /// A directory, link or device that should be a regular file.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// A file that should be a symbolic link.
    #[error("{path} is not a symbolic link")]
    NotASymlink {
        /// The path.
        path: String,
    },
    /// A directory that still has entries.
    #[error("the directory {path} is not empty")]
    DirectoryNotEmpty {
        /// The path.
        path: String,
    },
    /// A path with too many symbolic links, usually a loop.
    #[error("{path} has more than {limit} symbolic links on its way")]
    SymlinkLoop {
        /// The path.
        path: String,
        /// The most links that are followed.
        limit: u32,
    },
    /// A mode with bits other than the twelve permission bits.
    #[error("the mode {mode:#o} of {path} has bits that are not permissions")]
    Mode {
        /// The path.
        path: String,
        /// The mode.
        mode: u16,
    },
    /// The user or group id 4294967295, which Linux uses for "none".
    #[error("{path} cannot belong to user or group 4294967295")]
    Owner {
        /// The path.
        path: String,
    },
    /// A file larger than the file system allows.
    #[error("{path} has {size} bytes, more than the file system allows")]
    FileTooLarge {
        /// The path.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A time that the file system cannot store.
    #[error("the file system cannot store the time {seconds} s after 1970")]
    Time {
        /// Seconds since 1970 UTC.
        seconds: i64,
    },
    /// A change of an MBR in an image with a GPT.
    #[error("the image has a GPT, which has no 32-bit disk id")]
    NotMbr,
}

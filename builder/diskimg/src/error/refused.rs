//! What is not done although it could be.

use thiserror::Error as ThisError;

/// Doing it would lose or break something, or there is no room.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Refused {
    /// This storage is never written.
    #[error("writing at byte {offset}: this image is only read")]
    ReadOnly {
        /// First byte of the write.
        offset: u64,
    },
    /// The journal holds changes that are not in place yet.
    #[error("the journal has to be replayed first (the file system was not unmounted)")]
    JournalNeedsRecovery,
    /// The journal is not empty although the superblock says so.
    #[error("the journal starts at block {start} although no recovery is announced")]
    JournalNotEmpty {
        /// `s_start` of the journal.
        start: u32,
    },
    /// Files that were deleted while open wait for their cleaning.
    #[error("inode {first} and perhaps more wait on the orphan list")]
    OrphanList {
        /// The head of the list.
        first: u32,
    },
    /// The orphan file may hold entries.
    #[error("the orphan file is in use (the file system was not unmounted)")]
    OrphanFile,
    /// The kernel recorded errors.
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
    /// The FAT volume was not unmounted, or had a disk error.
    #[error("the FAT volume is marked dirty (boot sector {boot:#04x}, FAT {fat:#x})")]
    DirtyFat {
        /// The state byte of the boot sector: bit 0 dirty, bit 1 disk error.
        boot: u8,
        /// The second FAT entry: its top two data bits are clear when dirty.
        fat: u32,
    },
    /// Not enough free bytes.
    #[error("{path} needs {need} bytes, {free} are free")]
    NoSpace {
        /// The file or folder.
        path: String,
        /// Bytes needed, in whole blocks.
        need: u64,
        /// Bytes free.
        free: u64,
    },
    /// No free inode.
    #[error("{path} needs an inode, none of {total} is free")]
    NoInodes {
        /// The file or folder.
        path: String,
        /// The number of inodes of the file system.
        total: u32,
    },
    /// A path that is not absolute, or holds `..`, an empty or too long name, or a NUL.
    #[error("the path {path:?} {reason}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing there.
    #[error("{path} does not exist")]
    NotFound {
        /// The path.
        path: String,
    },
    /// Something there already.
    #[error("{path} exists already")]
    Exists {
        /// The path.
        path: String,
    },
    /// A folder was needed.
    #[error("{path} is not a folder")]
    NotAFolder {
        /// The path.
        path: String,
    },
    /// A file was needed.
    #[error("{path} is not a file")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// A symbolic link was needed.
    #[error("{path} is not a symbolic link")]
    NotASymlink {
        /// The path.
        path: String,
    },
    /// A folder that still has entries.
    #[error("the folder {path} is not empty")]
    FolderNotEmpty {
        /// The path.
        path: String,
    },
    /// Symbolic links that lead nowhere.
    #[error("{path} passes more than {limit} symbolic links")]
    SymlinkLoop {
        /// The path.
        path: String,
        /// The most that are followed.
        limit: u32,
    },
    /// A mode with other bits than the twelve of permissions.
    #[error("the mode {mode:#o} of {path} has more than permission bits")]
    Mode {
        /// The path.
        path: String,
        /// The mode.
        mode: u16,
    },
    /// The owner or group 4294967295, which Linux uses for "none".
    #[error("{path} cannot belong to 4294967295")]
    Owner {
        /// The path.
        path: String,
    },
    /// More bytes than the file system can put into one file.
    #[error("{path} has {size} bytes, more than a file here may have")]
    FileTooLarge {
        /// The path.
        path: String,
        /// Its size.
        size: u64,
    },
    /// A time the file system cannot store.
    #[error("the time {seconds} s after 1970 cannot be stored")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
    },
    /// The table in the image is of the other kind.
    #[error("the image has a GPT, which has no 32-bit disk id")]
    NotMbr,
}

//! Four ways to fail, each with its own next step; every variant names its place by offset or path and carries numbers.

use std::io::ErrorKind;
use std::path::PathBuf;

use thiserror::Error as ThisError;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The bytes could not be read or written: look at the disk, try again.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The image may be fine; this crate cannot handle it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The image contradicts its format: get another one, or repair it.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Doing it would lose or break something, or there is no room: change the request or the image first.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The four kinds of failure, without their details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// See [`Error::Storage`].
    Storage,
    /// See [`Error::Unsupported`].
    Unsupported,
    /// See [`Error::Corrupt`].
    Corrupt,
    /// See [`Error::Refused`].
    Refused,
}

impl Error {
    /// Which of the four kinds this is.
    pub fn class(&self) -> Class {
        match self {
            Self::Storage(_) => Class::Storage,
            Self::Unsupported(_) => Class::Unsupported,
            Self::Corrupt(_) => Class::Corrupt,
            Self::Refused(_) => Class::Refused,
        }
    }
}

/// Reading or writing failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum StorageError {
    /// The file could not be opened.
    #[error("opening {}: {message}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system called it.
        kind: ErrorKind,
        /// What the system said.
        message: String,
    },
    /// The system failed to transfer bytes.
    #[error("accessing the image at byte {offset}: {message}")]
    Io {
        /// First byte of the transfer.
        offset: u64,
        /// What the system called it.
        kind: ErrorKind,
        /// What the system said.
        message: String,
    },
    /// The range is not inside the storage.
    #[error("{len} bytes at byte {offset} are not inside the {size} bytes there are")]
    OutOfRange {
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
        /// Bytes there are.
        size: u64,
    },
    /// More bytes than this machine can hold at once.
    #[error("{len} bytes at byte {offset} do not fit into memory")]
    TooLarge {
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
    },
}

/// A set of feature bits of an ext4 superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureSet {
    /// `s_feature_compat`: an unknown bit does not stop others from writing, but it stops us.
    Compat,
    /// `s_feature_incompat`: an unknown bit forbids reading and writing.
    Incompat,
    /// `s_feature_ro_compat`: an unknown bit forbids writing.
    RoCompat,
}

/// This crate cannot handle it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Unsupported {
    /// ext4 features outside the list of those that were tested.
    #[error("the file system uses {set:?} features {bits:#x} that are not supported")]
    Feature {
        /// Which field they are in.
        set: FeatureSet,
        /// The bits that are not supported, alone.
        bits: u32,
    },
    /// ext4 features that must be there.
    #[error("the file system lacks the {set:?} features {bits:#x} (is it ext2 or ext3?)")]
    MissingFeature {
        /// Which field they are missing from.
        set: FeatureSet,
        /// The bits that are missing.
        bits: u32,
    },
    /// An ext4 block size other than 1, 2 or 4 KiB.
    #[error("blocks of {bytes} bytes are not supported")]
    BlockSize {
        /// Bytes per block.
        bytes: u64,
    },
    /// A FAT sector size other than 512.
    #[error("FAT sectors of {bytes} bytes are not supported")]
    FatSectorSize {
        /// Bytes per sector.
        bytes: u16,
    },
    /// FAT12: fewer than 4085 clusters.
    #[error("FAT12 is not supported ({clusters} clusters)")]
    Fat12 {
        /// Data clusters found.
        clusters: u32,
    },
    /// FAT has no symbolic links.
    #[error("FAT cannot hold the symbolic link {path}")]
    FatSymlink {
        /// The link.
        path: String,
    },
    /// A GPT layout nobody writes.
    #[error("a GPT with {count} entries of {size} bytes is not supported")]
    GptEntries {
        /// Entries in the table.
        count: u32,
        /// Bytes per entry.
        size: u32,
    },
    /// A file that holds more than the whole file system: sparse.
    #[error("{path} claims {size} bytes, more than the file system has")]
    SparseFile {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A name that is not UTF-8.
    #[error("a name in {path} is not UTF-8")]
    NameEncoding {
        /// The folder, or the link.
        path: String,
    },
    /// A library refused something for its own reasons.
    #[error("{path}: {reason}")]
    Library {
        /// The file or folder.
        path: String,
        /// What the library said.
        reason: String,
    },
}

/// The image contradicts its format.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Corrupt {
    /// No MBR signature and so no partition table.
    #[error("no partition table: bytes 510 and 511 are {found:#06x}, not 0xaa55")]
    NoTable {
        /// The 16-bit number found there.
        found: u16,
    },
    /// An MBR boot flag that is neither 0 nor 0x80.
    #[error("partition {number} has the boot flag {found:#04x}")]
    BootFlag {
        /// The partition.
        number: u32,
        /// The flag found.
        found: u8,
    },
    /// A partition without a length, or one that ends before it starts.
    #[error("partition {number} is empty or ends before it starts (sector {first})")]
    PartitionEmpty {
        /// The partition.
        number: u32,
        /// Its first sector.
        first: u64,
    },
    /// A partition that covers the table itself.
    #[error("partition {number} starts at byte {start}, inside the partition table")]
    PartitionOverTable {
        /// The partition.
        number: u32,
        /// Its first byte.
        start: u64,
    },
    /// A partition that does not end inside the image.
    #[error("partition {number} ends at byte {end}, the image at {size}")]
    PartitionPastEnd {
        /// The partition.
        number: u32,
        /// The byte after its last.
        end: u64,
        /// Bytes in the image.
        size: u64,
    },
    /// Two partitions share bytes.
    #[error("partitions {first} and {second} overlap at byte {offset}")]
    PartitionOverlap {
        /// The one that starts first.
        first: u32,
        /// The other one.
        second: u32,
        /// The first shared byte.
        offset: u64,
    },
    /// A GPT header without its signature.
    #[error("no GPT header at byte {offset}")]
    GptSignature {
        /// Where it should be.
        offset: u64,
    },
    /// A GPT header or entry table whose checksum does not hold.
    #[error("GPT checksum at byte {offset} is {found:#010x}, computed {expected:#010x}")]
    GptChecksum {
        /// Where the checked bytes start.
        offset: u64,
        /// Computed over the bytes.
        expected: u32,
        /// Recorded in the header.
        found: u32,
    },
    /// A GPT header field that cannot be.
    #[error("GPT header field {field} is {value}")]
    GptField {
        /// The name in the UEFI specification.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// No ext4 magic number.
    #[error("no ext4 superblock at byte 1024: the magic number is {found:#06x}")]
    SuperblockMagic {
        /// The number found.
        found: u16,
    },
    /// The superblock's checksum does not hold.
    #[error("the superblock's checksum is {found:#010x}, computed {expected:#010x}")]
    SuperblockChecksum {
        /// Computed over the superblock.
        expected: u32,
        /// Recorded in it.
        found: u32,
    },
    /// A superblock field that cannot be.
    #[error("superblock field {field} is {value}")]
    SuperblockField {
        /// The name in the kernel's documentation.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The file system is larger than its partition.
    #[error("the file system has {need} bytes, its partition {size}")]
    FilesystemPastEnd {
        /// Bytes the superblock or boot sector claims.
        need: u64,
        /// Bytes there are.
        size: u64,
    },
    /// A FAT boot sector field that cannot be.
    #[error("boot sector field {field} is {value}")]
    BootSectorField {
        /// The name in Microsoft's specification.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A FAT32 `FSInfo` sector without its signatures.
    #[error("no FSInfo sector at byte {offset}")]
    FsInfo {
        /// Where it should be.
        offset: u64,
    },
    /// A FAT entry that names no cluster.
    #[error("the FAT entry of cluster {cluster} is {value:#x}")]
    FatEntry {
        /// The cluster.
        cluster: u32,
        /// Its entry.
        value: u32,
    },
    /// Two chains, or two places of one chain, continue at the same cluster.
    #[error("cluster {cluster} is the continuation of two clusters")]
    FatCrossLink {
        /// The cluster.
        cluster: u32,
    },
    /// A chain that comes back to itself.
    #[error("the chain through cluster {cluster} never ends")]
    FatCycle {
        /// A cluster on it.
        cluster: u32,
    },
    /// A folder with more entries than the format allows.
    #[error("{path} has more than {limit} entries")]
    FolderTooLarge {
        /// The folder.
        path: String,
        /// The most it may have.
        limit: u64,
    },
    /// A library found something that cannot be.
    #[error("{path}: {reason}")]
    Structure {
        /// The file or folder it was working on.
        path: String,
        /// What the library said.
        reason: String,
    },
}

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
        /// Inodes the file system has.
        total: u64,
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
    /// No partition of that number.
    #[error("there is no partition {number}")]
    NoPartition {
        /// The number.
        number: u32,
    },
    /// The place in the table is taken, or is not one.
    #[error("partition {number} is taken or cannot be")]
    PartitionNumber {
        /// The number.
        number: u32,
    },
    /// A partition that is not a whole number of sectors, or beyond what the table can say.
    #[error("partition {number}: {len} bytes at byte {start} cannot be put into the table")]
    PartitionPlace {
        /// The number.
        number: u32,
        /// First byte.
        start: u64,
        /// Length in bytes.
        len: u64,
    },
    /// The table in the image is of the other kind.
    #[error("the image has a GPT, which has no 32-bit disk id")]
    NotMbr,
}

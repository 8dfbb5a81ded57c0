//! How an image can contradict its format.

use thiserror::Error as ThisError;

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
    /// An MBR entry without sectors.
    #[error("partition {number} at byte {start} is empty")]
    PartitionEmpty {
        /// The number of the partition.
        number: u32,
        /// Its first byte.
        start: u64,
    },
    /// A GPT entry that ends before it starts or that 64 bits cannot address.
    #[error("partition {number} has no valid place: sectors {first} to {last}")]
    GptEntry {
        /// The number of the partition.
        number: u32,
        /// Its first sector.
        first: u64,
        /// Its last sector.
        last: u64,
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
    #[error("partition {number} has {len} bytes at byte {start}, the image has {size} bytes")]
    PartitionPastEnd {
        /// The partition.
        number: u32,
        /// Its first byte.
        start: u64,
        /// Its length in bytes.
        len: u64,
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
    /// A GPT header or entry table whose checksum does not match.
    #[error("the GPT checksum of the bytes at {offset} does not match")]
    GptChecksum {
        /// Where the checked bytes start.
        offset: u64,
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
    /// A cluster that the allocation table does not describe.
    #[error("the FAT has no entry for cluster {cluster}")]
    NoFatEntry {
        /// The cluster.
        cluster: u32,
    },
    /// Two chains, or two places of one chain, continue at the same cluster.
    #[error("cluster {cluster} is the continuation of two clusters")]
    FatCrossLink {
        /// The cluster.
        cluster: u32,
    },
    /// A copy of the FAT32 boot sector that differs from it.
    #[error("the boot sector and its copy at byte {offset} differ")]
    BackupBootSector {
        /// Where the copy is.
        offset: u64,
    },
    /// The two allocation tables differ.
    #[error("the two FATs differ at byte {offset} of the volume")]
    FatsDiffer {
        /// The first byte of the first table that differs.
        offset: u64,
    },
    /// A used cluster that belongs to no file or directory.
    #[error("cluster {cluster} is in use but belongs to no file")]
    FatLostCluster {
        /// The cluster.
        cluster: u32,
    },
    /// A file with more or fewer clusters than its size needs.
    #[error("{path} has {size} bytes in {clusters} clusters")]
    FatFileSize {
        /// The file, with its short names.
        path: String,
        /// Its size in bytes.
        size: u32,
        /// The number of its clusters.
        clusters: u32,
    },
    /// An allocation bitmap of ext4 whose checksum does not match.
    #[error("the {bitmap} bitmap of block group {group} does not match its checksum")]
    BitmapChecksum {
        /// `block` or `inode`.
        bitmap: &'static str,
        /// The number of the block group.
        group: u32,
    },
    /// An ext4 block group that states other free counts than its bitmaps show.
    #[error("block group {group} states {stated} free {unit}, its bitmap shows {counted}")]
    FreeCount {
        /// The number of the block group.
        group: u32,
        /// `blocks` or `inodes`.
        unit: &'static str,
        /// What the group's descriptor states.
        stated: u32,
        /// What the bitmap shows.
        counted: u32,
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
        limit: u32,
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

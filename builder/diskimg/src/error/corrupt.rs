//! Images that contradict their format.

use thiserror::Error as ThisError;

/// The image contradicts its format.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Corrupt {
    /// An image without room for a partition table.
    #[error("{size} bytes are too few for a disk image")]
    TooShort {
        /// The size of the image in bytes.
        size: u64,
    },
    /// An image without an MBR signature and therefore without a partition table.
    #[error("no partition table: bytes 510 and 511 are {found:#06x}, not 0xaa55")]
    NoTable {
        /// The 16-bit number at byte 510.
        found: u16,
    },
    /// An MBR entry of type zero that names sectors.
    #[error("entry {number} of the partition table is unused but not empty")]
    UnusedPartition {
        /// Number of the entry, from 1.
        number: u32,
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
    /// A partition that overlaps the table.
    #[error("partition {number} starts at byte {start}, inside the partition table")]
    PartitionOverTable {
        /// The partition.
        number: u32,
        /// Its first byte.
        start: u64,
    },
    /// A partition that is not entirely inside the image.
    #[error("partition {number} has {len} bytes at byte {start}, the image has {size} bytes")]
    PartitionPastEnd {
        /// The partition.
        number: u32,
        /// Its first byte.
        start: u64,
        /// Its length in bytes.
        len: u64,
        /// The size of the image in bytes.
        size: u64,
    },
    /// Two partitions that share bytes.
    #[error("partitions {first} and {second} overlap at byte {offset}")]
    PartitionOverlap {
        /// The number of the partition that starts first.
        first: u32,
        /// The number of the other partition.
        second: u32,
        /// The first shared byte.
        offset: u64,
    },
    /// A GPT header without its signature.
    #[error("no GPT header at byte {offset}")]
    GptSignature {
        /// The expected offset of the signature.
        offset: u64,
    },
    /// A GPT header or entry table whose checksum does not match.
    #[error("the GPT checksum of the bytes at {offset} does not match")]
    GptChecksum {
        /// The offset of the first checked byte.
        offset: u64,
    },
    /// A GPT header field with an invalid value.
    #[error("GPT header field {field} is {value}")]
    GptField {
        /// The name in the UEFI specification.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A file system without the ext4 magic number.
    #[error("no ext4 superblock at byte 1024: the magic number is {found:#06x}")]
    SuperblockMagic {
        /// The number found instead.
        found: u16,
    },
    /// A superblock whose checksum does not match.
    #[error("the superblock's checksum is {found:#010x}, computed {expected:#010x}")]
    SuperblockChecksum {
        /// The checksum computed over the superblock.
        expected: u32,
        /// The checksum stored in it.
        found: u32,
    },
    /// A superblock field with an invalid value.
    #[error("superblock field {field} is {value}")]
    SuperblockField {
        /// The name in the kernel's documentation.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A file system larger than its partition.
    #[error("the file system has {need} bytes, its partition {size}")]
    FilesystemPastEnd {
        /// The size in the superblock or boot sector, in bytes.
        need: u64,
        /// The size of the partition in bytes.
        size: u64,
    },
    /// A FAT boot sector field with an invalid value.
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
        /// The expected offset of the signature.
        offset: u64,
    },
    /// A FAT entry without a valid value.
    #[error("the FAT entry of cluster {cluster} is {value:#x}")]
    FatEntry {
        /// The cluster.
        cluster: u32,
        /// The entry.
        value: u32,
    },
    /// A cluster that the allocation table does not describe.
    #[error("the FAT has no entry for cluster {cluster}")]
    NoFatEntry {
        /// The cluster.
        cluster: u32,
    },
    /// A cluster that belongs to two chains or files.
    #[error("cluster {cluster} belongs to two files")]
    FatCrossLink {
        /// The cluster.
        cluster: u32,
    },
    /// A copy of the FAT32 boot sector that differs from it.
    #[error("the boot sector and its copy at byte {offset} differ")]
    BackupBootSector {
        /// The offset of the copy.
        offset: u64,
    },
    /// A FAT32 without a copy of its boot sector.
    #[error("FAT32 has no copy of its boot sector")]
    NoBackupBootSector,
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
    /// A cyclic chain.
    #[error("the chain of cluster {cluster} is cyclic")]
    FatCycle {
        /// A cluster of the chain.
        cluster: u32,
    },
    /// A directory with more entries than the format allows.
    #[error("{path} has more than {limit} entries")]
    DirectoryTooLarge {
        /// The directory.
        path: String,
        /// The most entries allowed.
        limit: u32,
    },
    /// A contradiction that a library found.
    #[error("{path}: {reason}")]
    Structure {
        /// The file or directory concerned.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

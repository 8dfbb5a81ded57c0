//! Computes what a disk holds after a power cut: everything that was flushed, and nothing written later.
//!
//! This module reads the log of QEMU's `blklogwrites`, whose format is that of the kernel's dm-log-writes (Linux,
//! Documentation/admin-guide/device-mapper/log-writes.rst): a superblock, then an entry for each write, flush or discard,
//! each padded to a sector and followed by the sectors it wrote. Numbers are little-endian.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::tool::tool;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// A log entry: its operation, and where its data lies in the log.
#[derive(Debug)]
struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    data: u64,
}

/// Writes to `image` what had been flushed according to the log; returns how many writes the power cut lost.
pub(crate) fn keep_flushed(log: &Path, image: &Path) -> usize {
    let log = File::open(log).unwrap();
    let image = OpenOptions::new().write(true).open(image).unwrap();
    let (entries, size) = entries(&log);
    let last = entries.iter().rposition(|entry| entry.flags & FLUSH != 0);
    let flushed = last.map_or(0, |last| last + 1);
    let written = |entry: &&Entry| entry.sectors > 0 && entry.flags & DISCARD == 0;
    for entry in entries[..flushed].iter().filter(written) {
        let data = bytes(&log, entry.data, entry.sectors * size);
        image.write_all_at(&data, entry.sector * size).unwrap();
    }
    entries[flushed..].iter().filter(written).count()
}

/// Returns all entries and the sector size; the superblock's count is outdated, so entries are read up to the end of the log.
fn entries(log: &File) -> (Vec<Entry>, u64) {
    let (head, length) = (bytes(log, 0, 32), log.metadata().unwrap().len());
    assert_eq!(number(&head, 0), MAGIC, "not a log of writes");
    let size = u64::from(u32::from_le_bytes(head[24..28].try_into().unwrap()));
    let (mut entries, mut at) = (Vec::new(), size);
    while at + size <= length {
        let head = bytes(log, at, 32);
        let [sector, sectors, flags] = [0, 8, 16].map(|field| number(&head, field));
        let data = at + size;
        at = data
            + if flags & DISCARD == 0 {
                sectors * size
            } else {
                0
            };
        if (sectors == 0 && flags == 0) || at > length {
            break;
        }
        entries.push(Entry {
            sector,
            sectors,
            flags,
            data,
        });
    }
    (entries, size)
}

fn bytes(file: &File, at: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn only_what_was_flushed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (disk, log, image) = (path("disk"), path("log"), path("image"));
    for file in [&disk, &image] {
        std::fs::write(file, [9; 4096]).unwrap();
    }
    std::fs::write(&log, []).unwrap();
    let noted = format!(
        "driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename={disk},\
         log.driver=file,log.filename={log}"
    );
    // QEMU writes, flushes, writes more and aborts.
    let words = ["-t", "writeback", "--image-opts", &noted];
    let commands = ["write -P 1 512 1k", "flush", "write -P 3 3k 512", "abort"];
    let commands = commands.iter().flat_map(|command| ["-c", command]);
    tool(
        "qemu-io",
        &words.into_iter().chain(commands).collect::<Vec<_>>(),
    );
    assert_eq!(keep_flushed(log.as_ref(), image.as_ref()), 1);
    let wanted = [vec![9; 512], vec![1; 1024], vec![9; 2560]].concat();
    assert_eq!(std::fs::read(&image).unwrap(), wanted);
    assert_eq!(
        std::fs::read(&disk).unwrap()[3072],
        3,
        "the disk itself forgot nothing"
    );
}

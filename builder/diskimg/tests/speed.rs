//! The files of one node are written to a 2 GB root file system and read back in about a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diskimg::{CowStorage, ReadFs, ReadOnlyFile, Result, Run};

use crate::ext4_writes::{ROOT, edit, reader};
use crate::fat_writes;
use crate::support::checkers::{e2fsck_file, fsck_vfat};
use crate::support::images::{Ext4, MIB, cow, fat, small_root};

/// The sizes of etcd, etcdctl and etcdutl in MiB, 59 in total.
const BINARIES: [(&str, u64); 3] = [("etcd", 25), ("etcdctl", 18), ("etcdutl", 16)];

/// Returns bytes that do not repeat.
fn content(len: u64, mut seed: u64) -> Vec<u8> {
    (0..len)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u8::try_from(seed >> 56).unwrap()
        })
        .collect()
}

#[test]
fn etcd_is_written_to_two_gigabytes_quickly() {
    let ext4 = Ext4::new(&["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"]);
    let image = ext4.mib(2048).file(small_root);
    let base = Arc::new(ReadOnlyFile::open(image.path()).unwrap());
    let storage = Arc::new(CowStorage::new(base));
    let binaries = BINARIES.map(|(name, mib)| (name, content(mib * MIB, mib)));

    let start = Instant::now();
    edit(&storage, |fs| {
        for (name, content) in &binaries {
            fs.write_file(&format!("/usr/bin/{name}"), content, ROOT)
                .unwrap();
        }
        for number in 0..60 {
            fs.write_file(&format!("/etc/systemd/file{number}"), &[1; 3000], ROOT)
                .unwrap();
        }
    });
    let written = start.elapsed();
    let mut reader = reader(&storage);
    for (name, content) in &binaries {
        assert!(reader.read(&format!("/usr/bin/{name}")).unwrap() == *content);
    }
    let runs: Vec<Run> = storage.runs().collect::<Result<_>>().unwrap();
    let all = start.elapsed();

    let changed: usize = runs.iter().map(|run| run.bytes.len()).sum();
    assert!(changed < 62 << 20, "{changed} bytes changed");
    assert!(runs.len() < 200, "{} runs", runs.len());
    write_runs(image.path(), &runs);
    e2fsck_file(image.path()).unwrap();
    // A debug build takes longer, and shares the processors with other tests.
    let limit = if cfg!(debug_assertions) { 40 } else { 2 };
    assert!(
        all < Duration::from_secs(limit),
        "{written:?} to write, {all:?} in all"
    );
    eprintln!(
        "{written:?} to write, {all:?} in all, {changed} bytes in {} runs",
        runs.len()
    );
}

/// Writes the runs to a copy, as the program does.
fn write_runs(image: &std::path::Path, runs: &[Run]) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::OpenOptions::new().write(true).open(image).unwrap();
    for run in runs {
        file.seek(SeekFrom::Start(run.offset)).unwrap();
        file.write_all(&run.bytes).unwrap();
    }
}

#[test]
fn a_kernel_is_written_to_small_fat_clusters_quickly() {
    let storage = cow(&fat(64, &["-F", "32", "-s", "1"]));
    let kernel = content(30 * MIB, 8);
    let start = Instant::now();
    fat_writes::edit(&storage, |fs| {
        fs.write_file("/kernel8.img", &kernel, ROOT).unwrap();
    });
    let written = start.elapsed();
    let read = fat_writes::reader(&storage).read("/kernel8.img").unwrap();
    let all = start.elapsed();
    assert!(read == kernel);
    fsck_vfat(storage.as_ref());
    let limit = if cfg!(debug_assertions) { 40 } else { 2 };
    assert!(
        all < Duration::from_secs(limit),
        "{written:?} to write, {all:?} in all"
    );
    eprintln!("{written:?} to write, {all:?} in all");
}

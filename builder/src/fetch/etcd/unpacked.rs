//! Caches the programs of an archive: unpacking them again takes a warm build longer than everything else it does before it
//! copies.
//!
//! `<digest of the archive>.programs` is a SHA-256 in hexadecimal, followed by a tar archive laid out like a release's. The
//! SHA-256 covers the archive's digest, the version and the list of the programs, as `sha256sum` would print it. It therefore
//! detects the file of another archive, and each program is hashed only once for all later uses.

use std::io::{BufReader, Read as _, Write as _};

use anyhow::Result;
use fs_err::File;

use super::archive::{self, ArchiveLayout};
use super::programs::{Program, Unpacked};
use crate::fetch::cache::CacheEntry;
use crate::hex;
use crate::shared_bytes::SharedBytes;

/// The extension of such files in the cache.
const PROGRAMS: &str = "programs";

/// The number of characters of a SHA-256 in hexadecimal.
const DIGEST: usize = 64;

/// Returns the programs kept for the archive of this cache entry; otherwise calls `unpack` and keeps its result.
pub(super) fn kept(
    entry: &CacheEntry,
    unpack: impl FnOnce() -> Result<Unpacked>,
) -> Result<Unpacked> {
    if entry.is_ours(PROGRAMS)?
        && let Some(kept) = read_cached(entry)
    {
        return Ok(kept);
    }
    let unpacked = unpack()?;
    keep_unpacked(entry, &unpacked)?;
    Ok(unpacked)
}

/// Reads the kept programs; returns `None` if they are missing or damaged, in which case the archive is unpacked again.
fn read_cached(entry: &CacheEntry) -> Option<Unpacked> {
    let mut file = BufReader::new(File::open(entry.path(PROGRAMS)).ok()?);
    let mut digest = [0; DIGEST];
    file.read_exact(&mut digest).ok()?;
    let unpacked = archive::unpack(file, ArchiveLayout::Release, PROGRAMS).ok()?;
    (sum(entry, &unpacked).as_bytes() == digest).then_some(unpacked)
}

fn sum(entry: &CacheEntry, unpacked: &Unpacked) -> String {
    let version = unpacked.version.as_deref().unwrap_or_default();
    let line = |(program, bytes): (&Program, &SharedBytes)| {
        format!("\n{}  {}", bytes.sha256(), program.name())
    };
    let programs: String = unpacked.programs.iter().map(line).collect();
    hex::sha256(format!("{}\n{version}{programs}", entry.key()))
}

fn keep_unpacked(entry: &CacheEntry, unpacked: &Unpacked) -> Result<()> {
    let temporary = entry.create(PROGRAMS)?;
    let tar = tar(unpacked)?;
    let mut file = temporary.file();
    file.write_all(sum(entry, unpacked).as_bytes())?;
    file.write_all(&tar)?;
    entry.publish(temporary, PROGRAMS)?;
    Ok(())
}

fn tar(unpacked: &Unpacked) -> std::io::Result<Vec<u8>> {
    let folder = unpacked
        .version
        .as_ref()
        .map_or_else(|| PROGRAMS.to_owned(), |version| format!("etcd-v{version}"));
    let mut builder = tar::Builder::new(Vec::new());
    for (program, bytes) in &unpacked.programs {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let path = format!("{folder}/{}", program.name());
        builder.append_data(&mut header, path, &bytes[..])?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::fetch::cache::Cache;
    use crate::fetch::etcd::programs::Programs;
    use crate::progress::Silent;

    fn unpacked() -> Unpacked {
        Unpacked {
            programs: Programs::from([
                (Program::Etcd, b"server".to_vec().into()),
                (Program::Etcdctl, b"client".to_vec().into()),
            ]),
            version: Some("3.5.16".to_owned()),
        }
    }

    #[test]
    fn a_client_alone_is_kept_with_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let entry = cache.entry(&"a".repeat(64), &Silent).unwrap();
        let mut client = unpacked();
        client.programs.remove(&Program::Etcd);
        keep_unpacked(&entry, &client).unwrap();
        assert_eq!(read_cached(&entry), Some(client));
    }

    #[test]
    fn an_archive_is_unpacked_once_and_again_when_what_was_kept_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let entry = cache.entry(&"a".repeat(64), &Silent).unwrap();
        let times = Cell::new(0);
        let get = || {
            let unpack = || {
                times.set(times.get() + 1);
                Ok(unpacked())
            };
            assert_eq!(kept(&entry, unpack).unwrap(), unpacked());
            times.get()
        };
        assert_eq!((get(), get()), (1, 1));
        let path = entry.path(PROGRAMS);
        let mut bytes = fs_err::read(&path).unwrap();
        bytes[DIGEST + 512] ^= 1; // a byte of a program, after the first header
        fs_err::write(&path, &bytes).unwrap();
        assert_eq!((get(), get()), (2, 2));
        fs_err::write(&path, "short").unwrap();
        assert_eq!((get(), get()), (3, 3));
    }
}

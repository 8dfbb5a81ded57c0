//! Reads etcd's programs on this machine: a release tarball, Debian packages, or a directory of programs or packages.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::archive::{self, ArchiveLayout};
use super::debian_packages::Pinned;
use super::programs::{FoundPrograms, Program, Programs, Unpacked};
use super::{deb, unpacked};
use crate::digest::Digested;
use crate::failure::Kind;
use crate::fetch::Options;
use crate::fetch::cache::{Cache, CacheEntry};
use crate::fetch::decode::{Decoder, PackedFormat};
use crate::fetch::local::{given, sidecar};
use crate::fetch::verified::Pin;
use crate::{file, hex, parallel};

/// The largest size of an archive; a larger file is not read into memory.
const ARCHIVE_LIMIT: u64 = 256 << 20;

/// Returns the programs in a directory or in archives.
pub(super) fn local(paths: &[PathBuf], options: &Options<'_>) -> Result<FoundPrograms> {
    let given = |path: PathBuf| {
        let (pin, name) = (sidecar(&path)?, path.file_name().unwrap_or_default());
        let name = name.to_string_lossy().into_owned();
        Ok(Pinned { path, name, pin })
    };
    let files = match paths {
        [folder] if folder.is_dir() => in_folder(folder)?,
        archives => archives.to_vec(),
    };
    let files: Vec<Pinned> = files.into_iter().map(given).collect::<Result<_>>()?;
    gather(listed(paths), &files, options)
}

/// Formats the paths for messages, separated by commas.
pub(super) fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(",")
}

/// Returns the programs in all those files; `source` names them for reports.
pub(super) fn gather(
    source: String,
    files: &[Pinned],
    options: &Options<'_>,
) -> Result<FoundPrograms> {
    let mut found = FoundPrograms {
        source,
        ..FoundPrograms::default()
    };
    let mut digests = Vec::new();
    // Unpacking is most of the work and the files are few, so all are unpacked in parallel.
    let all = NonZeroUsize::MIN.saturating_add(files.len());
    let unpack = |file: &Pinned| {
        let (bytes, digested) = read_pinned(&file.path, &file.pin)?;
        let package = bytes
            .starts_with(deb::MAGIC)
            .then(|| deb::identity(&bytes, &file.name));
        let package = package.transpose()?;
        let archived = || Cache::open(options.cache)?.entry(&digested.sha256, options.progress);
        let unpacked = open(bytes, &file.path, &file.name, archived)?;
        Ok((digested, package, unpacked))
    };
    for (file, (digested, package, unpacked)) in
        files.iter().zip(parallel::map(all, files, unpack)?)
    {
        let Unpacked { programs, version } = unpacked;
        if programs.contains_key(&Program::Etcd) {
            found.version = version;
        }
        found.add(programs, &file.name)?;
        let sha256 = &digested.sha256;
        match package {
            Some(package) => found.packages.push(format!("{package} {sha256}")),
            None => found.files.push(format!("{} {sha256}", file.name)),
        }
        digests.push((digested, file.name.as_str()));
    }
    found.sha256 = combined(&digests);
    Ok(found)
}

/// Returns programs by their names, or packages by their extension, sorted.
fn in_folder(dir: &Path) -> Result<Vec<PathBuf>> {
    let files = fs_err::read_dir(dir)?.map(|file| file.map(|file| file.path()));
    let mut paths: Vec<PathBuf> = files.collect::<std::io::Result<_>>()?;
    let is_program =
        |path: &PathBuf| path.is_file() && name_of(path).and_then(Program::named).is_some();
    if paths.iter().any(is_program) {
        paths.retain(is_program);
    } else {
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "deb"));
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn read_pinned(path: &Path, pin: &Pin) -> Result<(Vec<u8>, Digested)> {
    let metadata = fs_err::metadata(path).map_err(|error| given(path, error))?;
    file::must_end(path).map_err(|error| {
        let what = format!("{}: {error}", path.display());
        Kind::Usage.error(
            what,
            "name a tarball of etcd, Debian's packages or a program",
        )
    })?;
    let size = metadata.len();
    if size > ARCHIVE_LIMIT {
        let what = format!(
            "{} has {} MiB: too large for a package of etcd",
            path.display(),
            size >> 20
        );
        return Err(Kind::Unsupported.error(what, "check that it is the right file"));
    }
    let bytes = fs_err::read(path)?;
    let digested = Digested::of(&bytes);
    pin.check(&path.display().to_string(), &digested)?;
    Ok((bytes, digested))
}

/// Returns the programs in a file, whose first bytes decide its kind; `entry` opens the cache entry of an archive.
fn open(
    bytes: Vec<u8>,
    path: &Path,
    name: &str,
    entry: impl FnOnce() -> Result<CacheEntry>,
) -> Result<Unpacked> {
    if bytes.starts_with(deb::MAGIC) {
        return unpacked::kept(&entry()?, || deb::read(&bytes, name));
    }
    if let (b"\x7fELF", Some(program)) = (bytes.get(..4).unwrap_or_default(), Program::named(name))
    {
        return Ok(Unpacked {
            programs: Programs::from([(program, bytes.into())]),
            version: None,
        });
    }
    match PackedFormat::sniff(&bytes) {
        PackedFormat::Gzip | PackedFormat::Xz | PackedFormat::Zstd | PackedFormat::Bzip2 => {
            unpacked::kept(&entry()?, || {
                archive::unpack(Decoder::new(&bytes[..], 1)?, ArchiveLayout::Release, name)
            })
        }
        _ => {
            let what = format!(
                "{} is neither a compressed tarball, a Debian package nor a program",
                path.display()
            );
            let hint = "give etcd-vX.Y.Z-linux-arm64.tar.gz, `.deb` packages, or a directory with the programs";
            Err(Kind::Unsupported.error(what, hint))
        }
    }
}

/// Returns the digest of a single file, or that of the list `sha256sum` would print for several.
fn combined(digests: &[(Digested, &str)]) -> String {
    if let [(digested, _)] = digests {
        return digested.sha256.clone();
    }
    let lines: Vec<String> = digests
        .iter()
        .map(|(digested, name)| format!("{}  {name}\n", digested.sha256))
        .collect();
    hex::sha256(lines.concat())
}

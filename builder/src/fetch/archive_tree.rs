//! Reads a tar or zip archive into memory. No path of the archive ever names a file of this machine.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use anyhow::Result;
use tar::EntryType;

use super::decode::{Decoder, PackedFormat};
use crate::failure::Kind;
use crate::shared_bytes::SharedBytes;

/// The largest size of the content, which is kept in memory.
const LARGEST: u64 = if cfg!(test) { 1 << 20 } else { 4 << 30 };

/// The largest number of paths.
const MOST_PATHS: usize = 200_000;

/// The kind of file in the upper bits of a Unix mode, and the kinds that a zip archive may hold (inode(7)).
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

/// A file, directory or link of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    /// Path below the directory that receives the content.
    pub path: String,
    /// What is at the path.
    pub kind: ArchiveKind,
    /// Permission bits.
    pub mode: u16,
}

/// What an entry of an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A directory.
    Folder,
    /// A file.
    File(SharedBytes),
    /// A symbolic link with this target.
    Link(String),
}

/// Reads an archive, and removes `strip` directories from the beginning of every path; `name` is for messages.
pub(super) fn unpack(bytes: &[u8], strip: u32, name: &str) -> Result<Vec<ArchiveEntry>> {
    let mut tree = ArchiveTree {
        name,
        strip: strip as usize,
        left: LARGEST,
        entries: BTreeMap::new(),
    };
    match PackedFormat::sniff(bytes) {
        PackedFormat::Zip => tree.zip(bytes)?,
        _ => tree.tar(bytes)?,
    }
    tree.finish()
}

/// The entries so far, by their complete path.
struct ArchiveTree<'a> {
    name: &'a str,
    strip: usize,
    /// How many bytes the rest may have.
    left: u64,
    entries: BTreeMap<String, (ArchiveKind, u16)>,
}

impl ArchiveTree<'_> {
    fn tar(&mut self, bytes: &[u8]) -> Result<()> {
        let name = self.name;
        let damaged = |error: io::Error| damaged(name, &error);
        let decoder = Decoder::new(bytes, 1).map_err(damaged)?;
        let mut archive = tar::Archive::new(decoder);
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = plain_text(&entry.path_bytes(), name)?;
            let target = entry.link_name_bytes();
            let target = target.map(|target| plain_text(&target, name)).transpose()?;
            let mode = entry.header().mode().map_err(damaged)?;
            let kind = match (entry.header().entry_type(), target) {
                (EntryType::Regular | EntryType::Continuous, _) => {
                    ArchiveKind::File(self.read(&mut entry)?)
                }
                (EntryType::Directory, _) => ArchiveKind::Folder,
                (EntryType::Symlink, Some(target)) => ArchiveKind::Link(target),
                (EntryType::Link, Some(target)) => self.linked(&path, &target)?,
                (EntryType::XGlobalHeader, _) => continue,
                _ => return Err(strange(name, &path)),
            };
            self.add(&path, kind, mode)?;
        }
        Ok(())
    }

    /// Returns the content of the file that a hard link names.
    fn linked(&self, path: &str, target: &str) -> Result<ArchiveKind> {
        let parts = parts(target).unwrap_or_default();
        match self.entries.get(&parts.join("/")) {
            Some((kind @ ArchiveKind::File(_), _)) => Ok(kind.clone()),
            _ => Err(refused(
                self.name,
                &format!("{path:?} is a hard link to {target:?}, which is not in it"),
            )),
        }
    }

    fn zip(&mut self, bytes: &[u8]) -> Result<()> {
        let name = self.name;
        let broken = |error: zip::result::ZipError| damaged(name, &io::Error::other(error));
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        for at in 0..archive.len() {
            let mut entry = archive.by_index(at).map_err(broken)?;
            let path = plain_text(entry.name_raw(), name)?;
            let mode = entry
                .unix_mode()
                .unwrap_or(if entry.is_dir() { 0o755 } else { 0o644 });
            let kind = match mode & KIND {
                LINK => {
                    let target = self.read(&mut entry)?;
                    ArchiveKind::Link(plain_text(&target, name)?)
                }
                0 | REGULAR | FOLDER if entry.is_dir() => ArchiveKind::Folder,
                0 | REGULAR => ArchiveKind::File(self.read(&mut entry)?),
                _ => return Err(strange(name, &path)),
            };
            self.add(&path, kind, mode)?;
        }
        Ok(())
    }

    fn read(&mut self, source: &mut impl Read) -> Result<SharedBytes> {
        let mut bytes = Vec::new();
        let read = source.take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(|error| damaged(self.name, &error))?;
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(refused(self.name, "it unpacks to more than 4 GiB")),
        }
        Ok(bytes.into())
    }

    fn add(&mut self, path: &str, kind: ArchiveKind, mode: u32) -> Result<()> {
        let Some(parts) = parts(path) else {
            return Err(refused(
                self.name,
                &format!("it contains the path {path:?}"),
            ));
        };
        if self.entries.len() == MOST_PATHS {
            let what = format!("it contains more than {MOST_PATHS} paths");
            return Err(refused(self.name, &what));
        }
        let mode = u16::try_from(mode & 0o7777).unwrap_or_default();
        self.entries.insert(parts.join("/"), (kind, mode));
        Ok(())
    }

    /// Returns the entries without the directories that are removed. Nothing may lie below a file or link.
    fn finish(self) -> Result<Vec<ArchiveEntry>> {
        for path in self.entries.keys() {
            let mut ends = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
            let is_file = |above: &&str| {
                let entry = self.entries.get(*above);
                entry.is_some_and(|(kind, _)| *kind != ArchiveKind::Folder)
            };
            if let Some(above) = ends.find(is_file) {
                let what = format!("{path:?} is below {above:?}, which is not a directory");
                return Err(refused(self.name, &what));
            }
        }
        let strip = self.strip;
        let stripped = self.entries.into_iter().filter_map(|(path, (kind, mode))| {
            let path = path.splitn(strip + 1, '/').nth(strip)?.to_owned();
            (!path.is_empty()).then_some(ArchiveEntry { path, kind, mode })
        });
        let mut entries: Vec<_> = stripped.collect();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }
}

/// Returns the path's parts without `.`, or `None` for a path that leaves the archive.
pub(super) fn parts(path: &str) -> Option<Vec<&str>> {
    let leaves = path.starts_with('/') || path.split('/').any(|part| part == "..");
    (!leaves).then(|| {
        let parts = path.split('/');
        parts.filter(|part| !matches!(*part, "" | ".")).collect()
    })
}

/// Returns a path or target as text without control characters.
fn plain_text(bytes: &[u8], name: &str) -> Result<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(refused(name, "a path in it is not plain text in UTF-8")),
    }
}

fn strange(name: &str, path: &str) -> anyhow::Error {
    refused(name, &format!("{path:?} is not a file, directory or link"))
}

fn refused(name: &str, what: &str) -> anyhow::Error {
    Kind::Refused.error(
        format!("{name}: {what}"),
        "pack the files again, with paths below one directory",
    )
}

fn damaged(name: &str, error: &io::Error) -> anyhow::Error {
    Kind::Corrupt.error(
        format!("reading the archive {name}: {error}"),
        "it is damaged, truncated, or neither a tar nor a zip archive: download it again",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Builds a tar archive of paths, kinds, and contents or targets.
    fn tar(entries: &[(&str, EntryType, &str, u32)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content, mode) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            let is_file = kind.is_file();
            if !is_file && !content.is_empty() {
                header.set_link_name(content).unwrap();
            }
            let content = if is_file { content } else { "" };
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn zip() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = |mode| zip::write::SimpleFileOptions::default().unix_permissions(mode);
        writer.add_directory("go/bin", options(0o750)).unwrap();
        writer.start_file("go/bin/go", options(0o755)).unwrap();
        writer.write_all(b"program").unwrap();
        writer
            .add_symlink("go/gofmt", "bin/go", options(0o777))
            .unwrap();
        writer.finish().unwrap().into_inner()
    }

    fn shown(bytes: &[u8], strip: u32) -> Vec<String> {
        let entries = unpack(bytes, strip, "a").unwrap().into_iter();
        let shown = entries.map(|entry| match entry.kind {
            ArchiveKind::Folder => format!("{} {:o} directory", entry.path, entry.mode),
            ArchiveKind::File(bytes) => {
                format!(
                    "{} {:o} {}",
                    entry.path,
                    entry.mode,
                    String::from_utf8_lossy(&bytes)
                )
            }
            ArchiveKind::Link(target) => format!("{} → {target}", entry.path),
        });
        shown.collect()
    }

    fn go() -> Vec<u8> {
        tar(&[
            ("go/", EntryType::Directory, "", 0o755),
            ("go/bin/go", EntryType::Regular, "program", 0o755),
            ("go/bin/same", EntryType::Link, "go/bin/go", 0o755),
            ("go/gofmt", EntryType::Symlink, "bin/go", 0o777),
        ])
    }

    #[test]
    fn a_tar_archive_keeps_modes_and_links() {
        let whole = [
            "go 755 directory",
            "go/bin/go 755 program",
            "go/bin/same 755 program",
            "go/gofmt → bin/go",
        ];
        assert_eq!(shown(&go(), 0), whole);
        let stripped = [
            "bin/go 755 program",
            "bin/same 755 program",
            "gofmt → bin/go",
        ];
        assert_eq!(shown(&go(), 1), stripped);
        let packed = zstd::encode_all(&go()[..], 1).unwrap();
        assert_eq!(shown(&packed, 1), stripped);
        assert_eq!(shown(&go(), 3), Vec::<String>::new());
    }

    #[test]
    fn a_zip_archive_keeps_modes_and_links() {
        assert_eq!(
            shown(&zip(), 1),
            ["bin 750 directory", "bin/go 755 program", "gofmt → bin/go"]
        );
    }

    #[test]
    fn tricks_and_damage_are_refused() {
        let refusal = |bytes: &[u8]| unpack(bytes, 0, "a").unwrap_err().to_string();
        let of = |path, kind, content| refusal(&tar(&[(path, kind, content, 0o644)]));
        let file = EntryType::Regular;
        assert_eq!(of("../x", file, "x"), "a: it contains the path \"../x\"");
        assert_eq!(of("/x", file, "x"), "a: it contains the path \"/x\"");
        assert_eq!(
            of("x", EntryType::Char, "x"),
            "a: \"x\" is not a file, directory or link"
        );
        assert_eq!(
            of("x", EntryType::Link, "y"),
            "a: \"x\" is a hard link to \"y\", which is not in it"
        );
        assert_eq!(
            of("a\nb", file, "x"),
            "a: a path in it is not plain text in UTF-8"
        );
        let below = [
            ("x", EntryType::Symlink, "/etc", 0o777),
            ("x/passwd", file, "x", 0o644),
        ];
        assert_eq!(
            refusal(&tar(&below)),
            "a: \"x/passwd\" is below \"x\", which is not a directory"
        );
        let large = "x".repeat(2 << 20);
        assert_eq!(of("x", file, &large), "a: it unpacks to more than 4 GiB");
        let cut = &go()[..700];
        assert!(refusal(cut).starts_with("reading the archive a: "));
    }
}

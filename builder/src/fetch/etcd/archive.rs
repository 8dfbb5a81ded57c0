//! Reads the programs of a tar archive in memory: no path of the archive ever names a file of this machine. An archive with
//! malicious entries is still refused as a whole, because none of its content can be trusted.

use std::io::{self, Read};

use anyhow::Result;
use tar::{Archive, Entry, EntryType};

use super::programs::{Program, Programs, Unpacked};
use super::version;
use crate::failure::Kind;
use crate::fetch::archive_tree::parts;

/// The largest size of a program; etcd has 25 MiB.
const PROGRAM_LIMIT: u64 = 256 << 20;

/// The largest decompressed size of the whole archive.
const TOTAL_LIMIT: u64 = 1 << 30;

/// The location of the programs in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArchiveLayout {
    /// The single top-level directory, or the top level itself.
    Release,
    /// The directory `usr/bin`.
    Debian,
}

/// Reads the programs of a tar archive to its end; `name` is for messages. The version comes from the name of a release's
/// directory, e.g. `etcd-v3.6.14-linux-arm64/`, or else from the archive's own name.
pub(super) fn unpack(tar: impl Read, layout: ArchiveLayout, name: &str) -> Result<Unpacked> {
    let mut tar = tar.take(TOTAL_LIMIT);
    let unpacked = unpack_entries(&mut tar, layout, name);
    // Damage after the archive's end mark is an error as well.
    let rest = io::copy(&mut tar, &mut io::sink());
    if tar.limit() == 0 {
        return Err(refused(name, "it unpacks to more than 1 GiB"));
    }
    rest.map_err(|error| damaged(name, &error)).and(unpacked)
}

fn unpack_entries(tar: &mut impl Read, layout: ArchiveLayout, name: &str) -> Result<Unpacked> {
    let mut archive = Archive::new(tar);
    let (mut programs, mut folder) = (Programs::new(), name.to_owned());
    for entry in archive.entries().map_err(|error| damaged(name, &error))? {
        let mut entry = entry.map_err(|error| damaged(name, &error))?;
        add_entry(&mut entry, layout, name, &mut programs, &mut folder)?;
    }
    let version = folder.strip_prefix("etcd-v").and_then(version::leading);
    Ok(Unpacked { programs, version })
}

/// Adds the entry if it is a program; `folder` becomes the directory that contains it.
fn add_entry<R: Read>(
    entry: &mut Entry<'_, R>,
    layout: ArchiveLayout,
    name: &str,
    programs: &mut Programs,
    folder: &mut String,
) -> Result<()> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let parts = parts(&path).filter(|_| !path.contains(['\0', '\\']));
    let parts = parts.ok_or_else(|| refused(name, &format!("it contains the path {path:?}")))?;
    let slot = slot(layout, &parts);
    let is_file = is_file(entry, slot.is_some());
    let is_file = is_file.map_err(|what| refused(name, &format!("{path:?} is a {what}")))?;
    let (true, Some(program)) = (is_file, slot) else {
        return Ok(());
    };
    if programs.contains_key(&program) {
        let what = format!("it contains {} more than once", program.name());
        return Err(refused(name, &what));
    }
    programs.insert(program, read_program(entry, &path, name)?.into());
    if let [first, _, ..] = parts[..] {
        first.clone_into(folder);
    }
    Ok(())
}

/// Returns the program at this place.
fn slot(layout: ArchiveLayout, parts: &[&str]) -> Option<Program> {
    match (layout, parts) {
        (ArchiveLayout::Release, [name] | [_, name])
        | (ArchiveLayout::Debian, ["usr", "bin", name]) => Program::named(name),
        _ => None,
    }
}

/// Returns whether the entry is a file; fails with the entry's kind if a program cannot come from it.
fn is_file<R: Read>(entry: &Entry<'_, R>, wanted: bool) -> Result<bool, &'static str> {
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => Ok(true),
        EntryType::Block | EntryType::Char => Err("device"),
        EntryType::Fifo => Err("named pipe"),
        EntryType::Symlink if wanted => Err("symbolic link"),
        EntryType::Link if wanted => Err("hard link"),
        EntryType::GNUSparse if wanted => Err("sparse file"),
        _ => Ok(false),
    }
}

fn read_program(entry: &mut impl Read, path: &str, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry
        .take(PROGRAM_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(name, &error))?;
    if bytes.len() as u64 > PROGRAM_LIMIT {
        return Err(refused(name, &format!("{path:?} is larger than 256 MiB")));
    }
    Ok(bytes)
}

fn refused(name: &str, what: &str) -> anyhow::Error {
    let hint =
        "this is not a release of etcd; download it again from github.com/etcd-io/etcd/releases";
    Kind::Corrupt.error(format!("{name}: {what}"), hint)
}

fn damaged(name: &str, error: &io::Error) -> anyhow::Error {
    Kind::Corrupt.error(
        format!("reading the archive {name}: {error}"),
        "it is damaged or truncated: download it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    /// Builds a tar archive of entries: path, type, content. The path is written verbatim, even a malicious one.
    fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    const FILE: EntryType = EntryType::Regular;

    #[track_caller]
    fn refusal(entries: &[(&str, EntryType, &[u8])]) -> String {
        let error =
            unpack(&tar(entries)[..], ArchiveLayout::Release, "a.tar").expect_err("a trick");
        let failure = error.downcast::<Failure>().unwrap();
        assert_eq!(failure.kind, Kind::Corrupt);
        failure.message
    }

    #[test]
    fn takes_the_programs_and_nothing_else() {
        let unpacked = unpack(
            &tar(&[
                ("etcd-v1.2/", EntryType::Directory, b""),
                ("etcd-v1.2/etcd", FILE, b"server"),
                ("./etcd-v1.2/etcdctl", FILE, b"client"),
                ("etcd-v1.2/README.md", FILE, b"text"),
                ("etcd-v1.2/Documentation/etcd", FILE, b"deeper"),
                ("etcd-v1.2/link", EntryType::Symlink, b""),
            ])[..],
            ArchiveLayout::Release,
            "a.tar",
        )
        .unwrap();
        assert_eq!(*unpacked.programs[&Program::Etcd], *b"server");
        assert_eq!(*unpacked.programs[&Program::Etcdctl], *b"client");
        assert_eq!(unpacked.programs.len(), 2);
        assert_eq!(unpacked.version.as_deref(), Some("1.2"));
    }

    #[test]
    fn debian_keeps_them_in_usr_bin() {
        let bytes = tar(&[
            ("./usr/bin/etcd", FILE, b"server"),
            ("./usr/share/etcdctl", FILE, b"completion"),
        ]);
        let unpacked = unpack(&bytes[..], ArchiveLayout::Debian, "a.deb").unwrap();
        assert_eq!(
            unpacked.programs.into_keys().collect::<Vec<_>>(),
            [Program::Etcd]
        );
    }

    #[test]
    fn refuses_paths_that_leave_the_archive() {
        for path in ["/etc/passwd", "../etcd", "a/../../b", "a\\b"] {
            assert!(
                refusal(&[(path, FILE, b"x")]).starts_with("a.tar: it contains the path "),
                "{path}"
            );
        }
    }

    #[test]
    fn refuses_programs_that_are_no_files() {
        let of = |kind| refusal(&[("v/etcd", kind, b"")]);
        assert_eq!(
            of(EntryType::Symlink),
            "a.tar: \"v/etcd\" is a symbolic link"
        );
        assert_eq!(of(EntryType::Link), "a.tar: \"v/etcd\" is a hard link");
        assert_eq!(of(EntryType::Char), "a.tar: \"v/etcd\" is a device");
        assert_eq!(
            refusal(&[("v/other", EntryType::Block, b"")]),
            "a.tar: \"v/other\" is a device"
        );
        assert_eq!(
            refusal(&[("v/other", EntryType::Fifo, b"")]),
            "a.tar: \"v/other\" is a named pipe"
        );
    }

    #[test]
    fn refuses_the_same_program_twice() {
        assert_eq!(
            refusal(&[("v/etcd", FILE, b"one"), ("w/etcd", FILE, b"two")]),
            "a.tar: it contains etcd more than once"
        );
    }

    #[test]
    fn refuses_absurd_sizes() {
        let mut header = tar::Header::new_gnu();
        header.set_path("v/etcd").unwrap();
        header.set_size(300 << 20);
        header.set_cksum();
        let bytes = header.as_bytes().chain(io::repeat(0).take(400 << 20));
        let error = unpack(bytes, ArchiveLayout::Release, "a.tar")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "a.tar: \"v/etcd\" is larger than 256 MiB");

        header.set_path("v/other").unwrap();
        header.set_size(2 << 30);
        header.set_cksum();
        let bytes = header.as_bytes().chain(io::repeat(0).take(2 << 30));
        let error = unpack(bytes, ArchiveLayout::Release, "a.tar")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "a.tar: it unpacks to more than 1 GiB");
    }

    #[test]
    fn refuses_a_cut_off_archive() {
        let bytes = tar(&[("v/etcd", FILE, &[7; 2000])]);
        for length in [100, 600, 2000] {
            let error = unpack(&bytes[..length], ArchiveLayout::Release, "a.tar")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("reading the archive a.tar: "), "{error}");
        }
    }
}

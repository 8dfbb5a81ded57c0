//! Reads Debian packages: `ar` archives of `debian-binary`, `control.tar.*` and `data.tar.*`. Format: deb(5).

use std::io::Read as _;

use anyhow::Result;

use super::archive::{self, ArchiveLayout};
use super::programs::Unpacked;
use super::version;
use crate::failure::Kind;
use crate::fetch::decode::Decoder;

/// The first bytes of every `ar` archive.
pub(super) const MAGIC: &[u8] = b"!<arch>\n";

/// The length of a member's header: name 16, time 12, owner 6, group 6, mode 8, size 10, end mark 2.
const HEADER: usize = 60;

/// The largest size of `control.tar`, which contains some kilobytes of text.
const CONTROL_LIMIT: u64 = 1 << 20;

/// Reads a package; `name` is for messages.
pub(super) fn read(bytes: &[u8], name: &str) -> Result<Unpacked> {
    let control = control_of(bytes, name)?;
    let data = Decoder::new(archive_member(bytes, "data.tar", name)?, 1);
    let data = data.map_err(|error| damaged(name, &error.to_string()))?;
    let unpacked = archive::unpack(data, ArchiveLayout::Debian, name)?;
    Ok(Unpacked {
        version: upstream_version(&control),
        ..unpacked
    })
}

/// Returns the text of a package's `control` file; `name` is for messages.
pub(in crate::fetch) fn control_of(bytes: &[u8], name: &str) -> Result<String> {
    control(archive_member(bytes, "control.tar", name)?, name)
}

/// Returns the name, the version and the architecture of a package, separated by blanks, with `-` for what it does not say;
/// `name` is for messages.
pub(super) fn identity(bytes: &[u8], name: &str) -> Result<String> {
    let control = control_of(bytes, name)?;
    let field = |field: &str| {
        let mut lines = control.lines();
        let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let is_word = |value: &&str| !value.contains(|c: char| c.is_whitespace() || c.is_control());
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        value.filter(is_word).unwrap_or("-").to_owned()
    };
    Ok(["Package", "Version", "Architecture"].map(field).join(" "))
}

/// Returns the content of the first member whose name begins with `prefix`.
fn archive_member<'b>(bytes: &'b [u8], prefix: &str, name: &str) -> Result<&'b [u8]> {
    let members = members(bytes).ok_or_else(|| damaged(name, "its `ar` structure is broken"))?;
    let mut members = members.into_iter();
    let found = members.find(|(name, _)| name.starts_with(prefix));
    found
        .map(|(_, data)| data)
        .ok_or_else(|| damaged(name, &format!("it has no `{prefix}`")))
}

/// Returns name and content of each member.
fn members(bytes: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER)?;
        if !header.ends_with(b"`\n") {
            return None;
        }
        let field = |range| Some(std::str::from_utf8(header.get(range)?).ok()?.trim_end());
        let size: usize = field(48..58)?.parse().ok()?;
        let (data, after) = after.split_at_checked(size)?;
        members.push((field(0..16)?.trim_end_matches('/'), data));
        // Members start at even offsets; the last may lack the padding.
        rest = after.get(size % 2..).unwrap_or_default();
    }
    Some(members)
}

/// Returns the text of `./control` in `control.tar.*`.
fn control(tar: &[u8], name: &str) -> Result<String> {
    let broken = |error: std::io::Error| damaged(name, &format!("reading `control.tar`: {error}"));
    let tar = Decoder::new(tar, 1).map_err(broken)?.take(CONTROL_LIMIT);
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if matches!(&*entry.path_bytes(), b"./control" | b"control") {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(broken)?;
            return Ok(text);
        }
    }
    Err(damaged(name, "it has no `control` file"))
}

/// Returns the version without the epoch and Debian's revision.
fn upstream_version(control: &str) -> Option<String> {
    let version = control
        .lines()
        .find_map(|line| line.strip_prefix("Version:"))?
        .trim();
    // The epoch comes before a colon.
    version::leading(version.split_once(':').map_or(version, |(_, rest)| rest))
}

fn damaged(name: &str, what: &str) -> anyhow::Error {
    let hint = "download the package again, for example with `apt-get download etcd-server:arm64`";
    Kind::Corrupt.error(format!("{name}: {what}"), hint)
}

#[cfg(test)]
pub(in crate::fetch) mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::fetch::etcd::programs::Program;

    pub(in super::super) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, data) in members {
            bytes.extend(
                format!(
                    "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                    0,
                    0,
                    0,
                    100_644,
                    data.len()
                )
                .bytes(),
            );
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    fn tar(path: &str, content: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content).unwrap();
        builder.into_inner().unwrap()
    }

    /// Builds a package with one program in `usr/bin`, its parts compressed with zstd.
    pub(in crate::fetch) fn package(version: &str, program: &str, content: &[u8]) -> Vec<u8> {
        let pack = |tar: Vec<u8>| zstd::encode_all(&tar[..], 1).unwrap();
        let control = format!("Package: p\nVersion: {version}\nArchitecture: arm64\n");
        ar(&[
            ("debian-binary", b"2.0\n"),
            (
                "control.tar.zst",
                &pack(tar("./control", control.as_bytes())),
            ),
            (
                "data.tar.zst",
                &pack(tar(&format!("./usr/bin/{program}"), content)),
            ),
        ])
    }

    #[test]
    fn reads_program_and_version() {
        let package = read(&package("1:3.5.16-4", "etcd", b"server"), "a.deb").unwrap();
        assert_eq!(package.version.as_deref(), Some("3.5.16"));
        assert_eq!(*package.programs[&Program::Etcd], *b"server");
    }

    #[test]
    fn refuses_what_is_cut_off_or_incomplete() {
        let whole = package("3.5.16-4", "etcd", b"server");
        for length in [0, 8, 40, 100, whole.len() - 10] {
            let error = read(&whole[..length], "a.deb").unwrap_err();
            assert_eq!(
                error.downcast::<Failure>().unwrap().kind,
                Kind::Corrupt,
                "{length}"
            );
        }
        let error = read(&ar(&[("debian-binary", b"2.0\n")]), "a.deb").unwrap_err();
        assert_eq!(error.to_string(), "a.deb: it has no `control.tar`");
    }
}

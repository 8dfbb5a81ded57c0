//! The packages that a base was made from, kept in one archive, as a repository from which apt makes it again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::Kind;
use crate::fetch::etcd::deb;
use crate::hex;

/// Unpacks the archive into a new directory and writes the index of its packages. Every locked package must be among them.
#[expect(
    clippy::disallowed_methods,
    reason = "the repository is scratch of the cache, gone with the work directory"
)]
pub(super) fn unpack(archive: &Path, folder: &Path, locked: &[String]) -> Result<()> {
    fs_err::create_dir(folder)?;
    let (mut index, mut digests) = (String::new(), BTreeSet::new());
    let mut tar = tar::Archive::new(fs_err::File::open(archive)?);
    for entry in tar.entries().context("reading the kept packages")? {
        let mut entry = entry.context("reading the kept packages")?;
        let path = entry.path()?.into_owned();
        if path.extension().is_none_or(|ending| ending != "deb") {
            entry.unpack_in(folder)?;
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let sha256 = hex::sha256(&bytes);
        if digests.insert(sha256.clone()) {
            let control = deb::control_of(&bytes, &name)?;
            let (control, size) = (control.trim_end(), bytes.len());
            write!(
                index,
                "{control}\nFilename: ./{name}\nSize: {size}\nSHA256: {sha256}\n\n"
            )?;
            fs_err::write(folder.join(&*name), &bytes)?;
        }
    }
    let is_missing = |line: &&String| {
        let sha256 = line.rsplit(' ').next().unwrap_or_default();
        !digests.contains(sha256)
    };
    if let Some(missing) = locked.iter().find(is_missing) {
        let name = missing.rsplit_once(' ').map_or("", |(name, _sha256)| name);
        let what = format!("the kept packages lack {name}, which the lock file names");
        let hint = "use a cache that has it with `--cache`, or run `etcd-image update base`";
        return Err(Kind::Verification.error(what, hint));
    }
    Ok(fs_err::write(folder.join("Packages"), index)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::explain;
    use crate::fetch::etcd::deb::tests::package;

    /// Writes an archive of one package and one list of sources; returns its path and the line of the package.
    fn archive(dir: &Path) -> (std::path::PathBuf, String) {
        let package = package("1.0-1", "tiny", b"program");
        let path = dir.join("kept.tar");
        let mut tar = tar::Builder::new(fs_err::File::create(&path).unwrap());
        let files: [(&str, &[u8]); 2] = [
            ("./p_1.0-1_arm64.deb", &package),
            (
                "./sources/sources.list",
                b"deb http://mirror.example/debian trixie main\n",
            ),
        ];
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, bytes).unwrap();
        }
        tar.finish().unwrap();
        (path, format!("p 1.0-1 arm64 {}", hex::sha256(&package)))
    }

    #[test]
    fn kept_packages_become_a_repository() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, line) = archive(dir.path());
        let folder = dir.path().join("repository");
        unpack(&archive, &folder, std::slice::from_ref(&line)).unwrap();
        let sha256 = line.rsplit(' ').next().unwrap();
        let size = fs_err::metadata(folder.join("p_1.0-1_arm64.deb"))
            .unwrap()
            .len();
        assert_eq!(
            fs_err::read_to_string(folder.join("Packages")).unwrap(),
            format!(
                "Package: p\nVersion: 1.0-1\nArchitecture: arm64\nFilename: ./p_1.0-1_arm64.deb\n\
                 Size: {size}\nSHA256: {sha256}\n\n"
            )
        );
        assert!(folder.join("sources/sources.list").exists());
    }

    #[test]
    fn a_flipped_bit_in_a_package_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, line) = archive(dir.path());
        let mut bytes = fs_err::read(&archive).unwrap();
        // The package follows the header of its entry, and ends with the programs.
        let last = 512 + package("1.0-1", "tiny", b"program").len() - 1;
        bytes[last] ^= 1;
        fs_err::write(&archive, bytes).unwrap();
        let error = unpack(&archive, &dir.path().join("repository"), &[line]).unwrap_err();
        assert_eq!(explain(&error).0, Kind::Verification);
        assert_eq!(
            error.to_string(),
            "the kept packages lack p 1.0-1 arm64, which the lock file names"
        );
    }

    #[test]
    fn a_missing_package_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, _) = archive(dir.path());
        let locked = [format!("apt 3.0.4 arm64 {}", "0".repeat(64))];
        let error = unpack(&archive, &dir.path().join("repository"), &locked).unwrap_err();
        assert_eq!(explain(&error).0, Kind::Verification);
        assert_eq!(
            error.to_string(),
            "the kept packages lack apt 3.0.4 arm64, which the lock file names"
        );
    }
}

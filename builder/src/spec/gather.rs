//! Reads the files that `resolve` needs: the configuration, key files and the sources of extra files.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::input::{Flags, Input, Purpose, TextFile};
use super::{public_key, walk};
use crate::cli::{BuildOptions, Environment};
use crate::failure::Kind;

/// The configuration file that is used if it exists and `--config` is not given.
pub const DEFAULT_CONFIG: &str = "cluster.toml";
/// The largest size of an extra file, which is kept in memory.
const MOST_SOURCE_BYTES: u64 = 64 << 20;

impl Input {
    /// Reads the files that the options name and those at default locations.
    pub fn gather(
        options: &BuildOptions,
        environment: &Environment,
        purpose: Purpose,
    ) -> anyhow::Result<Self> {
        let config = config(options.fetch.sources.config.as_deref())?;
        Self::gather_with(config, options, environment, purpose)
    }

    /// Returns a configuration, and reads the files that the other options name and those at default locations.
    pub(crate) fn gather_with(
        config: Option<TextFile>,
        options: &BuildOptions,
        environment: &Environment,
        purpose: Purpose,
    ) -> anyhow::Result<Self> {
        let (nodes, options) = (&options.nodes, &options.fetch.sources);
        let ssh_keys = nodes.ssh_key.iter().map(|path| key_file(path));
        Ok(Self {
            flags: Flags {
                nodes: nodes.nodes,
                base: options.base.clone(),
                etcd: options.etcd.clone(),
                ssh_keys: ssh_keys.collect::<anyhow::Result<_>>()?,
            },
            config,
            row: None,
            default_keys: environment
                .home
                .as_deref()
                .map(home_keys)
                .unwrap_or_default(),
            now: environment.now,
            purpose,
            read: read_source,
            walk: walk::walk,
        })
    }
}

/// Returns the path of the configuration file that [`Input::gather`] reads, if there is one.
pub fn config_path(named_file: Option<&Path>) -> io::Result<Option<PathBuf>> {
    match named_file {
        Some(path) => Ok(Some(path.to_owned())),
        None => Ok(fs_err::exists(DEFAULT_CONFIG)?.then(|| DEFAULT_CONFIG.into())),
    }
}

fn config(named_file: Option<&Path>) -> anyhow::Result<Option<TextFile>> {
    let path = config_path(named_file)?;
    path.map(|path| read_option_file(&path, "--config"))
        .transpose()
}

fn read_option_file(path: &Path, option: &str) -> anyhow::Result<TextFile> {
    named_text(path, &format!("name a readable text file with `{option}`"))
}

/// Reads the file of a public key. Some give the key instead.
fn key_file(path: &Path) -> anyhow::Result<TextFile> {
    let text = path.to_str().unwrap_or_default();
    match public_key::checked(text) {
        Ok(_) => named_text(path, "`--ssh-key` names a file: write the key into one"),
        Err(_) => read_option_file(path, "--ssh-key"),
    }
}

/// The hint about a file in another encoding.
pub(crate) const SAVE_AS_UTF_8: &str = "save it as UTF-8, as every editor can";

/// Reads a file that the user named; a failure is a usage error with this hint.
pub(crate) fn named_text(path: &Path, hint: &str) -> anyhow::Result<TextFile> {
    let text = read_text(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::InvalidData => SAVE_AS_UTF_8,
            _ => hint,
        };
        let context = Kind::Usage.context(format!("reading {}", path.display()), hint);
        anyhow::Error::new(error).context(context)
    })?;
    Ok(TextFile {
        path: path.to_owned(),
        text,
    })
}

/// Reads a text.
fn read_text(path: &Path) -> io::Result<String> {
    decoded(&read_source(path)?).map_err(|line| {
        let what = format!("line {line} is not text in UTF-8");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Returns a text in UTF-8, or in UTF-16 as Windows PowerShell writes it. A byte order mark is not part of the text. The error
/// is the number of the first line that is no such text.
pub(crate) fn decoded(bytes: &[u8]) -> Result<String, usize> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        let units = pairs.iter().copied().map(unit);
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().filter(|_| rest.is_empty())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes).ok_or(1),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes).ok_or(1),
        other => plain(other.strip_prefix(b"\xef\xbb\xbf").unwrap_or(other)),
    }
}

/// Returns a text in UTF-8, or the number of the first line that is none. UTF-16 without a mark has zero bytes.
fn plain(bytes: &[u8]) -> Result<String, usize> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(valid);
    let text = String::from_utf8_lossy(&bytes[..end.min(valid)]);
    match text.len() == bytes.len() {
        true => Ok(text.into_owned()),
        false => Err(text.matches('\n').count() + 1),
    }
}

/// Returns the user's public keys, sorted by file name. Unreadable files are skipped.
fn home_keys(home: &Path) -> Vec<TextFile> {
    let Ok(entries) = fs_err::read_dir(home.join(".ssh")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "pub"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let text = read_text(&path).ok()?;
            Some(TextFile { path, text })
        })
        .collect()
}

/// Reads a source. The error omits the path, which the complaint contains.
fn read_source(path: &Path) -> io::Result<Vec<u8>> {
    crate::file::must_end(path)?;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(MOST_SOURCE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_SOURCE_BYTES {
        return Err(io::Error::other("the file is larger than 64 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out their own files")]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn public_keys_of_the_home_folder_are_found_in_order() {
        let home = tempfile::tempdir().unwrap();
        assert!(home_keys(home.path()).is_empty());
        let ssh = home.path().join(".ssh");
        fs_err::create_dir(&ssh).unwrap();
        for name in ["id_b.pub", "id_a.pub", "id_a", "config"] {
            std::fs::write(ssh.join(name), name).unwrap();
        }
        fs_err::create_dir(ssh.join("folder.pub")).unwrap();
        // Nobody writes to it.
        #[cfg(unix)]
        let _made = std::process::Command::new("mkfifo")
            .arg(ssh.join("pipe.pub"))
            .status()
            .unwrap();
        let texts: Vec<_> = home_keys(home.path())
            .into_iter()
            .map(|file| file.text)
            .collect();
        assert_eq!(texts, ["id_a.pub", "id_b.pub"]);
    }

    #[test]
    fn texts_of_windows_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pub");
        let utf_16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}ä key".encode_utf16().flat_map(unit).collect()
        };
        for bytes in [
            "ä key".into(),
            "\u{feff}ä key".into(),
            utf_16(u16::to_le_bytes),
            utf_16(u16::to_be_bytes),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read_text(&path).unwrap(), "ä key");
        }
        let wrong: [(&[u8], u32); 5] = [
            (b"\xff\xfea", 1),
            (b"\xff\xfe\x00\xd8", 1),
            (b"\xe4", 1),
            (b"a\nb\n\xe4\0", 3),
            (b"a\nb\0", 2),
        ];
        for (bytes, line) in wrong {
            std::fs::write(&path, bytes).unwrap();
            let error = named_text(&path, "name another").unwrap_err();
            let cause = format!("line {line} is not text in UTF-8");
            assert_eq!(error.root_cause().to_string(), cause);
            let hint = "save it as UTF-8, as every editor can";
            assert_eq!(
                crate::failure::explain(&error),
                (Kind::Usage, hint.to_owned())
            );
        }
    }

    #[test]
    fn a_named_file_must_be_there() {
        let error = config(Some(Path::new("no/such.toml"))).unwrap_err();
        let failure: &Failure = error.downcast_ref().unwrap();
        assert_eq!(failure.kind, Kind::Usage);
        assert_eq!(failure.message, "reading no/such.toml");
    }

    #[test]
    fn a_key_in_place_of_its_file_is_noticed() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me";
        for (given, hint) in [
            (key, "`--ssh-key` names a file: write the key into one"),
            ("no-such.pub", "name a readable text file with `--ssh-key`"),
        ] {
            let error = key_file(Path::new(given)).unwrap_err();
            let expected = (Kind::Usage, hint.to_owned());
            assert_eq!(crate::failure::explain(&error), expected);
        }
    }

    #[test]
    fn sources_have_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        std::fs::File::create(&path)
            .unwrap()
            .set_len(MOST_SOURCE_BYTES + 1)
            .unwrap();
        assert_eq!(
            read_source(&path).unwrap_err().to_string(),
            "the file is larger than 64 MiB"
        );
        assert_eq!(
            read_source(folder.path().join("none").as_path())
                .unwrap_err()
                .kind(),
            io::ErrorKind::NotFound
        );
    }
}

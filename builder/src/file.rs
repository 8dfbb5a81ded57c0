//! Reading and creating files: a file that never ends is refused, and new files get fixed permission bits and durable names, on every
//! system.

use std::fs::Metadata;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use fs_err::{File, OpenOptions};
use tempfile::NamedTempFile;

/// The beginning and the end of the name of a file that is being written.
pub(crate) const PARTIAL_NAME: [&str; 2] = [".etcd-image-", ".partial"];

/// Returns what was read, or `None` if there is no such file, also because its directory is a file.
pub(crate) fn if_exists<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the absolute path without links; the part that does not exist yet is appended as it is.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    if let Some(real) = if_exists(fs_err::canonicalize(path))? {
        return Ok(real);
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(real_path(parent)?.join(name)),
        _ => std::path::absolute(if path == Path::new("") {
            Path::new(".")
        } else {
            path
        }),
    }
}

/// Opens a file that the user named or that a directory contains.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    must_end(path).map_err(|error| {
        let message = format!("failed to open file `{}`: {error}", path.display());
        io::Error::new(error.kind(), message)
    })?;
    File::open(path)
}

/// Reads a file that the user named or that a directory contains.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text that the user named or that a directory contains.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Refuses a pipe, a socket or a device, which may never end. Accepts what the shell has opened for this program, as with
/// `<(…)`, and `/dev/null`. A path whose metadata cannot be read is accepted, because opening it reports the reason. The error
/// omits the path.
pub(crate) fn must_end(path: &Path) -> io::Result<()> {
    const OPENED: [&str; 4] = ["/dev/fd", "/proc/self/fd", "/dev/stdin", "/dev/null"];
    let is_open = || OPENED.iter().any(|place| path.starts_with(place));
    match special(path) {
        Some(kind) if !is_open() => {
            let message = format!("it is {kind}, not a regular file");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
        _ => Ok(()),
    }
}

/// What to say of a path with `~` or a variable that does not exist.
pub(crate) const FOR_A_SHELL: &str =
    "only a shell replaces `~` and variables: write the path without them";

/// Returns whether a part of a path is one that only a shell replaces.
pub(crate) fn is_for_a_shell(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    parts.any(|part| part == "~" || part.starts_with('$'))
}

/// Returns whether a path is an address on the web.
pub(crate) fn is_url(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    parts.any(|part| part == "https:" || part == "http:")
}

/// Returns whether a path is that of a pipe or a socket, in which nothing can be read twice.
pub(crate) fn is_pipe(path: &Path) -> bool {
    matches!(special(path), Some(PIPE | SOCKET))
}

/// Returns whether a file begins with a text, as no image does, packed or not.
pub(crate) fn begins_with_text(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut start)?;
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    Ok(!start.is_empty() && start.iter().all(is_text))
}

const PIPE: &str = "a named pipe";
const SOCKET: &str = "a socket";

/// Returns what a path is if it is neither a file nor a directory.
#[cfg(unix)]
fn special(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = path.metadata().ok()?.file_type();
    if kind.is_fifo() {
        Some(PIPE)
    } else if kind.is_socket() {
        Some(SOCKET)
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        None
    }
}

#[cfg(not(unix))]
fn special(_: &Path) -> Option<&'static str> {
    None
}

/// Returns options for writing a file that gets these permission bits, whatever the umask, if it is created.
pub(crate) fn writable(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
}

/// Creates a directory and its parents, closed to other users; an existing directory stays unchanged.
#[expect(
    clippy::disallowed_methods,
    reason = "creates directories for the modules that write files"
)]
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the part of a path that is a file, where no directory can be made.
pub(crate) fn in_the_way(path: &Path) -> Option<&Path> {
    let is_file = |part: &&Path| part.metadata().is_ok_and(|part| !part.is_dir());
    path.ancestors().find(is_file)
}

/// Returns whether a name can only be that of a file or directory in the directory that it is joined to, and can be printed: one from elsewhere
/// must not move the cursor of a terminal.
pub(crate) fn is_name(name: &str) -> bool {
    let is_special = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | ':');
    !matches!(name, "" | "." | "..") && !name.contains(is_special)
}

/// Returns when a file was written, in seconds since 1970, if its file system knows it.
pub(crate) fn written(metadata: &Metadata) -> Option<i64> {
    let since_1970 = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_1970.as_secs()).ok()
}

/// Returns the directory of a file.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Returns whether this is the name of a file that is being written, or that a killed process has left behind.
pub(crate) fn is_partial_name(name: &str) -> bool {
    let [prefix, suffix] = PARTIAL_NAME;
    name.starts_with(prefix) && name.ends_with(suffix)
}

/// Creates a file beside its final path that only its owner may read, and that is removed unless it is renamed.
#[expect(
    clippy::disallowed_methods,
    reason = "creates files for the modules that write them"
)]
pub(crate) fn create_partial(path: &Path) -> io::Result<NamedTempFile> {
    let [prefix, suffix] = PARTIAL_NAME;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{prefix}{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(suffix);
    builder.tempfile_in(directory_of(path))
}

/// Makes a complete file durable under its final path.
pub(crate) fn publish_partial(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(directory_of(path))
}

/// Makes renames in the directory durable. Windows cannot open a directory for this, and NTFS journals the rename.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_may_never_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(at("pipe")).status();
        assert!(made.unwrap().success());
        std::os::unix::fs::symlink("pipe", at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (path, kind) in [
            (at("pipe"), "a named pipe"),
            (at("link"), "a named pipe"),
            (at("socket"), "a socket"),
            (PathBuf::from("/dev/zero"), "a device"),
        ] {
            let wanted = format!(
                "failed to open file `{}`: it is {kind}, not a regular file",
                path.display()
            );
            assert_eq!(read(&path).unwrap_err().to_string(), wanted);
            assert_eq!(read_text(&path).unwrap_err().to_string(), wanted);
        }
        assert!(is_pipe(&at("link")) && !is_pipe(Path::new("/dev/zero")));
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        let error = read(&at("none")).unwrap_err();
        assert_eq!(error.kind(), NotFound);
    }

    #[test]
    fn what_a_shell_would_have_replaced_is_seen() {
        for path in ["~/a", "lab/~/a", "$HOME/a"] {
            assert!(is_for_a_shell(Path::new(path)), "{path}");
        }
        for path in ["a~", "/srv/a$b"] {
            assert!(!is_for_a_shell(Path::new(path)), "{path}");
        }
    }

    /// As for `--ssh-key <(ssh-add -L)`.
    #[test]
    fn a_pipe_of_the_shell_is_read() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"text").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_text(Path::new(&path)).unwrap(), "text");
    }
}

//! Lists a directory of the user, which a `[[file]]` copies.

use std::io;
use std::path::Path;

use super::input::{Walked, WalkedKind};

/// The largest number of paths in a directory. More are certainly a mistake.
const MOST_PATHS: usize = 20_000;

/// Lists everything below a directory, sorted by path; `None` if the path is not a directory.
pub(super) fn walk(path: &Path) -> io::Result<Option<Vec<Walked>>> {
    if !fs_err::metadata(path)?.is_dir() {
        return Ok(None);
    }
    let mut walked = Vec::new();
    walk_below(path, "", &mut walked)?;
    walked.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Some(walked))
}

fn walk_below(folder: &Path, prefix: &str, walked: &mut Vec<Walked>) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let invalid = |what: &str| {
            let path = entry.path();
            io::Error::other(format!("{}: {what}", path.display()))
        };
        let name = name
            .to_str()
            .ok_or_else(|| invalid("its name is not UTF-8"))?;
        let path = format!("{prefix}{name}");
        let metadata = fs_err::symlink_metadata(entry.path())?;
        let kind = if metadata.is_symlink() {
            let target = fs_err::read_link(entry.path())?;
            let target = target
                .to_str()
                .ok_or_else(|| invalid("its target is not UTF-8"))?;
            WalkedKind::Link(target.to_owned())
        } else if metadata.is_dir() {
            walk_below(&entry.path(), &format!("{path}/"), walked)?;
            WalkedKind::Folder
        } else if metadata.is_file() {
            WalkedKind::File {
                executable: is_executable(&metadata),
            }
        } else {
            return Err(invalid("it is neither a file nor a directory nor a link"));
        };
        walked.push(Walked { path, kind });
        if walked.len() > MOST_PATHS {
            let message = format!("{}: it has more than {MOST_PATHS} paths", folder.display());
            return Err(io::Error::other(message));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "tests lay out their own files")]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_listed_with_everything_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("bin/empty")).unwrap();
        std::fs::write(at("bin/run"), "#!/bin/sh").unwrap();
        std::fs::write(at("a"), "text").unwrap();
        std::os::unix::fs::symlink("bin/run", at("start")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(at("bin/run"), mode).unwrap();
        let walked = walk(folder.path()).unwrap().unwrap();
        let found: Vec<_> = walked
            .iter()
            .map(|it| (it.path.as_str(), &it.kind))
            .collect();
        let file = |executable| WalkedKind::File { executable };
        assert_eq!(
            found,
            [
                ("a", &file(false)),
                ("bin", &WalkedKind::Folder),
                ("bin/empty", &WalkedKind::Folder),
                ("bin/run", &file(true)),
                ("start", &WalkedKind::Link("bin/run".to_owned())),
            ]
        );
        assert_eq!(walk(&at("a")).unwrap(), None);
        assert_eq!(
            walk(&at("none")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let message = walk(folder.path()).unwrap_err().to_string();
        let path = at("socket");
        let wanted = format!(
            "{}: it is neither a file nor a directory nor a link",
            path.display()
        );
        assert_eq!(message, wanted);
    }
}

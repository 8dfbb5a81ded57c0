//! Finds the file at a path and follows the symbolic links before the last component.

use super::{FileKind, Path};
use crate::error::{Refused, Result};

/// The most links that are followed for one path, as on Linux.
const LINK_LIMIT: u32 = 40;

/// What a file system must provide so that paths can be resolved in it.
pub(crate) trait DirectoryTree {
    /// A handle of a file or directory.
    type Node: Copy;

    fn root(&self) -> Self::Node;
    fn kind(&self, node: Self::Node, path: &str) -> Result<FileKind>;
    /// Returns the entry `name` of the directory `node`.
    fn child(&self, node: Self::Node, name: &str, path: &str) -> Result<Option<Self::Node>>;
    fn target(&self, node: Self::Node, path: &str) -> Result<String>;
}

/// Returns the file at `path`, or `None` if there is none or if a component before the last is not a directory.
pub(crate) fn find<T: DirectoryTree>(tree: &T, path: Path<'_>) -> Result<Option<T::Node>> {
    let Ok((parents, last)) = path.split() else {
        return Ok(Some(tree.root()));
    };
    match folder(tree, parents, path) {
        Ok(parent) => tree.child(parent, last, path.as_str()),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the directory that contains, or would contain, the last component of `path`, and that component.
pub(crate) fn parent<'a, T: DirectoryTree>(tree: &T, path: Path<'a>) -> Result<(T::Node, &'a str)> {
    let (parents, last) = path.split()?;
    Ok((folder(tree, parents, path)?, last))
}

fn is_absence(error: &crate::Error) -> bool {
    matches!(
        error,
        crate::Error::Refused(Refused::NotFound { .. } | Refused::NotADirectory { .. })
    )
}

/// Returns the directory at `names`, each of which must be a directory or a link to one.
fn folder<T: DirectoryTree>(tree: &T, names: Vec<&str>, path: Path<'_>) -> Result<T::Node> {
    let whole = path.as_str();
    // The names still to be resolved, last name first, and the directories above, for `..` in link targets.
    let mut ahead: Vec<String> = names.into_iter().rev().map(str::to_owned).collect();
    let mut behind = vec![];
    let mut here = tree.root();
    let mut links_left = 0..LINK_LIMIT;
    while let Some(name) = ahead.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                here = behind.pop().unwrap_or_else(|| tree.root());
                continue;
            }
            _ => {}
        }
        let node = tree
            .child(here, &name, whole)?
            .ok_or_else(|| not_found(whole))?;
        match tree.kind(node, whole)? {
            FileKind::Directory => {
                behind.push(here);
                here = node;
            }
            FileKind::Symlink => {
                if links_left.next().is_none() {
                    return Err(loop_at(whole));
                }
                let target = tree.target(node, whole)?;
                if target.starts_with('/') {
                    here = tree.root();
                    behind.clear();
                }
                ahead.extend(target.split('/').rev().map(str::to_owned));
            }
            FileKind::File | FileKind::Other => return Err(not_a_directory(whole)),
        }
    }
    Ok(here)
}

fn not_found(path: &str) -> crate::Error {
    let path = path.to_owned();
    Refused::NotFound { path }.into()
}

fn not_a_directory(path: &str) -> crate::Error {
    let path = path.to_owned();
    Refused::NotADirectory { path }.into()
}

fn loop_at(path: &str) -> crate::Error {
    Refused::SymlinkLoop {
        path: path.to_owned(),
        limit: LINK_LIMIT,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::{DirectoryTree, LINK_LIMIT, find, parent};
    use crate::error::{Error, Refused, Result};
    use crate::fs::{FileKind, Path};

    /// Entries as `(path, link target)`. An entry without a target is a directory, unless its name ends in `-txt`.
    struct Toy(&'static [(&'static str, Option<&'static str>)]);

    impl DirectoryTree for Toy {
        type Node = usize;

        fn root(&self) -> usize {
            0
        }

        fn kind(&self, node: usize, _: &str) -> Result<FileKind> {
            Ok(match self.0[node] {
                (_, Some(_)) => FileKind::Symlink,
                (path, None) if path.ends_with("-txt") => FileKind::File,
                _ => FileKind::Directory,
            })
        }

        fn child(&self, node: usize, name: &str, _: &str) -> Result<Option<usize>> {
            let wanted = format!("{}/{name}", self.0[node].0);
            Ok(self.0.iter().position(|(path, _)| *path == wanted))
        }

        fn target(&self, node: usize, _: &str) -> Result<String> {
            Ok(self.0[node].1.unwrap().to_owned())
        }
    }

    const TREE: Toy = Toy(&[
        ("", None),
        ("/usr", None),
        ("/usr/lib", None),
        ("/usr/lib/x-txt", None),
        ("/lib", Some("usr/lib")),
        ("/usr/lib/up", Some("../../lib/./")),
        ("/abs", Some("/usr/lib/up/up")),
        ("/loop", Some("/loop")),
        ("/gone", Some("nowhere/at/all")),
        ("/above", Some("../../../usr")),
    ]);

    fn found(path: &str) -> Result<Option<&'static str>> {
        Ok(find(&TREE, Path::new(path)?)?.map(|node| TREE.0[node].0))
    }

    #[test]
    fn follows_links_in_the_middle_only() {
        assert_eq!(found("/lib/x-txt").unwrap(), Some("/usr/lib/x-txt"));
        assert_eq!(found("/abs/up/x-txt").unwrap(), Some("/usr/lib/x-txt"));
        assert_eq!(found("/above/lib").unwrap(), Some("/usr/lib"));
        assert_eq!(found("/lib").unwrap(), Some("/lib"));
        assert_eq!(found("/").unwrap(), Some(""));
    }

    #[test]
    fn finds_nothing_behind_files_and_dangling_links() {
        assert_eq!(found("/usr/lib/x-txt/deeper").unwrap(), None);
        assert_eq!(found("/gone/x").unwrap(), None);
        assert_eq!(found("/usr/none").unwrap(), None);
    }

    #[test]
    fn rejects_loops() {
        let refused = Refused::SymlinkLoop {
            path: "/loop/x".to_owned(),
            limit: LINK_LIMIT,
        };
        assert_eq!(found("/loop/x"), Err(Error::Refused(refused)));
        assert_eq!(found("/loop").unwrap(), Some("/loop"));
    }

    #[test]
    fn the_parent_of_a_new_file_must_be_a_directory() {
        let path = |path| parent(&TREE, Path::new(path).unwrap());
        assert_eq!(path("/lib/new").unwrap(), (2, "new"));
        let path_of = || "/usr/lib/x-txt/new".to_owned();
        let refused = Refused::NotADirectory { path: path_of() };
        assert_eq!(path(&path_of()).unwrap_err(), Error::Refused(refused));
    }
}

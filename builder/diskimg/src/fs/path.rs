//! Absolute paths.

use crate::error::{Refused, Result};

/// The longest name. ext4 counts bytes and FAT counts UTF-16 units; a name has at least as many bytes as units.
const LONGEST_NAME: usize = 255;

/// An absolute path without empty names, `.` and `..`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    whole: &'a str,
}

impl<'a> Path<'a> {
    pub(crate) fn new(whole: &'a str) -> Result<Self> {
        match whole.strip_prefix('/').map(complaint) {
            Some(None) => Ok(Self { whole }),
            Some(Some(reason)) => Err(refuse(whole, reason)),
            None => Err(refuse(whole, "is not absolute")),
        }
    }

    /// Returns the path as given.
    pub(crate) fn as_str(self) -> &'a str {
        self.whole
    }

    /// Returns the names from the root down.
    pub(crate) fn names(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.whole.split('/').filter(|name| !name.is_empty())
    }

    /// Returns the names of the parent, and the last name. The root has none, which is an error.
    pub(crate) fn split(self) -> Result<(Vec<&'a str>, &'a str)> {
        let mut names: Vec<_> = self.names().collect();
        match names.pop() {
            Some(last) => Ok((names, last)),
            None => Err(refuse(self.whole, "is the root")),
        }
    }
}

fn refuse(path: &str, reason: &'static str) -> crate::Error {
    let path = path.to_owned();
    Refused::Path { path, reason }.into()
}

/// Returns what is wrong with the path after its first slash. `/` alone is the root.
fn complaint(rest: &str) -> Option<&'static str> {
    if rest.is_empty() {
        return None;
    }
    rest.split('/').find_map(|name| match name {
        "" => Some("has an empty name"),
        "." | ".." => Some("contains `.` or `..`"),
        _ if name.contains('\0') => Some("contains a NUL"),
        _ if name.len() > LONGEST_NAME => Some("has a name of more than 255 bytes"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::Path;
    use crate::error::{Error, Refused};

    #[test]
    fn splits_into_names() {
        let path = Path::new("/usr/local/bin").unwrap();
        assert_eq!(path.names().collect::<Vec<_>>(), ["usr", "local", "bin"]);
        assert_eq!(path.split().unwrap(), (vec!["usr", "local"], "bin"));
        assert_eq!(Path::new("/").unwrap().names().count(), 0);
    }

    #[test]
    fn names_the_reason_why_a_path_is_rejected() {
        let long = format!("/{}", "x".repeat(256));
        let cases = [
            ("", "is not absolute"),
            ("etc", "is not absolute"),
            ("//etc", "has an empty name"),
            ("/etc/", "has an empty name"),
            ("/etc/../root", "contains `.` or `..`"),
            ("/./etc", "contains `.` or `..`"),
            ("/a\0b", "contains a NUL"),
            (&long, "has a name of more than 255 bytes"),
        ];
        for (path, reason) in cases {
            let expected = Refused::Path {
                path: path.to_owned(),
                reason,
            };
            assert_eq!(Path::new(path).unwrap_err(), Error::Refused(expected));
        }
    }

    #[test]
    fn the_root_has_no_last_name() {
        let refused = Refused::Path {
            path: "/".to_owned(),
            reason: "is the root",
        };
        let error = Path::new("/").unwrap().split().unwrap_err();
        assert_eq!(error, Error::Refused(refused));
    }
}

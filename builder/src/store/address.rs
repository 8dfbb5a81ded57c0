//! Addresses of stores as users write them.

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::failure::Kind;

/// The place of a store: a bucket, and the beginning of the names of all objects in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) bucket: String,
    /// The prefix without slashes at its ends; empty for the whole bucket.
    pub(super) prefix: String,
}

impl Address {
    /// Returns the address of a store, or `None` if the value of the option is a path.
    pub(crate) fn of(value: &Path, option: &str) -> Result<Option<Self>> {
        let text = value.to_string_lossy();
        match text.split_once("://") {
            Some(("s3", rest)) => Self::s3(rest)
                .map(Some)
                .map_err(|why| refused(option, &text, why, "write it like `s3://bucket/prefix`")),
            Some((scheme, _)) if is_scheme(scheme) => Err(refused(
                option,
                &text,
                "this kind of store is not supported",
                "name a directory, or a store as in `s3://bucket/prefix`",
            )),
            _ => Ok(None),
        }
    }

    fn s3(rest: &str) -> Result<Self, &'static str> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(sound) {
            return Err("it names no bucket");
        }
        let prefix = prefix.trim_matches('/');
        let is_sound = |part: &str| part.bytes().all(sound) && !matches!(part, "" | "." | "..");
        if !prefix.is_empty() && !prefix.split('/').all(is_sound) {
            return Err("the prefix may contain letters, digits, `.`, `-`, `_` and single `/`");
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// Returns the address of a part, whose objects lie below those of this address.
    pub(super) fn part(&self, name: &str) -> Self {
        Self {
            bucket: self.bucket.clone(),
            prefix: self.key(name),
        }
    }

    /// Returns the name of an object below the prefix.
    pub(super) fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn refused(option: &str, text: &str, why: &str, hint: &str) -> anyhow::Error {
    Kind::Usage.error(format!("{option}: `{text}`: {why}"), hint)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{separator}{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(text: &str) -> Result<Option<String>, String> {
        let address = Address::of(Path::new(text), "--out");
        let address = address.map_err(|error| error.to_string())?;
        Ok(address.map(|address| address.to_string()))
    }

    #[test]
    fn a_bucket_and_a_prefix_are_an_address() {
        for (text, shown) in [
            ("s3://lab", "s3://lab"),
            ("s3://lab/", "s3://lab"),
            ("s3://lab/a/b_1/", "s3://lab/a/b_1"),
        ] {
            assert_eq!(parsed(text), Ok(Some(shown.to_owned())));
        }
        let keys = ["s3://lab", "s3://lab/a"].map(|text| {
            let address = Address::of(Path::new(text), "--out").unwrap();
            address.unwrap().key("index.json")
        });
        assert_eq!(keys, ["index.json", "a/index.json"]);
    }

    #[test]
    fn a_path_is_no_address() {
        for path in ["images", "/srv/images", "C:/images", "C:\\images", "a:b"] {
            assert_eq!(parsed(path), Ok(None), "{path}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused() {
        let prefix = "the prefix may contain letters, digits, `.`, `-`, `_` and single `/`";
        for (text, why) in [
            ("s3://", "it names no bucket"),
            ("s3:///a", "it names no bucket"),
            ("s3://a b/c", "it names no bucket"),
            ("s3://a/b//c", prefix),
            ("s3://a/../c", prefix),
            ("s3://a/b?c", prefix),
            ("gs://a/b", "this kind of store is not supported"),
            ("http://a/b", "this kind of store is not supported"),
        ] {
            assert_eq!(parsed(text), Err(format!("--out: `{text}`: {why}")));
        }
    }
}

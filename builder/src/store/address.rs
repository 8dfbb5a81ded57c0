//! Addresses of stores as users write them.

use std::fmt;
use std::path::Path;

use anyhow::Result;

use super::oci::Reference;
use super::s3::Bucket;
use crate::failure::Kind;

/// How an address is written.
const EXAMPLES: &str = "write it like `s3://bucket/prefix` or `oci://registry/repository:tag`";

/// The place of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A prefix in a bucket of S3, or of a server with the same interface.
    S3(Bucket),
    /// A build in a registry of container images.
    Oci(Reference),
}

impl Address {
    /// Returns the address of a store, or `None` if the value of the option is a path.
    pub(crate) fn of(value: &Path, option: &str) -> Result<Option<Self>> {
        let text = value.to_string_lossy();
        let parsed = match text.split_once("://") {
            Some(("s3", rest)) => Bucket::parse(rest).map(Self::S3),
            Some(("oci", rest)) => Reference::parse(rest).map(Self::Oci),
            Some((scheme, _)) if is_scheme(scheme) => Err("this kind of store is not supported"),
            _ => return Ok(None),
        };
        match parsed {
            Ok(address) => Ok(Some(address)),
            Err(why) => Err(Kind::Usage.error(format!("{option}: `{text}`: {why}"), EXAMPLES)),
        }
    }

    /// Returns the address of a part, such as a cluster of a fleet, which has an index of its own.
    pub(crate) fn part(&self, name: &str) -> Self {
        match self {
            Self::S3(bucket) => Self::S3(bucket.part(name)),
            Self::Oci(reference) => Self::Oci(reference.part(name)),
        }
    }

    /// Returns the address of the build of a part that has this digest.
    pub(super) fn part_at(&self, name: &str, sha256: &str) -> Self {
        match self {
            Self::S3(bucket) => Self::S3(bucket.part(name).at(sha256)),
            Self::Oci(reference) => Self::Oci(reference.at(sha256)),
        }
    }

    /// Returns the digest in the address, which names one build.
    pub(super) fn digest(&self) -> Option<&str> {
        match self {
            Self::S3(bucket) => bucket.digest(),
            Self::Oci(reference) => reference.digest(),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => bucket.fmt(f),
            Self::Oci(reference) => reference.fmt(f),
        }
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

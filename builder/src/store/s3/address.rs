//! Addresses of S3: `BUCKET/PREFIX`.

use std::fmt;

/// A bucket, and the beginning of the names of all objects of a build in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The name of the bucket.
    pub(super) name: String,
    /// The prefix without slashes at its ends; empty for the whole bucket.
    prefix: String,
    /// The digest of the only build that is meant.
    digest: Option<String>,
}

impl Bucket {
    /// Parses what follows `s3://`; the error is the reason.
    pub(crate) fn parse(rest: &str) -> Result<Self, &'static str> {
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
            name: bucket.to_owned(),
            prefix: prefix.to_owned(),
            digest: None,
        })
    }

    /// Returns the address of a part, whose objects lie below those of this address.
    pub(crate) fn part(&self, name: &str) -> Self {
        Self {
            name: self.name.clone(),
            prefix: self.key(name),
            digest: None,
        }
    }

    /// Splits the address of an object into a prefix and the name of the object; `None` if it names only a bucket.
    pub(crate) fn split_object(&self) -> Option<(Self, &str)> {
        let (prefix, name) = match self.prefix.rsplit_once('/') {
            Some((prefix, name)) => (prefix, name),
            None => ("", self.prefix.as_str()),
        };
        let prefix = Self {
            name: self.name.clone(),
            prefix: prefix.to_owned(),
            digest: None,
        };
        (!name.is_empty()).then_some((prefix, name))
    }

    /// Returns the address of the build with this digest.
    pub(crate) fn at(&self, sha256: &str) -> Self {
        Self {
            digest: Some(sha256.to_owned()),
            ..self.clone()
        }
    }

    /// Returns the digest of the build if the address is only that of this one.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns the name of an object below the prefix.
    pub(super) fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{separator}{}", self.name, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lie_below_the_prefix() {
        let keys = ["lab", "lab/a"].map(|text| Bucket::parse(text).unwrap().key("index.json"));
        assert_eq!(keys, ["index.json", "a/index.json"]);
    }

    #[test]
    fn the_last_part_of_an_address_may_be_an_object() {
        let split = |text: &str| {
            let bucket = Bucket::parse(text).unwrap();
            let parts = bucket.split_object();
            parts.map(|(prefix, name)| (prefix.to_string(), name.to_owned()))
        };
        let parts = |prefix: &str, name: &str| Some((prefix.to_owned(), name.to_owned()));
        assert_eq!(split("lab/a/b.db"), parts("s3://lab/a", "b.db"));
        assert_eq!(split("lab/b.db"), parts("s3://lab", "b.db"));
        assert_eq!(split("lab"), None);
    }
}

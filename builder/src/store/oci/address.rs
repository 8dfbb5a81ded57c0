//! Addresses in a registry: `REGISTRY/REPOSITORY`, with a tag or a digest.

use std::fmt;

use crate::recipe::is_sha256;

/// The tag of a build without another one.
const TAG: &str = "latest";
/// The greatest length of a tag, which leaves room for the names of a fleet's clusters within the 128 letters of the specification.
const TAG_LENGTH: usize = 64;

/// A repository in a registry, and a build in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The host, and the port if it is given.
    pub(super) registry: String,
    /// The path of the repository.
    pub(super) repository: String,
    /// Which build.
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    /// A name that a later build may take.
    Tag(String),
    /// The SHA-256 of a manifest: exactly one build.
    Digest(String),
}

impl Reference {
    /// Parses what follows `oci://`; the error is the reason.
    pub(crate) fn parse(rest: &str) -> Result<Self, &'static str> {
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (registry, path) = rest.split_once('/').ok_or("it names no repository")?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_registry(registry) {
            return Err("it names no registry");
        }
        if !repository.split('/').all(is_component) {
            return Err(
                "a repository has lower-case letters, digits, single `.`, `-`, `_` between them, and `/`",
            );
        }
        let version = match (tag, digest) {
            (Some(_), Some(_)) => return Err("it has both a tag and a digest"),
            (None, Some(digest)) => Version::Digest(sha256_of(digest)?.to_owned()),
            (tag, None) => Version::Tag(sound_tag(tag.unwrap_or(TAG))?.to_owned()),
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            version,
        })
    }

    /// Returns the digest if the address has one.
    pub(crate) fn digest(&self) -> Option<&str> {
        match &self.version {
            Version::Tag(_) => None,
            Version::Digest(digest) => Some(digest),
        }
    }

    /// Returns the address of the build whose manifest has this digest.
    pub(crate) fn at(&self, sha256: &str) -> Self {
        Self {
            version: Version::Digest(sha256.to_owned()),
            ..self.clone()
        }
    }

    /// Returns the address under which a cluster of a fleet is stored: the tag of the fleet, and the name.
    pub(crate) fn part(&self, name: &str) -> Self {
        let version = match &self.version {
            Version::Tag(tag) => Version::Tag(format!("{tag}-{name}")),
            digest @ Version::Digest(_) => digest.clone(),
        };
        Self {
            version,
            ..self.clone()
        }
    }

    /// Returns the name of the manifest as requests contain it.
    pub(super) fn manifest(&self) -> String {
        match &self.version {
            Version::Tag(tag) => tag.clone(),
            Version::Digest(digest) => format!("sha256:{digest}"),
        }
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "443"),
    };
    let is_address = |host: &str| {
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        inner.is_some_and(|it| it.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_name = !host.is_empty() && host.bytes().all(sound);
    (is_name || is_address(host)) && port.parse::<u16>().is_ok()
}

/// Returns whether a text may be a part of the path of a repository.
fn is_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(is_word))
        && bytes
            .iter()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'_'))
        && !text.contains("..")
        && !text.contains("._")
        && !text.contains("_.")
}

fn sound_tag(tag: &str) -> Result<&str, &'static str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_sound = tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    match is_sound && tag.len() <= TAG_LENGTH {
        true => Ok(tag),
        false => Err(
            "a tag has at most 64 letters, digits, `.`, `-` and `_`, and begins with a letter or a digit",
        ),
    }
}

fn sha256_of(digest: &str) -> Result<&str, &'static str> {
    match digest.split_once(':') {
        Some(("sha256", digest)) if is_sha256(digest) => Ok(digest),
        Some(("sha256", _)) | None => Err("a digest is `sha256:` and 64 hexadecimal digits"),
        Some(_) => Err("only digests of SHA-256 are supported"),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        match &self.version {
            Version::Tag(tag) if tag == TAG => Ok(()),
            Version::Tag(tag) => write!(f, ":{tag}"),
            Version::Digest(digest) => write!(f, "@sha256:{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_registry_a_repository_and_a_tag_or_a_digest() {
        let digest = "a".repeat(64);
        for (text, shown, manifest) in [
            ("ghcr.io/lab/kv", "oci://ghcr.io/lab/kv", "latest"),
            ("ghcr.io/lab/kv:latest", "oci://ghcr.io/lab/kv", "latest"),
            (
                "localhost:5000/kv:v1.2",
                "oci://localhost:5000/kv:v1.2",
                "v1.2",
            ),
            (
                "[::1]:5000/a/b_c/d-e",
                "oci://[::1]:5000/a/b_c/d-e",
                "latest",
            ),
        ] {
            let parsed = Reference::parse(text).unwrap();
            let told = (parsed.to_string(), parsed.manifest());
            assert_eq!(told, (shown.to_owned(), manifest.to_owned()));
        }
        let pinned = Reference::parse(&format!("r/kv@sha256:{digest}")).unwrap();
        assert_eq!(pinned.digest(), Some(&*digest));
        assert_eq!(pinned.manifest(), format!("sha256:{digest}"));
        assert_eq!(Reference::parse("r/kv:x").unwrap().at(&digest), pinned);
    }

    #[test]
    fn a_cluster_of_a_fleet_has_a_tag_of_its_own() {
        let part = |text: &str| Reference::parse(text).unwrap().part("home").to_string();
        assert_eq!(part("r/kv"), "oci://r/kv:latest-home");
        assert_eq!(part("r/kv:v1"), "oci://r/kv:v1-home");
    }

    #[test]
    fn a_wrong_address_is_refused() {
        let repository = "a repository has lower-case letters, digits, single `.`, `-`, `_` between them, and `/`";
        let tag = "a tag has at most 64 letters, digits, `.`, `-` and `_`, and begins with a letter or a digit";
        let digest = "a digest is `sha256:` and 64 hexadecimal digits";
        let long = format!("r/kv:{}", "x".repeat(65));
        for (text, why) in [
            ("", "it names no repository"),
            ("r", "it names no repository"),
            ("/kv", "it names no registry"),
            ("r:x/kv", "it names no registry"),
            ("r:99999/kv", "it names no registry"),
            ("r/", repository),
            ("r/Lab", repository),
            ("r/a//b", repository),
            ("r/../b", repository),
            ("r/-a", repository),
            ("r/kv:", tag),
            ("r/kv:a b", tag),
            ("r/kv:.a", tag),
            (&long, tag),
            ("r/kv@sha256:abc", digest),
            ("r/kv@abc", digest),
            ("r/kv@sha512:abc", "only digests of SHA-256 are supported"),
            ("r/kv:v1@sha256:abc", "it has both a tag and a digest"),
        ] {
            let refused = Reference::parse(text).unwrap_err();
            assert_eq!(refused, why, "{text}");
        }
    }
}

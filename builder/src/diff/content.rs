//! How the contents of two files differ.

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use diskimg::{FileKind, Metadata, ReadFs};
use serde::Serialize;
use similar::TextDiff;

use crate::date::date;
use crate::secret::FingerprintKey;
use crate::{hex, pki};

use super::secret;

/// Larger texts are compared by their digests only.
const LARGEST_TEXT: u64 = 256 << 10;

/// The difference between two contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ContentDifference {
    /// Both are secret.
    Secret {
        /// The fingerprint of the first one, if a safe one is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<String>,
        /// The fingerprint of the second one.
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
    },
    /// Two certificates, each with its fingerprint and the day of its expiry.
    Certificate {
        /// The first one.
        a: String,
        /// The second one.
        b: String,
    },
    /// The targets of two symbolic links.
    Target {
        /// The first one.
        a: String,
        /// The second one.
        b: String,
    },
    /// Two texts.
    Text {
        /// The changed lines with their surroundings, in the unified format of `diff -u`.
        unified: String,
    },
    /// Anything else, by SHA-256 in lower-case hexadecimal.
    Binary {
        /// Digest of the first one.
        a: String,
        /// Digest of the second one.
        b: String,
    },
}

type ComparedFile<'a> = (&'a mut dyn ReadFs, &'a Metadata);

/// Returns how two files with the same path differ in their content. Files of different kinds have no common content. `key` is
/// that of the fingerprints of secrets.
pub(super) fn compare(
    a: ComparedFile<'_>,
    b: ComparedFile<'_>,
    path: &str,
    is_secret: bool,
    key: Option<&FingerprintKey>,
) -> Result<Option<ContentDifference>> {
    let ((fs_a, a), (fs_b, b)) = (a, b);
    match (a.kind, b.kind) {
        (FileKind::Symlink, FileKind::Symlink) => {
            let (a, b) = (fs_a.read_link(path)?, fs_b.read_link(path)?);
            Ok((a != b).then_some(ContentDifference::Target { a, b }))
        }
        (FileKind::File, FileKind::File) => {
            let content = fs_a.read(path)?;
            if a.size == b.size && fs_b.has_content(path, &content)? {
                return Ok(None);
            }
            let other = fs_b.read(path)?;
            if is_secret || !is_public(a) || !is_public(b) {
                let [a, b] = match secret::shown(content, other, key) {
                    Some(shown) => shown.map(Some),
                    None => [None, None],
                };
                return Ok(Some(ContentDifference::Secret { a, b }));
            }
            Ok(Some(difference(&content, &other)))
        }
        _ => Ok(None),
    }
}

/// Returns whether everybody on the node may read a file.
fn is_public(file: &Metadata) -> bool {
    file.mode & 0o004 != 0
}

fn difference(a: &[u8], b: &[u8]) -> ContentDifference {
    let texts = as_plain_text(a).zip(as_plain_text(b));
    if let Some((a, b)) = texts {
        if let (Ok(a), Ok(b)) = (pki::certificate(a), pki::certificate(b)) {
            let shown = |it: &pki::Certificate| {
                format!("{}, valid until {}", it.fingerprint, date(it.not_after))
            };
            return ContentDifference::Certificate {
                a: shown(&a),
                b: shown(&b),
            };
        }
        let unified = TextDiff::from_lines(a, b)
            .unified_diff()
            .context_radius(1)
            .to_string();
        return ContentDifference::Text { unified };
    }
    ContentDifference::Binary {
        a: hex::sha256(a),
        b: hex::sha256(b),
    }
}

/// Returns a content as text, if it is one that a terminal can show.
fn as_plain_text(content: &[u8]) -> Option<&str> {
    let is_short = u64::try_from(content.len()).is_ok_and(|len| len <= LARGEST_TEXT);
    let text = std::str::from_utf8(content).ok().filter(|_| is_short)?;
    let is_plain = text
        .chars()
        .all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'));
    is_plain.then_some(text)
}

impl Display for ContentDifference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret {
                a: Some(a),
                b: Some(b),
            } => writeln!(f, "      - {a}\n      + {b}"),
            Self::Secret { .. } => {
                writeln!(
                    f,
                    "      secrets that differ; `--state DIR` shows their fingerprints"
                )
            }
            Self::Certificate { a, b } => {
                writeln!(f, "      - certificate {a}\n      + certificate {b}")
            }
            Self::Target { a, b } => writeln!(f, "      - link to {a}\n      + link to {b}"),
            Self::Text { unified } => unified
                .lines()
                .try_for_each(|line| writeln!(f, "      {line}")),
            Self::Binary { a, b } => writeln!(f, "      - SHA-256 {a}\n      + SHA-256 {b}"),
        }
    }
}

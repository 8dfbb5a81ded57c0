//! The list of the files of one build in a store: `index.json`. It is written last.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::blob::Blob;
use super::content::Content;
use crate::failure::Kind;
use crate::file::is_name;
use crate::hex;
use crate::recipe::is_sha256;

/// The version of the format; it is raised when a field changes its meaning or is removed.
const FORMAT: u32 = 1;

/// The files of one build in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    /// Version of this format.
    pub(crate) format: u32,
    /// Version of etcd-image.
    pub(crate) version: String,
    /// What the build consists of.
    pub(crate) content: Content,
    /// A fingerprint of the set of recipients; absent if the files are not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encrypted_to: Option<String>,
    /// The files, by name.
    pub(crate) files: Vec<StoredFile>,
    /// The prefixes below this one that have an index of their own: the clusters of a fleet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<String>,
    /// The SHA-256 of each part: in a registry that of its manifest, in S3 that of what its index lists.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) manifests: BTreeMap<String, String>,
    /// What shows whether the keys of the cluster are the same, also after a change of its CA; a fleet has none, and earlier versions wrote
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<String>,
    /// The SHA-256 of the index without this field, which only the stored text has; earlier versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<String>,
}

/// A file of a build, and its bytes in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredFile {
    /// File name in the output directory.
    pub(crate) name: String,
    /// The file itself.
    pub(crate) plain: Blob,
    /// The object in the store, which differs from the file if it is encrypted.
    pub(crate) stored: Blob,
}

impl Index {
    /// Creates the index of these files.
    pub(super) fn new(
        content: Content,
        encrypted_to: Option<String>,
        files: Vec<StoredFile>,
        parts: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            content,
            encrypted_to,
            files,
            parts,
            manifests: BTreeMap::new(),
            keys: None,
            check: None,
        }
    }

    /// Parses the index at `place`.
    pub(super) fn from_json(place: &str, bytes: &[u8]) -> Result<Self> {
        let wrong = |why: &str| {
            let message = format!("reading {place}: {why}");
            let hint = "build into another prefix, or remove the object if nobody needs it";
            Kind::Verification.error(message, hint)
        };
        let mut index: Self = serde_json::from_slice(bytes)
            .map_err(|error| wrong(&format!("it is not an index of etcd-image: {error}")))?;
        if index.format != FORMAT {
            return Err(wrong(&format!(
                "its format {} is not {FORMAT}",
                index.format
            )));
        }
        if let Some(check) = index.check.take()
            && index.checksum()? != check
        {
            return Err(wrong("its checksum does not match"));
        }
        let is_sound = |file: &StoredFile| {
            is_sha256(&file.plain.sha256) && is_sha256(&file.stored.sha256) && is_name(&file.name)
        };
        let unsound = index.files.iter().find(|file| !is_sound(file));
        let unsound = unsound.map(|file| &file.name);
        let unsound = unsound.or(index.parts.iter().find(|part| !is_name(part)));
        let unsound = unsound.or(index.content.cluster().filter(|name| !is_name(name)));
        let mut known = BTreeSet::new();
        let mut names = index
            .files
            .iter()
            .map(|file| &file.name)
            .chain(&index.parts);
        let unsound = unsound.or(names.find(|name| !known.insert(*name)));
        let digests = &mut index.manifests.iter();
        match unsound.or(digests
            .find(|(_, digest)| !is_sha256(digest))
            .map(|(part, _)| part))
        {
            Some(name) => Err(wrong(&format!("its entry {name:?} is not valid"))),
            None => Ok(index),
        }
    }

    /// Returns the addresses of the parts of the build at `address`.
    pub(super) fn parts_of(&self, address: &Address) -> Vec<Address> {
        let place = |part: &String| match self.manifests.get(part) {
            Some(sha256) => address.part_at(part, sha256),
            None => address.part(part),
        };
        self.parts.iter().map(place).collect()
    }

    /// Returns the SHA-256 of what the index lists. It does not depend on the stored bytes, of which each encryption gives others: two
    /// workers may send the same build.
    pub(super) fn sha256(&self) -> Result<String> {
        let files = self.files.iter().map(|file| (&file.name, &file.plain));
        let files: Vec<_> = files.collect();
        let all = (&self.version, &self.content, &self.encrypted_to, files);
        Ok(hex::sha256(serde_json::to_vec(&all)?))
    }

    /// Returns the index as indented JSON, with its checksum.
    pub(super) fn to_json(&self) -> Result<String> {
        let index = Self {
            check: Some(self.checksum()?),
            ..self.clone()
        };
        Ok(serde_json::to_string_pretty(&index)? + "\n")
    }

    /// Returns the checksum of an index without its own.
    fn checksum(&self) -> Result<String> {
        Ok(hex::sha256(serde_json::to_string_pretty(self)?))
    }

    /// Returns the stored bytes of a file if the index has exactly this file for these recipients. Without recipients, these are the bytes of
    /// the file.
    pub(super) fn stored(&self, name: &str, plain: &Blob, to: Option<&str>) -> Option<&Blob> {
        let mut files = self.files.iter();
        let found = files.find(|file| file.name == name && file.plain == *plain);
        found
            .filter(|_| self.encrypted_to.as_deref() == to)
            .map(|file| &file.stored)
            .filter(|stored| to.is_some() || *stored == plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let file = |name: &str| StoredFile {
            name: name.to_owned(),
            plain: Blob {
                sha256: "a".repeat(64),
                size: 1,
            },
            stored: Blob {
                sha256: "b".repeat(64),
                size: 2,
            },
        };
        Index::new(
            Content::Fleet(None),
            Some("c".to_owned()),
            vec![file("etcd1.img"), file("ab")],
            vec!["home".to_owned()],
        )
    }

    #[test]
    fn an_index_survives_writing_and_reading() {
        let json = index().to_json().unwrap();
        assert_eq!(Index::from_json("a", json.as_bytes()).unwrap(), index());
    }

    #[test]
    fn an_unsound_index_is_refused() {
        let error_after = |change: fn(&mut Index)| {
            let mut index = index();
            change(&mut index);
            let json = index.to_json().unwrap();
            Index::from_json("a", json.as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error_after(|index| index.format = 2),
            "reading a: its format 2 is not 1"
        );
        for name in ["..", "../x", "/x", "a/b", "a\\b", "c:x", "", "a\u{1b}[2J"] {
            let mut index = index();
            index.files[0].name = name.to_owned();
            let json = index.to_json().unwrap();
            let error = Index::from_json("a", json.as_bytes()).unwrap_err();
            let wanted = format!("reading a: its entry {name:?} is not valid");
            assert_eq!(error.to_string(), wanted);
        }
        assert_eq!(
            error_after(|index| index.parts[0] = "ab".to_owned()),
            "reading a: its entry \"ab\" is not valid"
        );
        assert_eq!(
            error_after(|index| index.content = Content::Cluster("a\u{1b}".to_owned())),
            "reading a: its entry \"a\\u{1b}\" is not valid"
        );
        assert_eq!(
            error_after(|index| index.files[1].stored.sha256 = "b".to_owned()),
            "reading a: its entry \"ab\" is not valid"
        );
    }

    #[test]
    fn the_digest_of_an_index_is_that_of_the_files_before_their_encryption() {
        let digest = |change: fn(&mut Index)| {
            let mut index = index();
            change(&mut index);
            index.sha256().unwrap()
        };
        let own = index().sha256().unwrap();
        assert_eq!(digest(|it| it.files[0].stored.sha256 = "d".repeat(64)), own);
        assert_ne!(digest(|it| it.files[0].plain.sha256 = "d".repeat(64)), own);
        assert_ne!(digest(|it| it.encrypted_to = None), own);
        assert_ne!(digest(|it| drop(it.files.pop())), own);
    }

    #[test]
    fn stored_bytes_are_reused_for_the_same_file_and_recipients_only() {
        let (index, plain) = (index(), index().files[0].plain.clone());
        let other = Blob {
            size: 9,
            ..plain.clone()
        };
        assert!(index.stored("etcd1.img", &plain, Some("c")).is_some());
        assert!(index.stored("etcd1.img", &plain, Some("d")).is_none());
        assert!(index.stored("etcd1.img", &plain, None).is_none());
        assert!(index.stored("etcd1.img", &other, Some("c")).is_none());
        assert!(index.stored("etcd2.img", &plain, Some("c")).is_none());
    }
}

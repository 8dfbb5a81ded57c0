//! Partial downloads. They survive a dropped connection and a killed run; the next run resumes where this one ended.

use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use fs_err::File;
use serde::{Deserialize, Serialize};

use super::cache::CacheEntry;
use super::digest::DigestReader;
use super::follow::Follower;
use crate::digest::{Digested, Digester};

/// The extensions of the two files.
const PART: &str = "part";
const FROM: &str = "part.from";

/// The source of the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    url: String,
    /// The `ETag` or `Last-Modified` header, by which the server detects whether its file is still the same.
    validator: Option<String>,
}

/// The bytes so far and their digest.
#[derive(Debug)]
pub(super) struct Partial<'a> {
    entry: &'a CacheEntry,
    file: File,
    digester: Digester,
    origin: Origin,
    /// Whether the bytes came in more than one response and may belong to different files.
    pieced: bool,
}

impl<'a> Partial<'a> {
    /// Opens the partial download that an earlier run left, or an empty one.
    pub(super) fn open(entry: &'a CacheEntry, url: &str) -> Result<Self> {
        let file = entry.resume(PART)?;
        let digester = DigestReader::new(&file).drain_digester()?;
        let mut origin: Origin = fs_err::read_to_string(entry.path(FROM))
            .ok()
            .and_then(|text| toml::from_str(&text).ok())
            .unwrap_or_default();
        if origin.url != url {
            // Another mirror with the same digest: its bytes remain usable, its validator does not.
            origin = Origin {
                url: url.to_owned(),
                validator: None,
            };
        }
        let pieced = digester.size() > 0;
        entry.arrived().restart();
        entry.arrived().note(digester.size());
        Ok(Self {
            entry,
            file,
            digester,
            origin,
            pieced,
        })
    }

    /// Returns the number of bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.digester.size()
    }

    /// Returns the validator of the bytes so far, for `If-Range`.
    pub(super) fn validator(&self) -> Option<&str> {
        self.origin.validator.as_deref()
    }

    pub(super) fn pieced(&self) -> bool {
        self.pieced
    }

    /// Records that the next bytes come from another response than the bytes so far.
    pub(super) fn resume(&mut self) {
        self.pieced = self.len() > 0;
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes)?;
        self.digester.update(bytes);
        self.entry.arrived().note(self.len());
        Ok(())
    }

    /// Discards the bytes so far; the next ones have this validator.
    pub(super) fn restart(&mut self, validator: Option<String>) -> Result<()> {
        self.entry.arrived().restart();
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.digester = Digester::default();
        self.pieced = false;
        self.origin.validator = validator;
        self.entry.write(FROM, &toml::to_string(&self.origin)?)
    }

    /// Returns a reader of the bytes that an entry's download brings, which waits for them.
    pub(super) fn follow(entry: &CacheEntry) -> Follower<'_> {
        Follower::new(entry.arrived(), entry.path(PART))
    }

    /// Returns the path of the whole download and its digest.
    pub(super) fn finish(self) -> (PathBuf, Digested) {
        (self.entry.path(PART), self.digester.finish())
    }

    /// Removes a download that is no longer useful.
    pub(super) fn remove(entry: &CacheEntry) -> Result<()> {
        entry.remove(PART)?;
        entry.remove(FROM)
    }
}

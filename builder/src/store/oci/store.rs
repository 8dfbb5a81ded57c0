//! A build in a registry: a manifest, the index, and the files.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use fs_err::File;

use super::super::address::Address;
use super::super::backend::Store;
use super::super::blob::Blob;
use super::super::index::Index;
use super::super::staging::Journal;
use super::manifest;
use super::registry::Registry;
use crate::failure::Kind;
use crate::progress::{Silent, Task};

/// The greatest length of an index.
const INDEX_LIMIT: u64 = 64 << 20;

impl Store for Registry {
    fn place(&self, blob: &Blob) -> String {
        self.place_of(blob)
    }

    fn must_accept(&self) -> Result<()> {
        self.must_accept_uploads()
    }

    fn index(&self) -> Result<Option<Index>> {
        let place = self.reference.to_string();
        let Some(bytes) = self.manifest(&self.reference)? else {
            return Ok(None);
        };
        let blob = manifest::index_of(&place, &bytes)?;
        let wrong = |why: &str| {
            let hint = "do not use it; build into this repository again";
            Kind::Verification.error(format!("the index of {place} {why}"), hint)
        };
        if blob.size > INDEX_LIMIT {
            return Err(wrong("is too long"));
        }
        let mut json = Vec::new();
        let found = self.read(&blob, &mut json);
        if found.with_context(|| format!("reading the index of {place}"))? != blob {
            return Err(wrong("has another SHA-256 than its manifest says"));
        }
        Index::from_json(&place, &json).map(Some)
    }

    fn write_index(&self, index: &Index) -> Result<Address> {
        let json = index.to_json()?.into_bytes();
        let blob = Blob::of(&json);
        if !self.has(&blob)? {
            self.send(&blob, &mut Cursor::new(json), None, &mut Silent)?;
        }
        let manifest = manifest::to_json(index, &blob)?;
        Ok(Address::Oci(self.write_manifest(&manifest)?))
    }

    fn has(&self, blob: &Blob) -> Result<bool> {
        Ok(self.size(blob)? == Some(blob.size))
    }

    fn blob(&self, blob: &Blob, to: &mut dyn Write) -> Result<Blob> {
        self.read(blob, to)
    }

    fn upload(
        &self,
        blob: &Blob,
        file: &Path,
        journal: &Journal,
        task: &mut dyn Task,
    ) -> Result<()> {
        self.send(blob, &mut File::open(file)?, Some(journal), task)
    }
}

//! A build in S3: one object for each blob, and `index.json`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use object_store::multipart::MultipartStore as _;

use super::super::address::Address;
use super::super::backend::Store;
use super::super::blob::Blob;
use super::super::index::Index;
use super::super::staging::Journal;
use super::client::S3;
use super::error::explain;
use crate::digest::DigestWriter;
use crate::failure::Kind;
use crate::progress::Task;

/// The name of the index.
const INDEX: &str = "index.json";

impl Store for S3 {
    fn place(&self, blob: &Blob) -> String {
        S3::place(self, &blob.name())
    }

    fn must_accept(&self) -> Result<()> {
        let path = self.path(INDEX);
        let begun = self.run(self.client.create_multipart(&path));
        let upload = begun.map_err(|error| explain(&error, &self.bucket.to_string(), "writing"))?;
        // Whoever may not take it back leaves an upload without parts, which no reader sees.
        let _ = self.run(self.client.abort_multipart(&path, &upload));
        Ok(())
    }

    fn index(&self) -> Result<Option<Index>> {
        let place = S3::place(self, INDEX);
        let Some(bytes) = self.small(INDEX)? else {
            return Ok(None);
        };
        let index = Index::from_json(&place, &bytes)?;
        match self.bucket.digest() {
            Some(wanted) if index.sha256()? != wanted => Err(Kind::Verification.error(
                format!("reading {place}: the index of the fleet names another build of this cluster"),
                "a build of the fleet was interrupted, or still goes on; build the fleet into this prefix again",
            )),
            _ => Ok(Some(index)),
        }
    }

    fn write_index(&self, index: &Index) -> Result<Address> {
        self.write(INDEX, index.to_json()?.into_bytes())?;
        Ok(Address::S3(self.bucket.at(&index.sha256()?)))
    }

    fn has(&self, blob: &Blob) -> Result<bool> {
        Ok(self.size(&blob.name())? == Some(blob.size))
    }

    fn blob(&self, blob: &Blob, to: &mut dyn Write) -> Result<Blob> {
        let mut writer = DigestWriter::new(to);
        self.read(&blob.name(), 0..blob.size, &mut writer)?;
        Ok(writer.finish().0)
    }

    fn upload(
        &self,
        blob: &Blob,
        file: &Path,
        journal: &Journal,
        task: &mut dyn Task,
    ) -> Result<()> {
        self.upload_in_parts(blob, file, journal, task)
    }
}

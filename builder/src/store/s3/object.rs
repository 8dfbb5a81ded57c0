//! An object that is written while its bytes arrive, and exists only once all of them have.

use std::fmt;
use std::io::{self, Write};
use std::mem;

use anyhow::Result;
use object_store::multipart::{MultipartStore as _, PartId};

use super::client::S3;
use super::error::explain;

/// The length of every part but the last. Stores accept up to 10,000 parts of at least 5 MiB each.
const PART: usize = 8 << 20;

/// An object on its way to a store. Unless it is finished, the store gives it up when this is dropped.
#[derive(Debug)]
pub(crate) struct ObjectWriter<'a> {
    store: &'a S3,
    name: String,
    /// The bytes after the last part.
    rest: Vec<u8>,
    /// The server's name of the upload, once it has begun.
    upload: Option<String>,
    parts: Vec<PartId>,
}

/// The error of a store inside that of a writer.
#[derive(Debug)]
struct Unsent(anyhow::Error);

impl S3 {
    /// Begins an object of this name.
    pub(crate) fn begin(&self, name: &str) -> ObjectWriter<'_> {
        ObjectWriter {
            store: self,
            name: name.to_owned(),
            rest: Vec::new(),
            upload: None,
            parts: Vec::new(),
        }
    }
}

impl ObjectWriter<'_> {
    /// Sends the last bytes, after which the object exists.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.upload.is_none() {
            return self.store.write(&self.name, mem::take(&mut self.rest));
        }
        let size = (self.parts.len() * PART + self.rest.len()) as u64;
        if !self.rest.is_empty() {
            let last = mem::take(&mut self.rest);
            self.send(last)?;
        }
        let Some(upload) = &self.upload else {
            return Ok(());
        };
        let (client, path) = (&self.store.client, self.store.path(&self.name));
        let completed = client.complete_multipart(&path, upload, mem::take(&mut self.parts));
        if let Err(error) = self.store.run(completed)
            && !self.store.has_ended(&self.name, size)
        {
            return Err(self.explain(&error));
        }
        self.upload = None;
        Ok(())
    }

    fn send(&mut self, part: Vec<u8>) -> Result<()> {
        let (client, path) = (&self.store.client, self.store.path(&self.name));
        let upload = if let Some(upload) = &self.upload {
            upload.clone()
        } else {
            let begun = self.store.run(client.create_multipart(&path));
            begun.map_err(|error| self.explain(&error))?
        };
        let sent = client.put_part(&path, &upload, self.parts.len(), part.into());
        let sent = self.store.run(sent);
        self.upload = Some(upload);
        let sent = sent.map_err(|error| self.explain(&error))?;
        self.parts.push(sent);
        Ok(())
    }

    fn explain(&self, error: &object_store::Error) -> anyhow::Error {
        explain(error, &self.store.place(&self.name), "writing")
    }
}

impl Write for ObjectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        while self.rest.len() > PART {
            let rest = self.rest.split_off(PART);
            let part = mem::replace(&mut self.rest, rest);
            self.send(part)
                .map_err(|error| io::Error::other(Unsent(error)))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ObjectWriter<'_> {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            let path = self.store.path(&self.name);
            // Whoever may not take it back leaves an upload that no reader sees.
            let _ = self
                .store
                .run(self.store.client.abort_multipart(&path, upload));
        }
    }
}

/// Returns the error of the store behind that of a writer.
pub(crate) fn unsent(error: io::Error) -> anyhow::Error {
    match error.downcast::<Unsent>() {
        Ok(Unsent(error)) => error,
        Err(error) => error.into(),
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unsent {}

//! The upload of one blob, in parts that a later run need not repeat.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use fs_err::File;
use object_store::multipart::{MultipartStore as _, PartId};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::super::blob::Blob;
use super::super::staging::Journal;
use super::client::S3;
use super::error::explain;
use crate::progress::Task;

/// The smallest length of a part. Stores accept parts of at least 5 MiB.
const PART: u64 = 8 << 20;
/// The largest number of parts that stores accept.
const PARTS: u64 = 10_000;
/// The number of parts on their way at once; each needs memory for its bytes.
const AT_ONCE: u64 = 4;

/// The parts of a blob that a store has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentParts {
    /// The object, since one machine may send to several servers.
    place: String,
    /// The server's name of the upload.
    id: String,
    /// The length of every part but the last.
    part_size: u64,
    /// The server's name of every part, from the first.
    parts: Vec<String>,
}

impl S3 {
    /// Uploads the file as a blob, continuing an earlier run. No object exists until all its bytes have arrived.
    pub(crate) fn upload_in_parts(
        &self,
        blob: &Blob,
        file: &Path,
        journal: &Journal,
        task: &mut dyn Task,
    ) -> Result<()> {
        if blob.size <= PART {
            return self.write(&blob.name(), fs_err::read(file)?);
        }
        let place = self.place(&blob.name());
        let earlier = journal.read::<SentParts>();
        let earlier = earlier.filter(|earlier| earlier.place == place);
        let is_continued = earlier.is_some();
        match self.in_parts(blob, file, journal, (earlier, task)) {
            // The server may have forgotten the parts since.
            Err(error) if is_continued && is_forgotten(&error) => {
                journal.remove()?;
                self.in_parts(blob, file, journal, (None, task))
            }
            done => done,
        }
    }

    fn in_parts(
        &self,
        blob: &Blob,
        file: &Path,
        journal: &Journal,
        (earlier, task): (Option<SentParts>, &mut dyn Task),
    ) -> Result<()> {
        let (name, path) = (blob.name(), self.path(&blob.name()));
        let failed = |error| {
            let is_forgotten = matches!(error, object_store::Error::NotFound { .. });
            let explained = explain(&error, &self.place(&name), "writing");
            match is_forgotten {
                true => explained.context(Forgotten),
                false => explained,
            }
        };
        let mut upload = match earlier {
            Some(earlier) => earlier,
            None => SentParts {
                place: self.place(&name),
                id: self
                    .run(self.client.create_multipart(&path))
                    .map_err(failed)?,
                part_size: PART.max(blob.size.div_ceil(PARTS)),
                parts: Vec::new(),
            },
        };
        let mut file = File::open(file)?;
        let count = blob.size.div_ceil(upload.part_size);
        while (upload.parts.len() as u64) < count {
            task.at(upload.parts.len() as u64 * upload.part_size);
            let first = upload.parts.len() as u64;
            let mut pieces = Vec::new();
            for index in first..count.min(first + AT_ONCE) {
                pieces.push((index, piece(&mut file, index, upload.part_size)?));
            }
            let sent = self.run(self.send(&path, &upload.id, pieces));
            upload.parts.extend(sent?.map_err(failed)?);
            journal.write(&upload)?;
        }
        let parts = upload.parts.iter().cloned();
        let parts = parts.map(|content_id| PartId { content_id }).collect();
        let completed = self.client.complete_multipart(&path, &upload.id, parts);
        if let Err(error) = self.run(completed)
            && !self.has_ended(&name, blob.size)
        {
            return Err(failed(error));
        }
        journal.remove()
    }

    /// Sends parts at once; returns the server's names of them in their order.
    async fn send(
        &self,
        path: &object_store::path::Path,
        id: &str,
        pieces: Vec<(u64, Vec<u8>)>,
    ) -> Result<object_store::Result<Vec<String>>> {
        let mut sending = JoinSet::new();
        for (index, bytes) in pieces {
            let (client, path) = (Arc::clone(&self.client), path.clone());
            let (id, number) = (id.to_owned(), usize::try_from(index)?);
            sending.spawn(async move {
                let sent = client.put_part(&path, &id, number, bytes.into()).await;
                (index, sent)
            });
        }
        let mut names = BTreeMap::new();
        while let Some(sent) = sending.join_next().await {
            match sent.context("sending a part")? {
                (index, Ok(part)) => names.insert(index, part.content_id),
                (_, Err(error)) => return Ok(Err(error)),
            };
        }
        Ok(Ok(names.into_values().collect()))
    }
}

/// Reads one part of a file.
fn piece(file: &mut File, index: u64, size: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(index * size))?;
    let mut bytes = Vec::with_capacity(usize::try_from(size)?);
    file.by_ref().take(size).read_to_end(&mut bytes)?;
    match bytes.is_empty() {
        true => Err(anyhow!("{} became shorter", file.path().display())),
        false => Ok(bytes),
    }
}

/// Marks the error of a server that does not know an upload.
#[derive(Debug)]
struct Forgotten;

impl std::fmt::Display for Forgotten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("continuing an upload")
    }
}

fn is_forgotten(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Forgotten>().is_some()
}

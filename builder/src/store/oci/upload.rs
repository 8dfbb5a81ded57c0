//! The upload of one blob, in parts that a later run need not repeat if the registry still knows them.

use std::io::{Read, Seek, SeekFrom};

use anyhow::{Result, anyhow};
use reqwest::blocking::Response;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::super::blob::Blob;
use super::super::staging::Journal;
use super::answer::{RegistryFailure, accepted};
use super::client::{RegistryClient, RegistryRequest};
use super::registry::Registry;
use crate::failure::Kind;
use crate::progress::Task;

/// The length of a part for a registry that refuses longer ones: that of GitHub accepts at most 4 MiB.
const SMALL_PART: u64 = 4 << 20;

/// An upload that the registry has begun.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    /// The blob, since one machine may send to several registries.
    place: String,
    /// Where the registry expects the next part.
    location: String,
    /// The number of bytes that it has.
    at: u64,
}

/// Where the bytes come from.
pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Registry {
    /// Uploads bytes as a blob. `journal` continues an earlier run.
    pub(super) fn send(
        &self,
        blob: &Blob,
        from: &mut dyn ReadSeek,
        journal: Option<&Journal>,
        task: &mut dyn Task,
    ) -> Result<()> {
        let place = self.place_of(blob);
        let doing = format!("writing {place}");
        let earlier = journal.and_then(Journal::read::<Begun>);
        let mut begun = earlier.filter(|earlier| earlier.place == place);
        let mut is_first = begun.is_none();
        let done = RegistryClient::retry(&doing, || {
            // After a failure, only the registry knows what it has.
            if !is_first {
                match self.size(blob) {
                    Ok(Some(size)) if size == blob.size => return (Ok(()), 0),
                    Ok(_) => begun = begun.take().and_then(|it| self.known(&doing, it)),
                    Err(error) => return (Err(error.into()), 0),
                }
            }
            is_first = false;
            let sent = self.send_rest((blob, from), &mut begun, journal, task);
            (sent, begun.as_ref().map_or(0, |begun| begun.at))
        });
        // What was refused must not be continued.
        if let Some(journal) = journal
            && (done.is_ok() || begun.is_none())
        {
            journal.remove()?;
        }
        done
    }

    fn send_rest(
        &self,
        (blob, from): (&Blob, &mut dyn ReadSeek),
        begun: &mut Option<Begun>,
        journal: Option<&Journal>,
        task: &mut dyn Task,
    ) -> Result<(), RegistryFailure> {
        let doing = &format!("writing {}", self.place_of(blob));
        let upload = match begun {
            Some(upload) => upload,
            None => begun.insert(self.begin(doing, blob)?),
        };
        while upload.at < blob.size {
            task.at(upload.at);
            let part = part(from, upload.at, self.part.get().min(blob.size - upload.at))?;
            let end = upload.at + part.len() as u64;
            let mut request = RegistryRequest::new(Method::PATCH, url(doing, &upload.location)?)
                .with(CONTENT_TYPE, "application/octet-stream")
                .with(CONTENT_RANGE, format!("{}-{}", upload.at, end - 1));
            request.body = part;
            let response = self.client.send(doing, &request)?;
            if is_too_long(response.status()) && self.part.replace(SMALL_PART) > SMALL_PART {
                *begun = None;
                return Err(RegistryFailure::Passing(
                    "the registry does not accept 8 MiB at once".to_owned(),
                ));
            }
            if is_forgotten(response.status()) {
                *begun = None;
                return Err(RegistryFailure::Passing(
                    "the registry has lost the upload".to_owned(),
                ));
            }
            let response = accepted(doing, response)?;
            (upload.location, upload.at) = (next(doing, &response)?, end);
            if let Some(journal) = journal {
                journal.write(upload)?;
            }
        }
        let mut last = url(doing, &upload.location)?;
        let digest = format!("sha256:{}", blob.sha256);
        last.query_pairs_mut().append_pair("digest", &digest);
        let response = self
            .client
            .send(doing, &RegistryRequest::new(Method::PUT, last))?;
        if is_forgotten(response.status()) {
            *begun = None;
            return Err(RegistryFailure::Passing(
                "the registry has lost the upload".to_owned(),
            ));
        }
        if response.status().is_client_error() {
            *begun = None;
        }
        accepted(doing, response).map(drop)
    }

    /// Begins an upload.
    fn begin(&self, doing: &str, blob: &Blob) -> Result<Begun, RegistryFailure> {
        let request = RegistryRequest::new(Method::POST, self.client.url("blobs/uploads/"));
        let response = accepted(doing, self.client.send(doing, &request)?)?;
        Ok(Begun {
            place: self.place_of(blob),
            location: next(doing, &response)?,
            at: 0,
        })
    }

    /// Begins an upload and gives it up, which shows whether the registry accepts one. Not every registry can give it up.
    pub(super) fn must_accept_uploads(&self) -> Result<()> {
        let doing = format!("writing {}", self.reference);
        let nothing = Blob {
            sha256: String::new(),
            size: 0,
        };
        let begun = RegistryClient::retry(&doing, || (self.begin(&doing, &nothing), 0))?;
        if let Ok(url) = url(&doing, &begun.location) {
            let _ = self
                .client
                .send(&doing, &RegistryRequest::new(Method::DELETE, url));
        }
        Ok(())
    }

    /// Asks the registry how much of an upload it has; `None` if it must begin again.
    fn known(&self, doing: &str, begun: Begun) -> Option<Begun> {
        let request = RegistryRequest::new(Method::GET, url(doing, &begun.location).ok()?);
        let response = self.client.send(doing, &request).ok()?;
        let response = accepted(doing, response).ok()?;
        let range = response.headers().get(RANGE)?.to_str().ok()?;
        let last: u64 = range.strip_prefix("0-")?.parse().ok()?;
        // The range of an upload without bytes and of one with a single byte are the same.
        let at = last.checked_add(1).filter(|_| last > 0)?;
        Some(Begun {
            location: next(doing, &response).unwrap_or(begun.location),
            at,
            ..begun
        })
    }
}

/// Reads the part of this length at an offset.
fn part(from: &mut dyn ReadSeek, at: u64, length: u64) -> Result<Vec<u8>> {
    from.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    match bytes.is_empty() {
        true => Err(anyhow!("a file became shorter while it was sent")),
        false => Ok(bytes),
    }
}

/// Returns where the registry expects the next request about an upload.
fn next(doing: &str, response: &Response) -> Result<String, RegistryFailure> {
    let header = response.headers().get(LOCATION);
    let location = header.and_then(|it| response.url().join(it.to_str().ok()?).ok());
    let location = location.ok_or_else(|| no_registry(doing))?;
    Ok(location.into())
}

fn url(doing: &str, location: &str) -> Result<Url> {
    Url::parse(location).map_err(|_| no_registry(doing))
}

fn no_registry(doing: &str) -> anyhow::Error {
    Kind::Storage.error(
        format!("{doing}: the server does not answer like a registry"),
        "check the address; a proxy or a portal may answer in its place",
    )
}

/// Returns whether a registry refuses a part because of its length. That of GitHub answers as if the range were wrong.
fn is_too_long(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

fn is_forgotten(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

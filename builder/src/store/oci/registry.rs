//! A repository in a registry: its manifests and blobs.

use std::cell::Cell;
use std::io::{self, Read as _, Write};

use anyhow::Result;
use reqwest::blocking::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RANGE};
use reqwest::{Method, StatusCode};

use super::super::blob::Blob;
use super::address::Reference;
use super::answer::{RegistryFailure, accepted};
use super::client::{RegistryClient, RegistryRequest, read_limited};
use super::login::RegistryLogin;
use super::manifest::MANIFEST;
use crate::cli::StoreAccess;
use crate::digest::DigestWriter;
use crate::failure::Kind;
use crate::hex;

/// The greatest length of a manifest, as registries have it.
const MANIFEST_LIMIT: u64 = 4 << 20;
/// The length of a part of an upload.
const PART: u64 = 8 << 20;

/// A repository, and the build in it that the address names.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(super) client: RegistryClient,
    pub(super) reference: Reference,
    /// The length of the parts of an upload, which is smaller once the registry has refused one.
    pub(super) part: Cell<u64>,
}

impl Registry {
    /// Prepares a client; opens no connection yet.
    pub(crate) fn open(
        reference: &Reference,
        access: &StoreAccess,
        is_written: bool,
    ) -> Result<Self> {
        let login = RegistryLogin::find(reference, &access.logins)?;
        Ok(Self {
            client: RegistryClient::new(reference, login, is_written)?,
            reference: reference.clone(),
            part: Cell::new(PART),
        })
    }

    /// Returns the manifest with a tag or digest, if there is one. That of a digest is compared with it.
    pub(super) fn manifest(&self, reference: &Reference) -> Result<Option<Vec<u8>>> {
        let doing = format!("reading {reference}");
        let url = self
            .client
            .url(&format!("manifests/{}", reference.manifest()));
        let request = RegistryRequest::new(Method::GET, url).with(ACCEPT, MANIFEST);
        let read = || {
            let response = self.client.send(&doing, &request)?;
            match response.status() {
                StatusCode::NOT_FOUND => Ok(None),
                _ => read_limited(accepted(&doing, response)?, MANIFEST_LIMIT).map(Some),
            }
        };
        let bytes = RegistryClient::retry(&doing, || (read(), 0))?;
        let found = bytes.as_ref().map(hex::sha256);
        match (found, reference.digest()) {
            (Some(found), Some(wanted)) if found != wanted => Err(Kind::Verification.error(
                format!("{reference}: the registry returns a manifest with the SHA-256 {found}"),
                "do not use it; the registry or its disk is faulty",
            )),
            _ => Ok(bytes),
        }
    }

    /// Writes a manifest under the address's tag, and reads it back by its digest. Returns the address with the digest.
    pub(super) fn write_manifest(&self, bytes: &[u8]) -> Result<Reference> {
        let doing = format!("writing {}", self.reference);
        let name = self.reference.manifest();
        let url = self.client.url(&format!("manifests/{name}"));
        let mut request = RegistryRequest::new(Method::PUT, url).with(CONTENT_TYPE, MANIFEST);
        bytes.clone_into(&mut request.body);
        let write = || accepted(&doing, self.client.send(&doing, &request)?).map(drop);
        RegistryClient::retry(&doing, || (write(), 0))?;
        let pinned = self.reference.at(&hex::sha256(bytes));
        match self.manifest(&pinned)? {
            Some(_) => Ok(pinned),
            None => Err(Kind::Verification.error(
                format!("{pinned}: the registry does not have what it was sent"),
                "run the command again; if that repeats, the registry is faulty",
            )),
        }
    }

    /// Returns the size of a blob, or `None` if the repository does not have it.
    pub(super) fn size(&self, blob: &Blob) -> Result<Option<u64>> {
        let doing = format!("looking for {}", self.place_of(blob));
        let request = RegistryRequest::new(Method::HEAD, self.client.url(&path(blob)));
        let look = || {
            let response = self.client.send(&doing, &request)?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            Ok(length(&accepted(&doing, response)?))
        };
        RegistryClient::retry(&doing, || (look(), 0))
    }

    /// Reads a blob to its end, whatever its bytes are. A broken connection is continued where it broke.
    pub(super) fn read(&self, blob: &Blob, to: &mut dyn Write) -> Result<Blob> {
        let doing = format!("reading {}", self.place_of(blob));
        let mut writer = DigestWriter::new(to);
        let mut at = 0;
        RegistryClient::retry(&doing, || {
            let read = self.read_rest(&doing, blob, &mut at, &mut writer);
            (read, at)
        })?;
        Ok(writer.finish().0)
    }

    fn read_rest(
        &self,
        doing: &str,
        blob: &Blob,
        at: &mut u64,
        to: &mut dyn Write,
    ) -> Result<(), RegistryFailure> {
        let mut request = RegistryRequest::new(Method::GET, self.client.url(&path(blob)));
        if *at > 0 {
            request = request.with(RANGE, format!("bytes={at}-"));
        }
        let response = self.client.send(doing, &request)?;
        if response.status() == StatusCode::NOT_FOUND {
            let hint = "build into this repository again";
            return Err(Kind::Verification
                .error(format!("{doing}: it is missing"), hint)
                .into());
        }
        let mut response = accepted(doing, response)?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            let skipped = io::copy(&mut response.by_ref().take(*at), &mut io::sink());
            skipped.map_err(|_| broken(*at, blob))?;
        }
        // One byte more than expected shows that the blob is longer, and is enough.
        let mut rest = response.take(blob.size.saturating_sub(*at).saturating_add(1));
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = rest.read(&mut buffer);
            let count = read.map_err(|_| broken(*at, blob))?;
            if count == 0 {
                break;
            }
            let written = to.write_all(buffer.get(..count).unwrap_or_default());
            written.map_err(|error| RegistryFailure::Final(error.into()))?;
            *at += count as u64;
        }
        match *at < blob.size {
            true => Err(broken(*at, blob)),
            false => Ok(()),
        }
    }

    /// Returns the address of a blob for messages.
    pub(super) fn place_of(&self, blob: &Blob) -> String {
        self.reference.at(&blob.sha256).to_string()
    }
}

fn broken(at: u64, blob: &Blob) -> RegistryFailure {
    let size = blob.size;
    RegistryFailure::Passing(format!("the connection broke after {at} of {size} bytes"))
}

fn path(blob: &Blob) -> String {
    format!("blobs/sha256:{}", blob.sha256)
}

/// Returns the length that an answer without a body announces.
fn length(response: &Response) -> Option<u64> {
    let header = response.headers().get(reqwest::header::CONTENT_LENGTH);
    header.and_then(|it| it.to_str().ok()?.parse().ok())
}

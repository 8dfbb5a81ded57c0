//! A client of S3 and of stores with the same interface. No other module of `store` opens connections.
//!
//! The library is asynchronous; a client owns a runtime without threads of its own, and all its functions block.

use std::future::Future;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientOptions, ObjectStoreExt as _, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::address::Address;
use super::blob::{Blob, BlobWriter};
use super::index::Index;
use super::s3_error::explain;
use crate::cli::AwsVariables;
use crate::failure::Kind;

/// The name of the index in a store.
const INDEX: &str = "index.json";
/// The number of bytes read with one request.
const PIECE: usize = 8 << 20;

/// A bucket and a prefix in it.
pub(super) struct S3 {
    pub(super) client: Arc<AmazonS3>,
    runtime: Runtime,
    address: Address,
}

impl S3 {
    /// Prepares a client; opens no connection yet.
    pub(super) fn open(address: &Address, variables: &AwsVariables) -> Result<Self> {
        if !variables.has_credentials() {
            return Err(Kind::Usage.error(
                format!("no credentials for {address}"),
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with a profile of the AWS tools: eval \"$(aws configure export-credentials --format env)\"",
            ));
        }
        let mut builder = AmazonS3Builder::new().with_bucket_name(&address.bucket);
        for (name, value) in variables.iter() {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 4,
            retry_timeout: Duration::from_mins(2),
        };
        let options = ClientOptions::new()
            .with_timeout(Duration::from_mins(2)) // of one request, which moves at most a few MiB
            .with_connect_timeout(Duration::from_secs(10))
            .with_allow_http(variables.endpoint_is_plain());
        let client = builder
            .with_retry(retry)
            .with_client_options(options)
            .build()
            .map_err(|error| explain(&error, &address.to_string(), "opening"))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: Arc::new(client),
            runtime: runtime.context("starting the client of the store")?,
            address: address.clone(),
        })
    }

    /// Returns the address of an object for messages.
    pub(super) fn place(&self, name: &str) -> String {
        format!("s3://{}/{}", self.address.bucket, self.address.key(name))
    }

    /// Returns the path of an object below the prefix.
    pub(super) fn path(&self, name: &str) -> ObjectPath {
        ObjectPath::from(self.address.key(name))
    }

    /// Runs requests to their end.
    pub(super) fn run<T>(&self, requests: impl Future<Output = T>) -> T {
        self.runtime.block_on(requests)
    }

    /// Returns a small object, or `None` if it does not exist.
    pub(super) fn small(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let read = async {
            let found = self.client.get(&self.path(name)).await?;
            found.bytes().await
        };
        match self.run(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { source, .. }) if !is_no_bucket(&*source) => {
                Ok(None)
            }
            Err(error) => Err(explain(&error, &self.place(name), "reading")),
        }
    }

    /// Writes a small object in one step.
    pub(super) fn write(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let written = self.run(self.client.put(&self.path(name), bytes.into()));
        written
            .map(drop)
            .map_err(|error| explain(&error, &self.place(name), "writing"))
    }

    /// Returns the size of an object, or `None` if it does not exist.
    pub(super) fn size(&self, name: &str) -> Result<Option<u64>> {
        match self.run(self.client.head(&self.path(name))) {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(explain(&error, &self.place(name), "looking for")),
        }
    }

    /// Returns whether the store has a blob, by its size.
    pub(super) fn has(&self, blob: &Blob) -> Result<bool> {
        Ok(self.size(&blob.name())? == Some(blob.size))
    }

    /// Returns the index, if the prefix has one.
    pub(super) fn index(&self) -> Result<Option<Index>> {
        let bytes = self.small(INDEX)?;
        let parse = |bytes: Vec<u8>| Index::from_json(&self.place(INDEX), &bytes);
        bytes.map(parse).transpose()
    }

    /// Replaces the index, which makes a build visible.
    pub(super) fn write_index(&self, index: &Index) -> Result<()> {
        self.write(INDEX, index.to_json()?.into_bytes())
    }

    /// Reads a blob to its end and returns what it really is, for the caller to compare.
    pub(super) fn blob(&self, blob: &Blob, to: &mut dyn Write) -> Result<Blob> {
        let mut writer = BlobWriter::new(to);
        self.read(&blob.name(), 0..blob.size, &mut writer)?;
        Ok(writer.finish().0)
    }

    /// Reads a range of an object, piece by piece.
    pub(super) fn read(&self, name: &str, range: Range<u64>, to: &mut dyn Write) -> Result<()> {
        let path = self.path(name);
        for start in range.clone().step_by(PIECE) {
            let end = range.end.min(start + PIECE as u64);
            let piece = self.run(self.client.get_range(&path, start..end));
            let piece = piece.map_err(|error| explain(&error, &self.place(name), "reading"))?;
            to.write_all(&piece)?;
        }
        Ok(())
    }
}

fn is_no_bucket(error: &(dyn std::error::Error + 'static)) -> bool {
    super::s3_error::text(error).contains("NoSuchBucket")
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3({})", self.address)
    }
}

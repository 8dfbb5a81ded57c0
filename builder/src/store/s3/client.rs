//! A client of S3 and of servers with the same interface.
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
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore as _, ObjectStoreExt as _, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::address::Bucket;
use super::environment;
use super::error::{explain, unusable};
use super::watched::{CONNECT, Connector};
use crate::cli::AwsVariables;

/// The number of bytes read with one request.
const PIECE: usize = 8 << 20;

/// How long a request may make no progress, and how often it is repeated then or after another failure that may pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryLimits {
    /// The longest time without a byte that arrives or leaves.
    pub(super) silence: Duration,
    /// The number of repetitions.
    pub(super) repetitions: usize,
}

impl RetryLimits {
    const DEFAULT: Self = Self {
        silence: Duration::from_mins(1),
        repetitions: 4,
    };
}

/// The time since the first attempt after which a request is not repeated: its signature is valid for 15 minutes.
const REPEATABLE: Duration = Duration::from_mins(10);

/// A bucket and a prefix in it.
pub(crate) struct S3 {
    pub(super) client: Arc<AmazonS3>,
    pub(super) bucket: Bucket,
    runtime: Runtime,
}

impl S3 {
    /// Prepares a client; opens no connection yet.
    pub(crate) fn open(bucket: &Bucket, variables: &AwsVariables) -> Result<Self> {
        Self::open_with(bucket, variables, RetryLimits::DEFAULT)
    }

    /// Prepares a client with these limits.
    pub(super) fn open_with(
        bucket: &Bucket,
        variables: &AwsVariables,
        limits: RetryLimits,
    ) -> Result<Self> {
        environment::check(bucket, variables)?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in variables.iter() {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(address) = variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            builder = builder.with_metadata_endpoint(address.trim_end_matches('/'));
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: limits.repetitions,
            retry_timeout: REPEATABLE,
        };
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_allow_http(variables.endpoint_is_plain());
        let connector = Connector {
            silence: limits.silence,
        };
        let client = builder
            .with_bucket_name(&bucket.name) // last: one of the library's variables names a bucket as well
            .with_disable_bulk_delete(true) // which not every server has
            .with_retry(retry)
            .with_client_options(options)
            .with_http_connector(connector)
            .build()
            .map_err(|error| unusable(&error, bucket))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: Arc::new(client),
            runtime: runtime.context("starting the client of the store")?,
            bucket: bucket.clone(),
        })
    }

    /// Returns the address of an object for messages.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket.name, self.bucket.key(name))
    }

    /// Returns the path of an object below the prefix.
    pub(super) fn path(&self, name: &str) -> ObjectPath {
        ObjectPath::from(self.bucket.key(name))
    }

    /// Runs requests to their end.
    pub(super) fn run<T>(&self, requests: impl Future<Output = T>) -> T {
        self.runtime.block_on(requests)
    }

    /// Returns a small object, or `None` if it does not exist.
    pub(crate) fn small(&self, name: &str) -> Result<Option<Vec<u8>>> {
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
    pub(crate) fn write(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let written = self.run(self.client.put(&self.path(name), bytes.into()));
        written
            .map(drop)
            .map_err(|error| explain(&error, &self.place(name), "writing"))
    }

    /// Returns the size of an object, or `None` if it does not exist.
    pub(crate) fn size(&self, name: &str) -> Result<Option<u64>> {
        match self.run(self.client.head(&self.path(name))) {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(explain(&error, &self.place(name), "looking for")),
        }
    }

    /// Returns whether an upload has ended although its end was answered by an error: the first answer may be lost, and to a repeated
    /// request the server answers that there is no such upload.
    pub(super) fn has_ended(&self, name: &str, size: u64) -> bool {
        self.size(name).is_ok_and(|found| found == Some(size))
    }

    /// Returns the names of the objects directly below the prefix.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let prefix = match self.bucket.key("") {
            whole if whole.is_empty() => None,
            prefix => Some(ObjectPath::from(prefix)),
        };
        let listed = self.run(self.client.list_with_delimiter(prefix.as_ref()));
        let listed =
            listed.map_err(|error| explain(&error, &self.bucket.to_string(), "listing"))?;
        let names = listed.objects.iter();
        let names = names.filter_map(|object| object.location.filename().map(str::to_owned));
        Ok(names.collect())
    }

    /// Removes an object, if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        match self.run(self.client.delete(&self.path(name))) {
            Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => {
                Err(explain(&error, &self.place(name), "removing"))
            }
            _ => Ok(()),
        }
    }

    /// Reads a range of an object, piece by piece.
    pub(crate) fn read(&self, name: &str, range: Range<u64>, to: &mut dyn Write) -> Result<()> {
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
    super::error::text(error).contains("NoSuchBucket")
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3({})", self.bucket)
    }
}

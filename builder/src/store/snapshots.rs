//! Snapshots of clusters in a bucket: objects with the names of the files that they would be in a directory, encrypted on request.

use std::io::{self, Write};
use std::path::Path;

use age::stream::StreamWriter;
use anyhow::Result;

use super::address::Address;
use super::encryption::{Identities, Recipients};
use super::s3::{ObjectWriter, S3, unsent};
use crate::cli::{AwsVariables, BackupOptions};
use crate::digest::DigestWriter;
use crate::failure::Kind;

/// The end of the name of an encrypted snapshot.
const ENCRYPTED: &str = ".age";
/// The beginning of an encrypted file.
const HEADER: &[u8] = b"age-encryption.org/v1";

/// A prefix in a bucket for snapshots, and who can read them there.
#[derive(Debug)]
pub(crate) struct SnapshotBucket {
    store: S3,
    /// Who can decrypt them; `None` if the user allowed plain ones.
    recipients: Option<Recipients>,
}

impl SnapshotBucket {
    /// Returns the bucket that the options name, or `None` if they name a path. Opens no connection yet.
    pub(crate) fn of(options: &BackupOptions, variables: &AwsVariables) -> Result<Option<Self>> {
        let is_protected = !options.encrypt_to.is_empty();
        let target = options.target.as_deref().unwrap_or(Path::new(""));
        let bucket = match Address::of(target, "cluster backup")? {
            Some(Address::S3(bucket)) => bucket,
            Some(address @ Address::Oci(_)) => return Err(not_in_a_registry(&address)),
            None if is_protected || options.allow_plain_secrets => {
                let option = match is_protected {
                    true => "--encrypt-to",
                    false => "--allow-plain-secrets",
                };
                return Err(Kind::Usage.error(
                    format!(
                        "`{option}` has no effect: the snapshot goes to a file of this machine"
                    ),
                    "name a bucket, as in `s3://bucket/prefix`, or leave the option out",
                ));
            }
            None => return Ok(None),
        };
        let last = bucket.split_object().map_or("", |(_, name)| name);
        if [".db", ENCRYPTED].iter().any(|end| last.ends_with(end)) {
            return Err(Kind::Usage.error(
                format!("{bucket}: a snapshot in a bucket is named after its cluster and its time"),
                "leave its name out, as in `s3://bucket/prefix`",
            ));
        }
        if !is_protected && !options.allow_plain_secrets {
            return Err(Kind::Usage.error(
                format!("refusing to send a snapshot to {bucket}: it contains everything in the cluster"),
                "encrypt it with `--encrypt-to RECIPIENT` (`age-keygen` makes one), or add `--allow-plain-secrets`",
            ));
        }
        let recipients = is_protected.then(|| Recipients::parse(&options.encrypt_to));
        Ok(Some(Self {
            recipients: recipients.transpose()?,
            store: S3::open(&bucket, variables)?,
        }))
    }

    /// Returns whether the snapshots are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.recipients.is_some()
    }

    /// Returns the name of the object for a snapshot of this name.
    pub(crate) fn object(&self, name: String) -> String {
        match self.is_encrypted() {
            true => name + ENCRYPTED,
            false => name,
        }
    }

    /// Returns the address of an object.
    pub(crate) fn place(&self, name: &str) -> String {
        self.store.place(name)
    }

    /// Returns whether an object exists.
    pub(crate) fn has(&self, name: &str) -> Result<bool> {
        Ok(self.store.size(name)?.is_some())
    }

    /// Returns the names of all objects directly below the prefix.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.store.names()
    }

    /// Writes a small object that is not secret.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        self.store.write(name, text.as_bytes().to_vec())
    }

    /// Removes an object, if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.store.remove(name)
    }

    /// Begins an object, which exists only after it was finished.
    pub(crate) fn begin(&self, name: &str) -> Result<SnapshotWriter<'_>> {
        let object = DigestWriter::new(self.store.begin(name));
        let bytes = match &self.recipients {
            Some(recipients) => Bytes::Sealed(recipients.writer(object).map_err(unsent)?),
            None => Bytes::Plain(object),
        };
        Ok(SnapshotWriter {
            bucket: self,
            name: name.to_owned(),
            bytes,
        })
    }
}

/// A snapshot on its way to a bucket. It is given up unless it is finished.
pub(crate) struct SnapshotWriter<'a> {
    bucket: &'a SnapshotBucket,
    name: String,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Plain(DigestWriter<ObjectWriter<'a>>),
    Sealed(StreamWriter<DigestWriter<ObjectWriter<'a>>>),
}

impl SnapshotWriter<'_> {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.bytes {
            Bytes::Plain(writer) => writer.write_all(bytes),
            Bytes::Sealed(writer) => writer.write_all(bytes),
        };
        written.map_err(unsent)
    }

    /// Makes the object exist, and compares the bytes that the store returns with those that it was sent.
    pub(crate) fn finish(self) -> Result<()> {
        let object = match self.bytes {
            Bytes::Plain(writer) => writer,
            Bytes::Sealed(writer) => writer.finish().map_err(unsent)?,
        };
        let (sent, object) = object.finish();
        object.finish()?;
        let store = &self.bucket.store;
        let mut found = DigestWriter::new(io::sink());
        store.read(&self.name, 0..sent.size, &mut found)?;
        let (found, _) = found.finish();
        if found == sent {
            return Ok(());
        }
        // Nobody may take it for a snapshot. If it cannot be removed, the digest at its end shows it.
        let _ = store.remove(&self.name);
        Err(found.unlike_sent(&store.place(&self.name)))
    }
}

/// Returns the bytes of a snapshot in a bucket.
pub(crate) fn snapshot(address: &Address, variables: &AwsVariables) -> Result<Vec<u8>> {
    let Address::S3(bucket) = address else {
        return Err(not_in_a_registry(address));
    };
    let Some((prefix, name)) = bucket.split_object() else {
        return Err(Kind::Usage.error(
            format!("{bucket} is a bucket, not a snapshot"),
            "name an object in it, as in `s3://bucket/prefix/main-20261127T085800Z.db`",
        ));
    };
    let store = S3::open(&prefix, variables)?;
    let Some(size) = store.size(name)? else {
        return Err(Kind::Usage.error(
            format!("there is no snapshot {bucket}"),
            "check the address, and AWS_ENDPOINT_URL, which names the server",
        ));
    };
    let mut bytes = Vec::new();
    store.read(name, 0..size, &mut bytes)?;
    Ok(bytes)
}

/// Returns whether these are the first bytes of an encrypted file.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER)
}

/// Decrypts a snapshot if it is encrypted. `place` is its file or address.
pub(crate) fn unsealed(sealed: Vec<u8>, place: &str, identity: Option<&Path>) -> Result<Vec<u8>> {
    let Some(identity) = identity else {
        return match is_sealed(&sealed) {
            false => Ok(sealed),
            true => Err(Kind::Usage.error(
                format!("the snapshot {place} is encrypted"),
                "name the file with the secret key: `--identity FILE`, or `--restore-identity FILE` for a build",
            )),
        };
    };
    // Whoever can write to the store, but does not know the recipient, can replace an encrypted snapshot by a plain one.
    if !is_sealed(&sealed) {
        return Err(Kind::Verification.error(
            format!("the snapshot {place} is not encrypted, and a secret key is given"),
            "do not use it if you saved it with `--encrypt-to`: it was replaced; otherwise leave the secret key out",
        ));
    }
    let mut plain = Vec::new();
    let decrypted = Identities::read(identity)?.decrypt(&*sealed, &mut plain);
    decrypted.map_err(|error| match error.is::<io::Error>() {
        true => Kind::Verification.error(
            format!("the snapshot {place} is damaged: {error}"),
            "name another copy of it",
        ),
        false => error,
    })?;
    Ok(plain)
}

fn not_in_a_registry(address: &Address) -> anyhow::Error {
    Kind::Usage.error(
        format!("{address}: snapshots are kept in files and in buckets of S3"),
        "name a file or an address such as `s3://bucket/prefix`",
    )
}

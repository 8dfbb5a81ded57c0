//! A snapshot that was read from a file and checked.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::bolt::Database;
use super::digest::DigestCheck;
use crate::cli::AwsVariables;
use crate::failure::Kind;
use crate::hex;
use crate::printable::printable;
use crate::secret::Secret;
use crate::store::{self, Address};

/// The beginning of a file that shows whether it is a database; pages have at most 64 KiB.
const BEGINNING: u64 = 2 << 16;

/// The hexadecimal digits of its digest by which nodes recognize a snapshot.
const ID: usize = 16;

/// The content of a cluster at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The whole file, which contains the values of all keys.
    pub(crate) bytes: Secret,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// The last revision of the key space.
    pub revision: u64,
    /// The names of the cluster's members, in alphabetical order.
    pub members: Vec<String>,
    /// The addresses of its members, unless their URLs have host names.
    pub addresses: Vec<IpAddr>,
    /// The version of the cluster, such as `3.5.0`.
    pub version: Option<String>,
}

/// A member as etcd writes it.
#[derive(Deserialize)]
struct StoredMember {
    #[serde(default)]
    name: String,
    #[serde(rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
}

impl StoredMember {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let urls = self.peer_urls.iter().flatten();
        let authorities = urls.filter_map(|url| Some(url.split_once("://")?.1));
        authorities.filter_map(|authority| Some(authority.parse::<SocketAddr>().ok()?.ip()))
    }
}

impl Snapshot {
    /// Reads a file or an object in a bucket, decrypts it with the secret key in the file `identity`, and checks it.
    pub fn open(place: &Path, identity: Option<&Path>, variables: &AwsVariables) -> Result<Self> {
        let sealed = match Address::of(place, "the snapshot")? {
            Some(address) => store::snapshot(&address, variables)?,
            None => read_file(place).with_context(|| unreadable(place))?,
        };
        let bytes = store::unsealed(sealed, &place.display().to_string(), identity)?;
        Self::parse(bytes).map_err(|what| {
            let message = format!("{} is not a usable snapshot: {what}", place.display());
            let hint = "name a file that `etcd-image cluster backup` or `etcdctl snapshot save` wrote, or another copy of it";
            Kind::Verification.error(message, hint)
        })
    }

    /// Checks the bytes of a file; the error says what is wrong with them.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its database is damaged";
        let database = Database::open(&bytes).ok_or("it is not a database of etcd")?;
        let mut checked = DigestCheck::default();
        checked.update(&bytes);
        checked.finish()?;
        let keys = database.bucket("key").ok_or(DAMAGED)?;
        let revision = match keys.last_key() {
            Some(key) => {
                let main = key.first_chunk::<8>().ok_or(DAMAGED)?;
                u64::from_be_bytes(*main)
            }
            None => 1,
        };
        let members = database.bucket("members").ok_or(DAMAGED)?;
        let members = members.entries().ok_or(DAMAGED)?;
        let stored = members
            .iter()
            .map(|(_, member)| serde_json::from_slice(member).ok());
        let stored: Option<Vec<StoredMember>> = stored.collect();
        let stored = stored.ok_or(DAMAGED)?;
        let mut members: Vec<_> = stored.iter().map(|it| printable(&it.name)).collect();
        members.sort_unstable();
        let version = database.bucket("cluster");
        let version = version.and_then(|bucket| bucket.value("clusterVersion"));
        let version = version.and_then(|text| std::str::from_utf8(text).ok());
        Ok(Self {
            sha256: hex::sha256(&bytes),
            revision,
            members,
            addresses: stored.iter().flat_map(StoredMember::addresses).collect(),
            version: version.map(printable),
            bytes: Secret::new(bytes),
        })
    }

    /// Returns the digits by which nodes recognize this snapshot.
    pub fn id(&self) -> &str {
        &self.sha256[..ID]
    }
}

/// Reads a whole file with a database, also an encrypted one, or only the beginning of another file.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = crate::file::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut bytes)?;
    if store::is_sealed(&bytes) || Database::open(&bytes).is_some() {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn unreadable(path: &Path) -> crate::failure::Failure {
    // Whether a path in an unreadable directory exists is not known: its disk is at fault.
    let kind = match fs_err::exists(path) {
        Ok(false) => Kind::Usage,
        Ok(true) if crate::file::must_end(path).is_err() => Kind::Usage,
        Ok(true) | Err(_) => Kind::Storage,
    };
    kind.context(
        format!("reading the snapshot {}", path.display()),
        "name a file that `etcd-image cluster backup` wrote",
    )
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (revision, members) = (self.revision, self.members.join(", "));
        write!(f, "revision {revision} of the members {members}")?;
        match &self.version {
            Some(version) => write!(f, ", etcd {version}"),
            None => Ok(()),
        }
    }
}

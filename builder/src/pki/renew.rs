//! Renews leaf certificates of a state directory, without the description of the cluster.
//!
//! A renewed certificate is like the one before it and keeps its key: a running member reads certificate and key one after
//! the other, and would fail if only one of them were new.

use std::path::Path;

use super::authority::Authority;
use super::certs::{Certificate, KeyPair};
use super::leaf::{self, KeptKey, Profile, REMOVE};
use super::store::{StateReader, StateStore};
use super::{refused, shared};

/// The certificates of a cluster after a renewal.
#[derive(Debug)]
pub struct Renewed {
    /// The operator's certificate.
    pub admin: Leaf,
    /// The certificates of the nodes, in the order of their names in the call.
    pub nodes: Vec<Vec<Leaf>>,
    /// Advice on a CA that ends soon, and with it every certificate.
    pub warning: Option<String>,
}

/// A certificate with its key in the state directory.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its file without the ending and the directory of its node: `admin`, `server`, `peer` or `client.NAME`.
    pub kind: String,
    /// The pair.
    pub pair: KeyPair,
    /// Whether it was issued now.
    pub is_new: bool,
}

/// Renews every certificate of these nodes, and the operator's, that ends before `end`, as far as the CA's own validity
/// allows it, or that is not valid yet.
pub fn renew(state: &Path, nodes: &[String], now: i64, end: i64) -> anyhow::Result<Renewed> {
    let mut store = StateStore::open(state, |reader| authority(reader, now))?;
    let reader = store.reader();
    let renewer = Renewer {
        authority: authority(&reader, now)?,
        reader,
        now,
        end,
    };
    let missing = |file: String| {
        let hint = "run `etcd-image build` once, which issues it, and flash the node";
        refused(&renewer.reader.path(&file), "is missing", hint)
    };
    let admin = renewer.renew(&mut store, "admin", "admin")?;
    let admin = admin.ok_or_else(|| missing("admin.crt".to_owned()))?;
    // It exists only if other machines may read the metrics. Their owners copy the new one from the state directory.
    renewer.renew(&mut store, "metrics", "metrics")?;
    let common = renewer.renew(&mut store, "server", shared::FILE)?;
    let mut all = Vec::new();
    for node in nodes {
        let mut leaves = Vec::from_iter(common.clone());
        for kind in renewer.kinds(node)? {
            leaves.extend(renewer.renew(&mut store, &kind, &format!("nodes/{node}/{kind}"))?);
        }
        if leaves.is_empty() {
            return Err(missing(format!("nodes/{node}/server.crt")));
        }
        all.push(leaves);
    }
    store.commit()?;
    Ok(Renewed {
        admin,
        nodes: all,
        warning: renewer.authority.warning(now),
    })
}

/// Checks that the CA of the state directory can issue certificates now.
pub fn can_issue(state: &Path, now: i64) -> anyhow::Result<()> {
    let store = StateStore::open(state, |reader| authority(reader, now))?;
    authority(&store.reader(), now).map(drop)
}

fn authority(reader: &StateReader, now: i64) -> anyhow::Result<Authority> {
    let found = Authority::read(reader, None, true, now)?;
    found.ok_or_else(|| refused(&reader.path("ca.crt"), "is missing", REMOVE))
}

struct Renewer {
    authority: Authority,
    reader: StateReader,
    now: i64,
    end: i64,
}

impl Renewer {
    /// Returns the kinds of a node's certificates: the server's first, those of clients last.
    fn kinds(&self, node: &str) -> anyhow::Result<Vec<String>> {
        let mut kinds = ["server", "peer"].map(str::to_owned).to_vec();
        let files = self.reader.names(&format!("nodes/{node}"))?;
        let clients = files.iter().filter_map(|name| name.strip_suffix(".crt"));
        let is_client = |name: &&str| *name == "client" || name.starts_with("client.");
        kinds.extend(clients.filter(is_client).map(str::to_owned));
        Ok(kinds)
    }

    /// Returns the pair of a file, renewed and staged if it is due; `None` if it does not exist.
    fn renew(
        &self,
        store: &mut StateStore,
        kind: &str,
        file: &str,
    ) -> anyhow::Result<Option<Leaf>> {
        let [crt, key] = ["crt", "key"].map(|ending| format!("{file}.{ending}"));
        let (Some(pem), Some(secret)) = (self.reader.public(&crt)?, self.reader.secret(&key)?)
        else {
            return Ok(None);
        };
        let facts = leaf::facts(&self.reader, file, &pem)?;
        let kept = KeptKey::parse(&self.reader, file, &secret)?;
        let wrong = |name: &str, what: &str| refused(&self.reader.path(name), what, REMOVE);
        if kept.key.public_key_raw() != facts.public_key {
            return Err(wrong(&key, "is not the key of the certificate beside it"));
        }
        leaf::refuse_foreign(&self.reader, file, &facts, &self.authority)?;
        let unsupported = || wrong(&crt, "has a key of an unsupported kind");
        let profile = Profile::like(&facts, file).ok_or_else(unsupported)?;
        let signer_changes = self.authority.replaces_signer_of(&facts);
        let certificate = facts.certificate;
        // One that is not valid yet was issued by a clock that was ahead.
        let lasts = certificate.not_before <= self.now
            && (certificate.not_after >= self.end || self.is_last(&profile, &certificate));
        let is_new = signer_changes || !lasts;
        let pair = match is_new {
            true => kept.issue(&profile, &self.authority, self.now)?,
            false => kept.with(certificate),
        };
        if is_new {
            store.stage(crt, pair.certificate.pem.as_str());
        }
        let kind = kind.to_owned();
        Ok(Some(Leaf { kind, pair, is_new }))
    }

    /// Returns whether a new certificate would not be valid for longer.
    fn is_last(&self, profile: &Profile, found: &Certificate) -> bool {
        profile.end(&self.authority, self.now) <= found.not_after
    }
}

//! Issues the certificates of a cluster that are missing or outdated, and records what was issued.

use std::collections::BTreeMap;

use super::authority::Authority;
use super::certs::{KeyPair, NodeIdentity};
use super::derive::Seed;
use super::host_key::{self, HostKey};
use super::leaf::{self, Profile};
use super::shared;
use super::store::StateStore;
use crate::spec::KeyKind;

/// What the state directory has of a node.
pub(super) struct FoundNode {
    pub(super) name: String,
    pub(super) server: (Profile, leaf::FoundPair),
    /// `None` if the server's certificate serves in both directions.
    pub(super) peer: Option<(Profile, leaf::FoundPair)>,
    /// Client certificates by their common name.
    pub(super) clients: BTreeMap<String, (Profile, leaf::FoundPair)>,
    pub(super) host_key: Option<HostKey>,
}

/// The certificates being issued, and what is needed for it.
pub(super) struct Issuance<'a> {
    store: &'a mut StateStore,
    authority: &'a Authority,
    now: i64,
    journal: IssuanceChanges,
    /// The pair that all nodes share, once the first of them has it.
    shared: Option<KeyPair>,
}

impl<'a> Issuance<'a> {
    pub(super) fn new(
        store: &'a mut StateStore,
        authority: &'a Authority,
        now: i64,
        is_new: bool,
    ) -> Self {
        let journal = IssuanceChanges {
            is_new: is_new.then(|| authority.origin()),
            ..IssuanceChanges::default()
        };
        Self {
            store,
            authority,
            now,
            journal,
            shared: None,
        }
    }

    /// Describes a new state in one sentence, and a changed one by naming each certificate.
    pub(super) fn into_notes(self, key: KeyKind) -> Vec<String> {
        self.journal.into_notes(self.authority, key)
    }

    /// Returns the pair of a node for clients, which all nodes may share.
    fn server(&mut self, found: (Profile, leaf::FoundPair)) -> anyhow::Result<KeyPair> {
        if found.0.file != shared::FILE {
            return self.ensure(found);
        }
        let pair = match self.shared.take() {
            Some(pair) => pair,
            None => self.ensure(found)?,
        };
        self.shared = Some(pair.clone());
        Ok(pair)
    }

    /// Returns the pair found, or issues a new one.
    pub(super) fn ensure(
        &mut self,
        (profile, found): (Profile, leaf::FoundPair),
    ) -> anyhow::Result<KeyPair> {
        let crt = format!("{}.crt", profile.file);
        match found {
            leaf::FoundPair::Good(pair) => return Ok(pair),
            leaf::FoundPair::Nothing => self.journal.lines.push(format!("issued {crt}")),
            leaf::FoundPair::Outdated(reason, key) => {
                self.journal.reissued = true;
                self.journal.lines.push(format!("reissued {crt}: {reason}"));
                if let Some(key) = key {
                    let pair = key.issue(&profile, self.authority, self.now)?;
                    self.store.stage(crt, pair.certificate.pem.as_bytes());
                    return Ok(pair);
                }
            }
        }
        let pair = profile.issue(self.authority, self.now)?;
        self.store
            .stage(format!("{}.key", profile.file), pair.key.reveal());
        self.store.stage(crt, pair.certificate.pem.as_bytes());
        Ok(pair)
    }

    /// Returns a node's pairs, its host key and its derived ids.
    pub(super) fn node(
        &mut self,
        node: FoundNode,
        seed: &Seed,
        disk_id: u32,
    ) -> anyhow::Result<NodeIdentity> {
        let server = self.server(node.server)?;
        let peer = match node.peer {
            Some(peer) => self.ensure(peer)?,
            None => server.clone(),
        };
        let mut clients = BTreeMap::new();
        for (common_name, client) in node.clients {
            clients.insert(common_name, self.ensure(client)?);
        }
        if node.host_key.is_none() && host_key::is_published(&self.store.reader(), &node.name)? {
            self.journal.lines.push(host_key::replaced(&node.name));
        }
        let host_key = match node.host_key {
            Some(key) => key,
            None => host_key::create(self.store, &node.name)?,
        };
        Ok(NodeIdentity {
            server,
            peer,
            clients,
            ssh_host_key: host_key.private,
            ssh_host_public: host_key.public,
            machine_id: seed.machine_id(&node.name),
            disk_id,
        })
    }
}

/// The changes for the report.
#[derive(Default)]
struct IssuanceChanges {
    /// What the new CA is, if it is new.
    is_new: Option<String>,
    reissued: bool,
    lines: Vec<String>,
}

impl IssuanceChanges {
    fn into_notes(self, authority: &Authority, key: KeyKind) -> Vec<String> {
        if let Some(origin) = self.is_new {
            return vec![format!(
                "{origin} everything below it; back up the state directory"
            )];
        }
        let mut lines = self.lines;
        if self.reissued && authority.chain.first.key_kind != Some(key) {
            lines.push(
                "the CA keeps its key: `key` in [pki] applies only to the certificates that it signs"
                    .to_owned(),
            );
        }
        lines
    }
}

//! The content of a state directory for a cluster, and the steps that complete it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::authority::Authority;
use super::certs::{Certificate, Certs, KeyPair, NodeIdentity};
use super::derive::Seed;
use super::host_key;
use super::issuance::{FoundNode, Issuance};
use super::keys;
use super::leaf::{self, Profile};
use super::refused;
use super::shared;
use super::signer::REQUEST;
use super::store::{StateReader, StateStore};
use crate::failure::Kind;
use crate::spec::{CertificateRole, Cluster, Node};

/// A state directory as found, with every file read and checked and nothing changed.
pub(super) struct FoundState {
    seed: Option<Seed>,
    authority: Option<Authority>,
    has_readme: bool,
    admin: (Profile, leaf::FoundPair),
    metrics: Option<(Profile, leaf::FoundPair)>,
    nodes: Vec<FoundNode>,
}

impl FoundState {
    /// Reads everything the cluster needs. Any error is found here, before the first write.
    pub(super) fn read(reader: &StateReader, cluster: &Cluster, now: i64) -> anyhow::Result<Self> {
        let used = was_used(reader, cluster)?;
        let authority = Authority::read(reader, cluster.pki.own_ca.as_ref(), used, now)?;
        shared::check(reader, cluster)?;
        let signer = authority.as_ref();
        let read = |profile: Profile| {
            let found = leaf::read(reader, &profile, signer, now)?;
            anyhow::Ok((profile, found))
        };
        let has_peer = !cluster.pki.layout.has_one_certificate();
        let node = |node: &Node| {
            anyhow::Ok(FoundNode {
                name: node.name.clone(),
                server: read(Profile::node(cluster, node, "server"))?,
                peer: has_peer
                    .then(|| read(Profile::node(cluster, node, "peer")))
                    .transpose()?,
                clients: common_names(cluster, node)
                    .map(|name| Ok((name.clone(), read(Profile::client(cluster, node, &name))?)))
                    .collect::<anyhow::Result<_>>()?,
                host_key: host_key::read(reader, &node.name)?,
            })
        };
        Ok(Self {
            seed: read_seed(reader, used)?,
            has_readme: reader.public(README)?.is_some(),
            admin: read(Profile::admin(cluster))?,
            metrics: (cluster.etcd.metrics)
                .then(|| read(Profile::metrics(cluster)))
                .transpose()?,
            nodes: cluster
                .nodes
                .iter()
                .map(node)
                .collect::<anyhow::Result<_>>()?,
            authority,
        })
    }

    /// Creates and stages what is missing or outdated: the seed first, then the CA, then what depends on them.
    pub(super) fn complete(
        self,
        store: &mut StateStore,
        cluster: &Cluster,
        now: i64,
    ) -> anyhow::Result<Certs> {
        if !self.has_readme {
            store.stage(README, README_TEXT);
        }
        let seed = self.seed.unwrap_or_else(|| {
            let seed = Seed::random();
            store.stage(SEED, seed.to_text());
            seed
        });
        let is_new = self.authority.as_ref().is_none_or(Authority::is_new);
        let mut authority = match self.authority {
            Some(authority) => authority,
            None => Authority::create(cluster, now)?,
        };
        authority.save(store);
        if authority.owner_signs() {
            refuse_unsigned(&store.reader(), cluster, &authority, now)?;
        }
        let mut issuance = Issuance::new(store, &authority, now, is_new);
        let admin = issuance.ensure(self.admin)?;
        let metrics = self
            .metrics
            .map(|found| issuance.ensure(found))
            .transpose()?;
        let disk_ids = seed.disk_ids(self.nodes.iter().map(|node| node.name.as_str()));
        let mut members = BTreeMap::new();
        for (node, disk_id) in self.nodes.into_iter().zip(disk_ids) {
            let name = node.name.clone();
            members.insert(name, issuance.node(node, &seed, disk_id)?);
        }
        let mut notes = issuance.into_notes(cluster.pki.key);
        notes.extend(authority.warning(now));
        let token = cluster.token.clone().unwrap_or_else(|| seed.token());
        let ca = authority.into_certificate();
        Ok(Certs {
            fingerprints: seed.fingerprints(),
            time: build_time(&ca, &admin, metrics.as_ref(), &members),
            token,
            ca,
            admin,
            metrics,
            nodes: members,
            notes,
        })
    }
}

/// Refuses a cluster for which the CA's owner still has to sign certificates.
fn refuse_unsigned(
    reader: &StateReader,
    cluster: &Cluster,
    authority: &Authority,
    now: i64,
) -> anyhow::Result<()> {
    let mut lines = String::new();
    for profile in profiles(cluster) {
        if let Some(reason) = why_unusable(reader, &profile, authority, now)? {
            let _ = write!(lines, "\n  {}.crt: {reason}", profile.file);
        }
    }
    match lines.is_empty() {
        true => Ok(()),
        false => Err(Kind::Usage.error(
            format!("the owner of the CA has to sign certificates first{lines}"),
            REQUEST,
        )),
    }
}

/// Returns why a certificate of the state directory cannot be used; `None` if it can.
pub(super) fn why_unusable(
    reader: &StateReader,
    profile: &Profile,
    authority: &Authority,
    now: i64,
) -> anyhow::Result<Option<String>> {
    Ok(match leaf::read(reader, profile, Some(authority), now)? {
        leaf::FoundPair::Good(_) => None,
        leaf::FoundPair::Nothing => Some("it has not been requested yet".to_owned()),
        leaf::FoundPair::Outdated(reason, _) => Some(reason),
    })
}

/// Returns the profile of every certificate that a cluster needs.
pub(super) fn profiles(cluster: &Cluster) -> Vec<Profile> {
    let mut all = vec![Profile::admin(cluster)];
    all.extend(cluster.etcd.metrics.then(|| Profile::metrics(cluster)));
    for node in &cluster.nodes {
        let server = Profile::node(cluster, node, "server");
        // All nodes may share it.
        if all.iter().all(|known| known.file != server.file) {
            all.push(server);
        }
        let has_peer = !cluster.pki.layout.has_one_certificate();
        all.extend(has_peer.then(|| Profile::node(cluster, node, "peer")));
        let clients = common_names(cluster, node);
        all.extend(clients.map(|name| Profile::client(cluster, node, &name)));
    }
    all
}

/// Returns the common names of the client certificates that a node needs.
fn common_names(cluster: &Cluster, node: &Node) -> impl Iterator<Item = String> {
    let files = cluster.certificates.iter();
    let clients = files
        .filter(|file| file.role == CertificateRole::Client && file.is_on(&node.name))
        .map(|file| file.common_name(&node.name, &cluster.domain));
    let clients = clients.chain(cluster.ssh.etcdctl.map(str::to_owned));
    clients.collect::<BTreeSet<_>>().into_iter()
}

/// Returns when the newest certificate was made. All are valid at that time, which changes only with the certificates.
///
/// The certificates that this program issues are backdated, and a CA of the user's may not be.
fn build_time(
    ca: &Certificate,
    admin: &KeyPair,
    metrics: Option<&KeyPair>,
    nodes: &BTreeMap<String, NodeIdentity>,
) -> i64 {
    let of_nodes = nodes.values().flat_map(|node| {
        [&node.server, &node.peer]
            .into_iter()
            .chain(node.clients.values())
    });
    let pairs = of_nodes
        .chain([admin])
        .chain(metrics)
        .map(|pair| pair.certificate.not_before);
    let issued = pairs.map(|not_before| not_before.saturating_add(keys::BACK_DATED));
    issued.fold(ca.not_before, i64::max)
}

const SEED: &str = "seed";

/// Reads the seed. A used state without its seed is an error, because it would silently become another cluster.
pub(super) fn read_seed(reader: &StateReader, used: bool) -> anyhow::Result<Option<Seed>> {
    let hint = "restore it from your backup, or name another directory with `--state`";
    match reader.secret(SEED)? {
        Some(text) => Seed::from_text(&text)
            .map(Some)
            .map_err(|why| refused(&reader.path(SEED), why, hint)),
        None if used => Err(refused(
            &reader.path(SEED),
            "is missing, but nodes were made from it",
            hint,
        )),
        None => Ok(None),
    }
}

/// Returns whether anything was issued from this directory.
fn was_used(reader: &StateReader, cluster: &Cluster) -> anyhow::Result<bool> {
    let of_nodes = cluster
        .nodes
        .iter()
        .map(|node| format!("nodes/{}/server.crt", node.name));
    for name in std::iter::once("admin.crt".to_owned()).chain(of_nodes) {
        if reader.public(&name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stages what every state directory has from its beginning.
pub(super) fn begin(store: &mut StateStore) -> anyhow::Result<()> {
    let reader = store.reader();
    if reader.public(README)?.is_none() {
        store.stage(README, README_TEXT);
    }
    if reader.secret(SEED)?.is_none() {
        store.stage(SEED, Seed::random().to_text());
    }
    Ok(())
}

const README: &str = "README";
const README_TEXT: &str = "\
This directory is the identity of an etcd cluster, kept by etcd-image. Everything in it is secret except
the .crt and .pub files: ca.key signs certificates that the cluster trusts, admin.key opens it, the
nodes' keys and host keys are in their images, and machine ids, disk ids and the cluster token are
derived from seed. With this directory the images can be built again, byte for byte; without it a lost
node can never rejoin. Back it up where only you can read it, and keep its mode at 0700.
";

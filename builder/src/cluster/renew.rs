//! Renews the certificates of running nodes over ssh, node by node, without a restart.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use zeroize::Zeroizing;

use super::access::Access;
use super::node_program;
use super::operation::Operation;
use super::report::CertificateReport;
use super::ssh_reason;
use crate::description::{ClusterDescription, DescribedMember};
use crate::failure::Kind;
use crate::pki::{self, Leaf, Renewed};
use crate::{date, hex};

/// How long a node may take to present what it has received.
const PRESENTED: Duration = Duration::from_secs(20);
/// How long all nodes may take to do so once each of them has received its own.
const AGREEMENT: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(200);

/// Returns the command of the node's own program for certificates: `list`, `renew` or `trust`.
pub(super) fn program(task: &str) -> String {
    node_program::command("certificates", task)
}

/// A renewal. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Renewal {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The operator's certificate in the state directory.
    pub admin: CertificateReport,
    /// Every node, in the order of the cluster.
    pub nodes: Vec<NodeRenewal>,
}

/// The certificates of one node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeRenewal {
    /// Node name.
    pub name: String,
    /// What was done.
    pub outcome: RenewalOutcome,
    /// Why the node does not have the certificates of the state directory.
    pub trouble: Option<String>,
    /// The certificate for clients in the state directory.
    pub server_certificate: CertificateReport,
    /// Whether it has received them and did not present them yet.
    #[serde(skip)]
    pub(super) is_late: bool,
}

/// What was done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewalOutcome {
    /// It had the certificates of the state directory.
    Current,
    /// It received them, and presents them.
    Renewed,
    /// It does not present them.
    Failed,
}

/// Renews every certificate of the state directory that ends within `days`.
pub fn renew_in_state(state: &Path, days: u32, now: i64) -> Result<Renewed> {
    let description = ClusterDescription::read(state)?;
    let members = description.members.iter();
    let names: Vec<_> = members.map(|member| member.name.clone()).collect();
    let end = date::after_days(now, days);
    pki::renew(state, &names, now, end)
}

/// Hands each node the certificates of the state directory that it lacks. A node that is off does not stop the others from
/// being renewed.
pub fn hand_over(operation: &Operation<'_>, renewed: &Renewed) -> Result<Renewal> {
    let Operation { access, now, .. } = *operation;
    let nodes = access.description.members.iter().zip(&renewed.nodes);
    let nodes = nodes.map(|(member, leaves)| {
        operation.lock.must_be_kept()?;
        let looking = format!("looking at {}", member.name);
        operation.progress.note(&looking);
        Ok(hand_to(access, member, leaves, &renewed.admin, now))
    });
    let mut nodes = nodes.collect::<Result<Vec<_>>>()?;
    if nodes.iter().any(|node| node.is_late) {
        let note = "waiting until the members serve clients with their certificates";
        operation.progress.note(note);
        look_again(access, renewed, &mut nodes);
    }
    Ok(Renewal {
        format: 1,
        cluster: access.description.cluster.clone(),
        nodes,
        admin: report(&renewed.admin, now),
    })
}

/// Looks at late nodes once more. Members whose certificates have expired serve no clients before most of them have new ones.
fn look_again(access: &Access, renewed: &Renewed, nodes: &mut [NodeRenewal]) {
    let started = Instant::now();
    let members = access.description.members.iter().zip(&renewed.nodes);
    for ((member, leaves), node) in members.zip(nodes).filter(|(_, node)| node.is_late) {
        let address = member.address;
        let is_presented =
            || WantedFingerprints::of(access, address, leaves).is_presented(access, address);
        loop {
            if is_presented() {
                (node.outcome, node.trouble) = (RenewalOutcome::Renewed, None);
                break;
            }
            if started.elapsed() >= AGREEMENT {
                break;
            }
            thread::sleep(INTERVAL);
        }
    }
}

/// Sends a node the certificates that it lacks: those that etcd presents, and the copies for other programs. The operator's
/// certificate is sent only if the node's image contains it.
pub(super) fn hand_to(
    access: &Access,
    member: &DescribedMember,
    leaves: &[Leaf],
    admin: &Leaf,
    now: i64,
) -> NodeRenewal {
    let address = member.address;
    let places = access.ssh.run(address, &program("list"));
    let places = places.map(|said| Places(said.lines));
    let wanted = WantedFingerprints::of(access, address, leaves);
    // A member that did not serve clients before the renewal does not do so afterwards.
    let limit = match wanted.is_served {
        true => PRESENTED,
        false => Duration::ZERO,
    };
    let has_all = |places: &Places| leaves.iter().chain([admin]).all(|leaf| places.have(leaf));
    let mut has_received = false;
    let outcome = match places {
        Err(reason) => Err(reason),
        Ok(places) if has_all(&places) && wanted.is_presented(access, address) => {
            Ok(RenewalOutcome::Current)
        }
        Ok(places) => {
            let known =
                |leaf: &&Leaf| ETCD.contains(&leaf.kind.as_str()) || places.know(&leaf.kind);
            let leaves: Vec<_> = leaves.iter().chain([admin]).filter(known).collect();
            let sent = access
                .ssh
                .run_with(address, &program("renew"), &bundle(&leaves));
            has_received = sent.is_ok();
            sent.and_then(|_| must_be_presented(access, address, &wanted, limit))
        }
    };
    NodeRenewal {
        name: member.name.clone(),
        outcome: *outcome.as_ref().unwrap_or(&RenewalOutcome::Failed),
        is_late: has_received && outcome.is_err(),
        trouble: outcome.err(),
        server_certificate: report(&leaves[0], now),
    }
}

/// The kinds of certificates that every node has for etcd.
const ETCD: [&str; 2] = ["server", "peer"];

/// The certificates in the places of a node, as its program lists them: a fingerprint and a kind for each.
struct Places(Vec<String>);

impl Places {
    fn of<'p>(&'p self, kind: &str) -> impl Iterator<Item = &'p str> {
        let pairs = self.0.iter().filter_map(|line| line.split_once(' '));
        pairs
            .filter(move |(_, own)| *own == kind)
            .map(|(print, _)| print)
    }

    fn know(&self, kind: &str) -> bool {
        self.of(kind).next().is_some()
    }

    /// Returns whether every place of this kind has this certificate.
    fn have(&self, leaf: &Leaf) -> bool {
        let print = &leaf.pair.certificate.fingerprint;
        self.of(&leaf.kind).all(|found| found == print)
    }
}

/// The fingerprints that a node presents once it has its certificates.
struct WantedFingerprints {
    server: String,
    peer: String,
    /// Whether the node presents any to clients now.
    is_served: bool,
}

impl WantedFingerprints {
    /// Returns the fingerprints for a node. If the node presents one certificate to clients and members, that is the server's;
    /// a peer certificate in the state directory is left over from an earlier layout.
    fn of(access: &Access, address: IpAddr, leaves: &[Leaf]) -> Self {
        let of = |leaf: &Leaf| leaf.pair.certificate.fingerprint.clone();
        let server = of(&leaves[0]);
        let [for_clients, for_members] = presented(access, address);
        let has_one = for_clients.is_some() && for_clients == for_members;
        let peer = leaves.iter().find(|leaf| leaf.kind == "peer" && !has_one);
        Self {
            peer: peer.map_or(server.clone(), of),
            server,
            is_served: for_clients.is_some(),
        }
    }

    fn is_presented(&self, access: &Access, address: IpAddr) -> bool {
        let [server, peer] = presented(access, address);
        peer.as_ref() == Some(&self.peer) && server.as_ref() == Some(&self.server)
    }
}

/// Returns the fingerprints that a node presents to clients and to members.
fn presented(access: &Access, address: IpAddr) -> [Option<String>; 2] {
    let session = access.client.connect(address).ok();
    let server = session.map(|session| hex::sha256(session.certificate()));
    let peer = access.client.check_peer_port(address).ok();
    [server, peer.map(hex::sha256)]
}

/// Waits until a node presents what it has received.
fn must_be_presented(
    access: &Access,
    address: IpAddr,
    wanted: &WantedFingerprints,
    limit: Duration,
) -> Result<RenewalOutcome, String> {
    let started = Instant::now();
    while !wanted.is_presented(access, address) {
        if started.elapsed() >= limit {
            let reason = match access.client.status(address) {
                Ok(_) => "it still presents other certificates".to_owned(),
                Err(trouble) => {
                    format!("etcd does not serve clients: {trouble}")
                }
            };
            return Err(format!("it has received its certificates, but {reason}"));
        }
        thread::sleep(INTERVAL);
    }
    Ok(RenewalOutcome::Renewed)
}

/// Returns the pairs as the node's program reads them.
fn bundle(leaves: &[&Leaf]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    for leaf in leaves {
        bytes.extend(format!("{}\n{}\n", leaf.kind, leaf.pair.certificate.pem.trim_end()).bytes());
        bytes.extend(leaf.pair.key.reveal());
        bytes.extend(b"\nend\n");
    }
    bytes
}

fn report(leaf: &Leaf, now: i64) -> CertificateReport {
    CertificateReport::new(leaf.pair.certificate.not_after, now)
}

impl Renewal {
    /// Returns an error if a node does not present its certificates.
    pub fn verdict(&self) -> Result<()> {
        self.verdict_with(|_, reason| ssh_reason::hint(reason).to_owned())
    }

    /// Does the same with other steps for the name of the node and the reason.
    pub(super) fn verdict_with(&self, step: impl Fn(&str, &str) -> String) -> Result<()> {
        let failed = |node: &&NodeRenewal| node.outcome == RenewalOutcome::Failed;
        let Some(node) = self.nodes.iter().find(failed) else {
            return Ok(());
        };
        let reason = node.trouble.as_deref().unwrap_or_default();
        let message = format!("renewing the certificates of {}: {reason}", node.name);
        let step = step(&node.name, reason);
        let hint = format!("{step}, then run the command again, which hands over what is missing");
        Err(Kind::Unhealthy.error(message, hint))
    }
}

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            let until = date::date(node.server_certificate.not_after);
            let name = &node.name;
            match (node.outcome, &node.trouble) {
                (RenewalOutcome::Current, _) => writeln!(f, "{name}: valid until {until}")?,
                (RenewalOutcome::Renewed, _) => {
                    writeln!(f, "{name}: renewed, valid until {until}")?;
                }
                (RenewalOutcome::Failed, trouble) => {
                    writeln!(
                        f,
                        "{name}: not renewed: {}",
                        trouble.as_deref().unwrap_or("-")
                    )?;
                }
            }
        }
        writeln!(
            f,
            "administrator: valid until {}",
            date::date(self.admin.not_after)
        )
    }
}

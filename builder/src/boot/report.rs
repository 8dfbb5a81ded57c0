//! The result of a boot, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use lab::qemu::{Machine, Stage};
use serde::{Deserialize, Serialize};

use super::checks::{Check, CheckOutcome};
use super::lab::BootLab;
use super::watch::Times;
use crate::count::count;
use crate::etcd::{Member, Status};
use crate::failure::Kind;

/// A booted cluster. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Debug, Serialize, Deserialize)]
pub struct BootReport {
    /// Version of this format.
    pub format: u32,
    machine: Machine,
    /// Seconds from power-on until the first node was healthy.
    pub seconds_to_quorum: u64,
    /// Seconds from power-on until every node was healthy.
    pub seconds_to_healthy: u64,
    /// The member table.
    pub members: Vec<MemberRow>,
    /// One per image.
    pub nodes: Vec<BootedNode>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Its id, in hexadecimal as etcdctl shows it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// URL for the other members.
    pub peer: String,
    /// URL for clients.
    pub client: String,
    /// etcd's version.
    pub version: String,
    /// Size of its database in bytes.
    pub db_size: u64,
    /// Whether it is the leader.
    pub leader: bool,
    /// Its Raft term, which counts elections.
    pub raft_term: u64,
    /// Its Raft index, which counts the committed log entries.
    pub raft_index: u64,
}

/// One image and the observations of its node.
#[derive(Debug, Serialize, Deserialize)]
pub struct BootedNode {
    /// Member and host name.
    pub name: String,
    /// Path of the image.
    pub image: String,
    /// Static address.
    pub address: String,
    /// The arguments added to the image's own kernel command line for QEMU.
    pub cmdline_added: String,
    /// Seconds from power-on until each stage.
    pub seconds: BTreeMap<Stage, u64>,
    /// The results of its checks.
    pub checks: Vec<Check>,
}

impl BootReport {
    pub(super) fn new(
        lab: &BootLab,
        times: Times,
        members: Vec<MemberRow>,
        checks: Vec<Vec<Check>>,
    ) -> Self {
        let mut seconds = times.nodes;
        let nodes = lab
            .nodes()
            .iter()
            .zip(checks)
            .map(|(node, checks)| BootedNode {
                name: node.name.clone(),
                image: node.image.display().to_string(),
                address: node.address.to_string(),
                cmdline_added: node.added.clone(),
                seconds: seconds.remove(&node.name).unwrap_or_default(),
                checks,
            });
        Self {
            format: 1,
            machine: lab.setup().machine,
            seconds_to_quorum: times.quorum.unwrap_or(times.healthy),
            seconds_to_healthy: times.healthy,
            members,
            nodes: nodes.collect(),
        }
    }

    /// Returns an error that names every failed check, if there are any.
    pub fn verdict(&self) -> Result<()> {
        let failed = self.nodes.iter().flat_map(|node| {
            let failed = node
                .checks
                .iter()
                .filter(|check| check.outcome == CheckOutcome::Failed);
            failed.map(|check| format!("{}: {}: {}", node.name, check.name, check.seen))
        });
        let failed: Vec<_> = failed.collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Kind::Unhealthy.error(
                format!("etcd is healthy, but {}", failed.join("; ")),
                "log in to the node with `etcd-image boot --keep`",
            )),
        }
    }
}

/// Returns the member table. Fails if a node is missing from it, if the nodes disagree about it, or if they do not follow
/// the same leader. `seen` is the list of members as each node sees it.
pub(super) fn table(seen: &[Vec<Member>], statuses: &[(String, Status)]) -> Result<Vec<MemberRow>> {
    let members = seen.first().map_or(&[][..], Vec::as_slice);
    if seen.iter().any(|other| other != members) {
        return Err(wrong("its nodes do not agree on its members"));
    }
    let mut rows = Vec::new();
    for (name, status) in statuses {
        let member = members
            .iter()
            .find(|member| member.name == *name && member.is_started());
        let member = member.ok_or_else(|| wrong(&format!("{name} is not a started member")))?;
        rows.push(MemberRow {
            id: format!("{:x}", member.id),
            name: member.name.clone(),
            peer: member.peer_urls.join(","),
            client: member.client_urls.join(","),
            version: status.version.clone(),
            db_size: status.db_size,
            leader: status.leader == member.id,
            raft_term: status.raft_term,
            raft_index: status.raft_index,
        });
    }
    if members.len() != rows.len() {
        return Err(wrong(&format!(
            "it has {}, and {} started",
            count(members.len(), "member"),
            rows.len()
        )));
    }
    let leaders = statuses.iter().map(|(_, status)| status.leader);
    match leaders.clone().all(|leader| leader != 0)
        && rows.iter().filter(|row| row.leader).count() == 1
    {
        true => Ok(rows),
        false => Err(wrong(&format!(
            "its members follow leaders {:x?}",
            leaders.collect::<Vec<_>>()
        ))),
    }
}

fn wrong(what: &str) -> anyhow::Error {
    let message = format!("the cluster is not what was built: {what}");
    Kind::Unhealthy.error(message, "log in to the nodes with `etcd-image boot --keep`")
}

impl Display for BootReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<17} {:<12} {:<28} {:<9} {:>8}  {:<8} {:>4} {:>6}",
            "member", "name", "client", "etcd", "database", "role", "term", "index"
        )?;
        for row in &self.members {
            let MemberRow {
                id,
                name,
                client,
                version,
                ..
            } = row;
            let role = if row.leader { "leader" } else { "follower" };
            let size = format!("{} kB", row.db_size / 1000);
            let (term, index) = (row.raft_term, row.raft_index);
            writeln!(
                f,
                "  {id:<17} {name:<12} {client:<28} {version:<9} {size:>8}  {role:<8} {term:>4} {index:>6}"
            )?;
        }
        writeln!(f)?;
        for node in &self.nodes {
            node.summary(f)?;
        }
        let (quorum, healthy) = (self.seconds_to_quorum, self.seconds_to_healthy);
        writeln!(
            f,
            "\nquorum after {quorum} s, all healthy after {healthy} s; a key was written and read over mutual TLS"
        )
    }
}

impl BootedNode {
    /// Prints a line with the passed checks, a line for each failed one, and a line with the skipped ones.
    fn summary(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let of = |outcome| {
            self.checks
                .iter()
                .filter(move |check| check.outcome == outcome)
        };
        let names: Vec<_> = of(CheckOutcome::Passed)
            .map(|check| check.name.as_str())
            .collect();
        writeln!(f, "  {:<12} good: {}", self.name, names.join(", "))?;
        for check in of(CheckOutcome::Failed) {
            writeln!(f, "  {:<12} BAD: {}: {}", self.name, check.name, check.seen)?;
        }
        let skipped: Vec<_> = of(CheckOutcome::Skipped).collect();
        if let Some(first) = skipped.first() {
            let names: Vec<_> = skipped.iter().map(|check| check.name.as_str()).collect();
            writeln!(
                f,
                "  {:<12} not checked: {} ({})",
                self.name,
                names.join(", "),
                first.seen
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, name: &str) -> Member {
        Member {
            id,
            name: name.to_owned(),
            peer_urls: vec!["https://p:2380".to_owned()],
            client_urls: vec!["https://c:2379".to_owned()],
            is_learner: false,
        }
    }

    fn status(name: &str, leader: u64) -> (String, Status) {
        let status = Status {
            version: "3.6.14".to_owned(),
            db_size: 20480,
            leader,
            raft_index: 9,
            raft_term: 2,
            ..Status::default()
        };
        (name.to_owned(), status)
    }

    #[test]
    fn one_leader_is_marked() {
        let two = vec![member(10, "a"), member(11, "b")];
        let rows = table(&[two.clone(), two], &[status("a", 11), status("b", 11)]).unwrap();
        assert_eq!(
            rows.iter().map(|row| row.leader).collect::<Vec<_>>(),
            [false, true]
        );
        assert_eq!(rows[0].id, "a");
    }

    #[test]
    fn a_table_that_is_not_the_cluster_s_is_refused() {
        let two = [member(1, "a"), member(2, "b")];
        let refused = |members: &[Member], statuses: &[(String, Status)]| {
            table(&[members.to_vec()], statuses)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&two, &[status("a", 1)]).contains("has 2 members"));
        assert!(refused(&two, &[status("a", 1), status("c", 1)]).contains("c is not a started"));
        assert!(refused(&two, &[status("a", 1), status("b", 2)]).contains("leaders [1, 2]"));
        assert!(refused(&two, &[status("a", 1), status("b", 0)]).contains("leaders [1, 0]"));
        let disagreeing = [two.to_vec(), two[..1].to_vec()];
        assert!(
            table(&disagreeing, &[])
                .unwrap_err()
                .to_string()
                .contains("do not agree")
        );
        let mut sleeping = two.clone();
        sleeping[1].client_urls.clear();
        assert!(
            refused(&sleeping, &[status("a", 1), status("b", 1)]).contains("b is not a started")
        );
    }
}

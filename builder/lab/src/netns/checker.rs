//! Repairs everything repairable, waits, and then checks every invariant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use super::client::ListedMember;
use super::lab::{LOOK, Lab};
use super::model::Wanted;
use super::node::LabNode;
use super::violation::{Invariant, violated};

/// The time that an excluded node gets to serve by mistake and to report its reason.
const WAITING: Duration = Duration::from_secs(4);
/// A member that has lost the majority says so when it has looked three times.
const REPORT: Duration = Duration::from_mins(1);

/// How a line of a node's programs begins, and the words after that with which they give a reason.
const LINE: &str = "etcd-node: ";
const REASONS: [&str; 3] = ["waiting ", "refused ", "etcd has failed "];

/// A node that acknowledges writes, as it sees its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Served {
    cluster: String,
    /// The node's own member id.
    member: String,
    members: Vec<ListedMember>,
}

impl Served {
    /// Returns whether two serving nodes belong to one cluster. The lists may differ by a change made between the two queries.
    fn is_with(&self, other: &Self) -> bool {
        let lists = |list: &Self, id: &str| list.members.iter().any(|member| member.id == id);
        self.cluster == other.cluster && lists(self, &other.member) && lists(other, &self.member)
    }
}

impl Lab {
    /// Repairs the network and the disks, switches every node on, and checks all invariants.
    pub(super) fn settle(&mut self, wanted: &Wanted) -> Result<()> {
        let on = self.all().into_iter().filter(|at| !wanted.off.contains(at));
        self.repair(&on.collect::<Vec<_>>())?;
        if wanted.nobody || !wanted.excluded.is_empty() {
            self.pass(WAITING)?;
        }
        if !wanted.nobody {
            self.wait_for_members(wanted)?;
        }
        self.wait_for_reasons(wanted)?;
        self.traffic.stop();
        self.pass(Duration::ZERO)?;
        let serving = self.serving(WAITING);
        one_cluster(&serving)?;
        if wanted.nobody && !serving.is_empty() {
            return violated(
                Invariant::OneCluster,
                format!("nobody may serve, but these do: {serving:?}"),
            );
        }
        if let Some(index) = wanted
            .excluded
            .iter()
            .find(|index| serving.contains_key(index))
        {
            let name = self.nodes[*index].name();
            return violated(
                Invariant::Membership,
                format!("board {index}, {name}, may not be a member, and is"),
            );
        }
        self.every_write(&serving)?;
        self.same_data(&serving)
    }

    /// Checks that every node that serves has every acknowledged write. Clients are paused meanwhile.
    pub(super) fn has_every_write(&mut self) -> Result<()> {
        self.pause_clients();
        self.every_write(&self.serving(WAITING))?;
        self.resume_clients();
        Ok(())
    }

    /// Waits until every possible member is a member, and the list contains no other.
    pub(super) fn wait_for_members(&mut self, wanted: &Wanted) -> Result<()> {
        let mut members: Vec<usize> = self
            .all()
            .into_iter()
            .filter(|at| wanted.is_member(*at))
            .collect();
        let start = self.history.elapsed();
        loop {
            self.pass(LOOK)?;
            let elapsed = self.history.elapsed().saturating_sub(start);
            let mut lists = BTreeSet::new();
            let mut missing = None;
            for index in &members {
                match self.served(*index, elapsed) {
                    Ok(served) => {
                        lists.insert((served.cluster, served.members));
                    }
                    Err(reason) => {
                        missing = Some((*index, reason));
                        break;
                    }
                }
            }
            let wrong = lists
                .iter()
                .next()
                .and_then(|(_, list)| self.wrong_list(list));
            if missing.is_none() && wrong.is_none() && lists.len() == 1 {
                self.history.add("everybody who can be a member is one");
                return Ok(());
            }
            // The others have to answer again only once this one does.
            if let Some((index, _)) = &missing {
                members.sort_by_key(|member| member != index);
            }
            if self.is_over(start) {
                one_cluster(&self.serving(elapsed))?;
                let text = missing.map_or_else(
                    || wrong.unwrap_or_else(|| "members disagree about the list".to_owned()),
                    |(index, reason)| format!("{}: {reason:#}", self.nodes[index].name()),
                );
                return violated(
                    Invariant::Membership,
                    format!("not in order after {:?}: {text}", self.bound),
                );
            }
        }
    }

    /// Waits until the list contains every node's new address.
    pub(super) fn wait_for_new_addresses(&self) -> Result<()> {
        let start = self.history.elapsed();
        loop {
            let list = self.client.members(self.nodes[0].address());
            let urls: Vec<String> = list
                .map(|(_, members)| members.into_iter().map(|member| member.url).collect())
                .unwrap_or_default();
            let known = |node: &LabNode| {
                let host = match node.address() {
                    IpAddr::V4(address) => address.to_string(),
                    IpAddr::V6(address) => format!("[{address}]"),
                };
                urls.contains(&format!("https://{host}:2380"))
            };
            if self.nodes.iter().all(known) {
                self.history.add("the cluster knows all new addresses");
                return Ok(());
            }
            if self.is_over(start) {
                let text = format!("the cluster does not know all new addresses: {urls:?}");
                return violated(Invariant::Membership, text);
            }
            self.pass(LOOK)?;
        }
    }

    /// Returns why a list is wrong: it has an unknown name or a learner. An excluded board's former member may still be listed.
    fn wrong_list(&self, list: &[ListedMember]) -> Option<String> {
        let expected = |name: &str| self.nodes.iter().any(|node| node.name() == name);
        let stranger = list
            .iter()
            .find(|member| !expected(&member.name) || member.learner);
        stranger.map(|member| format!("the list holds {member:?}"))
    }

    /// Writes a probe through a node and returns the node's view of its cluster, after it got this much time before.
    fn served(&self, index: usize, waited: Duration) -> Result<Served> {
        let address = self.nodes[index].address();
        let client = self.client.after(waited);
        client.put(address, "probe", "written")?;
        let (header, members) = client.members(address)?;
        Ok(Served {
            cluster: header.cluster,
            member: header.member,
            members,
        })
    }

    fn serving(&self, waited: Duration) -> BTreeMap<usize, Served> {
        let on = self.all().into_iter().filter(|at| self.nodes[*at].is_on());
        on.filter_map(|at| Some((at, self.served(at, waited).ok()?)))
            .collect()
    }

    /// Waits until the last thing that every nonmember has said is its reason.
    fn wait_for_reasons(&mut self, wanted: &Wanted) -> Result<()> {
        let silent = |lab: &Self| {
            lab.all().into_iter().find(|at| {
                let out = !wanted.is_member(*at) && !wanted.off.contains(at);
                out && !is_explained(&lab.nodes[*at].said())
            })
        };
        let start = self.history.elapsed();
        while let Some(index) = silent(self) {
            self.pass(LOOK)?;
            if self.has_passed(REPORT, start) {
                let name = self.nodes[index].name();
                return violated(
                    Invariant::Reason,
                    format!("{name} takes no part and does not say why"),
                );
            }
        }
        Ok(())
    }

    fn every_write(&self, serving: &BTreeMap<usize, Served>) -> Result<()> {
        for index in serving.keys() {
            let address = self.nodes[*index].address();
            let found = self.retry(|client| client.all(address))?;
            let found: BTreeMap<String, String> = found.into_iter().collect();
            let ledger = self.traffic.ledger();
            let lost = ledger
                .acknowledged
                .iter()
                .filter(|(key, value)| found.get(*key) != Some(value));
            let lost: Vec<&String> = lost.map(|(key, _)| key).collect();
            if !lost.is_empty() {
                let (name, count, all) = (
                    self.nodes[*index].name(),
                    lost.len(),
                    ledger.acknowledged.len(),
                );
                let text = format!(
                    "{name} lacks {count} of {all} acknowledged writes, the first is {}",
                    lost[0]
                );
                return violated(Invariant::NoLostWrite, text);
            }
        }
        Ok(())
    }

    /// Compares hashes at the lowest revision that all nodes have. A follower that is behind catches up first.
    fn same_data(&self, serving: &BTreeMap<usize, Served>) -> Result<()> {
        let addresses = || serving.keys().map(|at| self.nodes[*at].address());
        let mut revisions = Vec::new();
        for address in addresses() {
            let (header, _) = self.retry(|client| client.get(address, "probe"))?;
            revisions.push(header.revision);
        }
        let Some(lowest) = revisions.into_iter().min() else {
            return Ok(());
        };
        let mut hashes = BTreeMap::new();
        for index in serving.keys() {
            let address = self.nodes[*index].address();
            let hash = self.retry(|client| client.hash(address, lowest))?;
            hashes.insert(self.nodes[*index].name(), hash);
        }
        if hashes.values().collect::<BTreeSet<_>>().len() > 1 {
            return violated(
                Invariant::SameData,
                format!("hashes at revision {lowest}: {hashes:?}"),
            );
        }
        Ok(())
    }
}

/// Returns whether the last line of the node's programs on a console is a reason.
fn is_explained(said: &[String]) -> bool {
    let mut lines = said.iter().rev();
    let last = lines.find_map(|line| line.strip_prefix(LINE));
    last.is_some_and(|text| REASONS.iter().any(|words| text.starts_with(words)))
}

fn one_cluster(serving: &BTreeMap<usize, Served>) -> Result<()> {
    let mut all = serving.values();
    let Some(first) = all.next() else {
        return Ok(());
    };
    match all.find(|other| !first.is_with(other)) {
        Some(other) => violated(
            Invariant::OneCluster,
            format!("two clusters serve: {first:?} and {other:?}"),
        ),
        None => Ok(()),
    }
}

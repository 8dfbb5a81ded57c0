//! Changes of the list of members: whether one is possible now, and the wait for its end.

mod removal;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::access::Access;
use super::catch_up::obstacle;
use super::gather::{Scope, survey};
use super::operation::Operation;
use super::quorum::works;
use super::renew::{self, NodeRenewal, RenewalOutcome};
use super::report::{ClusterReport, MemberReport};
use crate::failure::Kind;
use crate::pki;
use crate::progress::Progress;

pub use self::removal::{Leaver, prepare_removal, remove_member};

const INTERVAL: Duration = Duration::from_secs(1);

/// Returns the state of the members, without a login on the nodes.
pub fn members(access: &Access, now: i64) -> Result<ClusterReport> {
    survey(access, now, Scope::Etcd)
}

impl ClusterReport {
    /// Returns a member of etcd's list by its name.
    pub fn listed(&self, name: &str) -> Option<&MemberReport> {
        let mut listed = self.members.iter().filter(|it| it.started.is_some());
        listed.find(|member| member.name == name)
    }

    /// Returns whether this is a voting member that works and has caught up.
    pub fn is_well(&self, name: &str) -> bool {
        self.listed(name)
            .is_some_and(|member| obstacle(member).is_none())
    }

    /// Checks that the cluster can admit `new` now: all its members must answer, except the one that `new` replaces.
    pub fn can_admit(&self, new: &str, replaces: Option<&str>) -> Result<()> {
        let counts = |member: &&MemberReport| {
            member.started == Some(true)
                && member.name != new
                && Some(member.name.as_str()) != replaces
        };
        let listed = || self.members.iter().filter(counts);
        let Some(silent) = listed().find(|member| !works(member)) else {
            return match listed().next() {
                Some(_) => Ok(()),
                None => Err(self.nobody_answers()),
            };
        };
        if listed().all(|member| !works(member)) {
            return Err(self.nobody_answers());
        }
        let (name, cluster) = (&silent.name, &self.cluster);
        if !silent.reachable && silent.trouble.is_none() {
            let message = format!(
                "cluster {cluster} cannot admit {new}: the state directory does not describe its member {name}"
            );
            let hint = "name the newest state directory of this cluster with `--state`";
            return Err(Kind::Unhealthy.error(message, hint));
        }
        let reason = silent.trouble.as_deref().unwrap_or("it confirms no read");
        let message = format!(
            "cluster {cluster} cannot admit {new} while {name} does not take part: {reason}"
        );
        let hint = format!(
            "bring {name} back, or replace it first with `etcd-image cluster replace {name}`"
        );
        Err(Kind::Unhealthy.error(message, hint))
    }

    /// Refuses to go on if no member has returned the list of all members.
    pub fn must_be_known(&self) -> Result<()> {
        match self.is_known() {
            true => Ok(()),
            false => Err(self.nobody_answers()),
        }
    }

    fn nobody_answers(&self) -> anyhow::Error {
        let cause = self.problems.first().map(|cause| format!(": {cause}"));
        let cause = cause.unwrap_or_default();
        let message = format!("no member of cluster {} answers{cause}", self.cluster);
        Kind::Unhealthy.error(message, self.hint())
    }
}

/// Hands the current certificates of the state directory, which list all members, to every node but `except`. A cluster
/// without certificates has no such list.
pub fn hand_out(operation: &Operation<'_>, except: Option<&str>) -> Result<Vec<NodeRenewal>> {
    let Operation {
        access,
        now,
        progress,
        ..
    } = *operation;
    if !access.uses_certificates() {
        return Ok(Vec::new());
    }
    let described = access.description.members.iter();
    let members: Vec<_> = described
        .filter(|member| Some(member.name.as_str()) != except)
        .collect();
    let names: Vec<_> = members.iter().map(|member| member.name.clone()).collect();
    let renewed = pki::renew(&access.folder, &names, now, now)?;
    let nodes = members.iter().zip(&renewed.nodes);
    let nodes = nodes.map(|(member, leaves)| {
        operation.lock.must_be_kept()?;
        progress.note(&format!("{}: handing over the list of members", member.name));
        let done = renew::hand_to(access, member, leaves, &renewed.admin, now);
        if let (RenewalOutcome::Failed, Some(reason)) = (done.outcome, &done.trouble) {
            progress.note(&format!(
                "warning: {} keeps the previous list: {reason}; `etcd-image cluster renew` hands it over later",
                done.name
            ));
        }
        Ok(done)
    });
    nodes.collect()
}

/// Refuses to go on if a node that works has not received the list without a former member. One that was booting when the report
/// was made may serve since.
pub fn must_not_list(
    access: &Access,
    former: &str,
    handed: &[NodeRenewal],
    report: ClusterReport,
    now: i64,
) -> Result<()> {
    if !handed.iter().any(has_failed) {
        return Ok(());
    }
    let Some(node) = keeps_list(handed, &[report, members(access, now)?]) else {
        return Ok(());
    };
    let (name, reason) = (&node.name, node.trouble.as_deref().unwrap_or_default());
    let message = format!("{name} still lists {former}: {reason}");
    let hint = format!(
        "until it does, {former} can rejoin; make a login on {name} work, then run the command again"
    );
    Err(Kind::Unhealthy.error(message, hint))
}

fn has_failed(node: &NodeRenewal) -> bool {
    node.outcome == RenewalOutcome::Failed
}

/// Returns a node that works, as one of the reports shows, and has not received the list.
fn keeps_list<'a>(handed: &'a [NodeRenewal], reports: &[ClusterReport]) -> Option<&'a NodeRenewal> {
    let works = |name: &str| reports.iter().any(|report| report.is_well(name));
    handed
        .iter()
        .find(|node| has_failed(node) && works(&node.name))
}

/// Waits until a node is a voting member that has caught up, at most for this time, and reports what it waits for.
pub fn wait_for(
    access: &Access,
    name: &str,
    limit: Duration,
    now: i64,
    progress: &dyn Progress,
) -> Result<ClusterReport> {
    let (started, minutes) = (Instant::now(), limit.as_secs() / 60);
    let mut said = String::new();
    loop {
        let report = members(access, now)?;
        let reason = match report.listed(name) {
            Some(member) => match obstacle(member) {
                None => return Ok(report),
                Some(reason) => reason,
            },
            None => match report.member(name).and_then(|it| it.trouble.clone()) {
                Some(trouble) => trouble,
                None => "it is not a member yet".to_owned(),
            },
        };
        if started.elapsed() >= limit {
            let message =
                format!("{name} has not become a member within {minutes} minutes: {reason}");
            let hint =
                "run the command again, which continues; the node's console says what it waits for";
            return Err(Kind::Unhealthy.error(message, hint));
        }
        if reason != said {
            progress.note(&format!(
                "waiting for {name} at most {minutes} minutes: {reason}"
            ));
            said = reason;
        }
        thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::super::quorum::tests::cluster;
    use super::super::report::CertificateReport;
    use super::*;

    /// It was off or booting when the command began.
    #[test]
    fn a_node_that_serves_by_now_must_have_the_list() {
        let node = |name: &str, outcome| NodeRenewal {
            name: name.to_owned(),
            outcome,
            trouble: None,
            server_certificate: CertificateReport::new(0, 0),
            is_late: false,
        };
        let handed = [
            node("m0", RenewalOutcome::Renewed),
            node("m1", RenewalOutcome::Failed),
        ];
        let keeps = |reports: &[&[bool]]| {
            let reports: Vec<_> = reports.iter().map(|working| cluster(working)).collect();
            keeps_list(&handed, &reports).map(|node| node.name.as_str())
        };
        assert_eq!(keeps(&[&[true, false], &[true, false]]), None);
        assert_eq!(keeps(&[&[true, false], &[true, true]]), Some("m1"));
        assert_eq!(keeps(&[&[true, true], &[true, false]]), Some("m1"));
    }
}

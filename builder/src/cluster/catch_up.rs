//! Prepares the restart of a member, and waits afterwards until it has caught up with the cluster.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::access::Access;
use super::gather::{Scope, survey};
use super::quorum::works;
use super::report::{ClusterReport, MemberReport, Role};
use super::ssh_reason::no_login;
use super::{lead, node_program};
use crate::failure::Kind;
use crate::printable::printable;

/// The time between two queries.
const INTERVAL: Duration = Duration::from_secs(1);

/// The log entries that a member may be behind and still count as caught up; the others write while it is asked.
const SMALL_LAG: u64 = 100;

/// Moves the lead away from a member that is about to restart, if the others can spare it and it comes back with its data.
pub(super) fn before_restart(access: &Access, name: &str, now: i64) -> Result<()> {
    let report = survey(access, now, Scope::Etcd)?;
    report.can_spare(name)?;
    must_keep_its_data(access, name)?;
    lead::step_down(access, &report, name, now)
}

/// Refuses a node on which an interrupted command has prepared a restore: its etcd would begin again with the snapshot. A node that
/// cannot be asked is refused as well; one whose image is too old to know the question has no prepared restore.
fn must_keep_its_data(access: &Access, name: &str) -> Result<()> {
    let question = node_program::command("restore", "pending");
    let command = format!("({question}) || true");
    let answer = access.ssh.run(access.node(name)?.address, &command);
    let lines = answer.map_err(|reason| no_login(name, &reason))?.lines;
    let mut places = lines.iter().filter_map(|it| it.strip_prefix("restore="));
    let Some(place) = places.next().map(printable) else {
        return Ok(());
    };
    let message = format!(
        "{name} would set its data aside and begin again with a snapshot: a restore is prepared in {place}"
    );
    let hint = format!(
        "run `etcd-image cluster restore` again, or give it up on the node with `sudo rm -r {place}`; {name} was not restarted"
    );
    Err(Kind::Refused.error(message, hint))
}

/// Waits until a member has caught up, at most for this time, and returns the state of the cluster.
pub(super) fn wait(
    access: &Access,
    name: &str,
    limit: Duration,
    now: i64,
) -> Result<ClusterReport> {
    let started = Instant::now();
    loop {
        let report = survey(access, now, Scope::Etcd)?;
        let reason = match report.member(name) {
            Some(member) => match obstacle(member) {
                None => return Ok(report),
                Some(reason) => reason,
            },
            None => "it is not a member".to_owned(),
        };
        if started.elapsed() > limit {
            let message = format!(
                "{name} has not caught up with the cluster within {} s: {reason}",
                limit.as_secs()
            );
            let hint = format!("look at its messages with `etcd-image cluster logs {name}`");
            return Err(Kind::Unhealthy.error(message, hint));
        }
        thread::sleep(INTERVAL);
    }
}

/// Returns what keeps a member from taking part fully, if anything.
pub(super) fn obstacle(member: &MemberReport) -> Option<String> {
    if let Some(trouble) = &member.trouble {
        return Some(trouble.clone());
    }
    if !works(member) {
        return Some("it confirms no read".to_owned());
    }
    if member.role == Some(Role::Learner) {
        return Some("it has no vote yet".to_owned());
    }
    let lag = member.lag.filter(|lag| *lag > SMALL_LAG)?;
    Some(format!("it is {lag} log entries behind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_caught_up_once_it_works_votes_and_has_all_entries() {
        let well = MemberReport {
            read_milliseconds: Some(1.0),
            lag: Some(3),
            ..MemberReport::new("a", None)
        };
        assert_eq!(obstacle(&well), None);
        let behind = MemberReport {
            lag: Some(101),
            ..well.clone()
        };
        assert_eq!(obstacle(&behind).unwrap(), "it is 101 log entries behind");
        let learner = MemberReport {
            role: Some(Role::Learner),
            ..well.clone()
        };
        assert_eq!(obstacle(&learner).unwrap(), "it has no vote yet");
        let silent = MemberReport {
            trouble: Some("no answer".to_owned()),
            read_milliseconds: None,
            ..well
        };
        assert_eq!(obstacle(&silent).unwrap(), "no answer");
        assert_eq!(
            obstacle(&MemberReport::new("a", None)).unwrap(),
            "it confirms no read"
        );
    }
}

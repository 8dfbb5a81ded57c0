//! Asks every member and node for its state.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use anyhow::Result;

use super::access::Access;
use super::assess::{self, OF_ANOTHER_CLUSTER};
use super::quorum::works;
use super::report::{CertificateReport, ClusterReport, DatabaseReport, MemberReport, Role};
use super::{certificate, facts};
use crate::description::DescribedMember;
use crate::etcd::{CallError, Member, Session, Status};
use crate::printable::printable;
use crate::{parallel, pki};

/// The state of one member, and the members that it knows.
#[derive(Clone)]
struct Seen {
    report: MemberReport,
    list: Vec<Member>,
}

/// Which sources to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// etcd alone.
    Etcd,
    /// etcd, and the nodes over ssh.
    Everything,
}

/// Returns the state of the cluster at `now`, in seconds since 1970. A member that does not answer is a part of the result.
pub fn status(access: &Access, now: i64) -> Result<ClusterReport> {
    let mut report = survey(access, now, Scope::Everything)?;
    report.warnings.extend(change_of_ca(&access.folder));
    if access.uses_certificates() {
        let ending = certificate::ending(&access.folder, now);
        report.warnings.extend(ending);
    }
    Ok(report)
}

/// Reports a change of the CA that is not complete. The directory `client` beside the images does not know about one.
fn change_of_ca(folder: &Path) -> Option<String> {
    let phase = pki::rotation(folder).ok().flatten()?;
    Some(format!(
        "the CA is being replaced, in phase {} of 3; `etcd-image cluster rotate-ca` continues",
        phase.number()
    ))
}

/// Returns the state of the cluster as far as these sources know it.
pub(super) fn survey(access: &Access, now: i64, scope: Scope) -> Result<ClusterReport> {
    let described = &access.description.members;
    let jobs = NonZeroUsize::new(described.len()).unwrap_or(NonZeroUsize::MIN);
    let mut seen = parallel::map(jobs, described, |member| {
        Ok(ask(access, member, now, scope))
    })?;
    set_others_apart(&mut seen);
    let confirmed = seen.iter().find(|seen| works(&seen.report));
    let answered = confirmed.or_else(|| seen.iter().find(|seen| !seen.list.is_empty()));
    let list = answered.map_or(Vec::new(), |seen| seen.list.clone());
    let mut members: Vec<_> = seen.into_iter().map(|seen| seen.report).collect();
    complete(&mut members, &list);
    compare(&mut members);
    Ok(assess::assess(&access.description.cluster, members, &list))
}

/// Treats an answer of a member of another cluster like silence: it must count in no majority, and nobody may save its keys as those of
/// this cluster. This cluster is the one with most members that confirm reads; if several have as many, the one with most members.
fn set_others_apart(seen: &mut [Seen]) {
    let cluster = |it: &Seen| it.report.cluster_id.clone();
    let weight = |id: &String| {
        let members = seen.iter().map(|it| &it.report);
        let members = members.filter(|it| it.cluster_id.as_ref() == Some(id));
        let confirmed = members.clone().filter(|it| it.read_milliseconds.is_some());
        (confirmed.count(), members.count())
    };
    // Of several maxima, `max_by_key` takes the last one.
    let own = seen.iter().rev().filter_map(cluster).max_by_key(weight);
    for other in seen {
        let report = &mut other.report;
        if report.cluster_id.is_none() || report.cluster_id == own {
            continue;
        }
        let id = report.cluster_id.take().unwrap_or_default();
        let new = MemberReport::new(&report.name, report.address);
        *report = MemberReport {
            trouble: Some(format!("{OF_ANOTHER_CLUSTER} (cluster ID {id})")),
            cluster_id: Some(id),
            server_certificate: report.server_certificate,
            peer_certificate: report.peer_certificate,
            node: report.node.take(),
            ssh_trouble: report.ssh_trouble.take(),
            ..new
        };
        other.list.clear();
    }
}

/// Asks etcd and the node at the same time.
fn ask(access: &Access, member: &DescribedMember, now: i64, scope: Scope) -> Seen {
    let address = member.address;
    let mut report = MemberReport::new(&member.name, Some(address));
    let list = thread::scope(|threads| {
        let login = || access.ssh.run(address, &facts::script());
        let node = (scope == Scope::Everything).then(|| threads.spawn(login));
        let list = ask_etcd(access, address, now, &mut report);
        match node.map(ScopedJoinHandle::join) {
            Some(Ok(Ok(said))) => report.node = Some(facts::parse(&said)),
            Some(Ok(Err(reason))) => report.ssh_trouble = Some(reason),
            Some(Err(_)) => report.ssh_trouble = Some("reading its answer failed".to_owned()),
            None => {}
        }
        list
    });
    if let Err(trouble) = &list {
        report.trouble.get_or_insert(trouble.to_string());
    }
    Seen {
        report,
        list: list.unwrap_or_default(),
    }
}

fn ask_etcd(
    access: &Access,
    address: IpAddr,
    now: i64,
    report: &mut MemberReport,
) -> Result<Vec<Member>, CallError> {
    let peer = access.client.check_peer_port(address);
    report.peer_certificate = peer.as_ref().ok().and_then(|der| presented(der, now));
    let session = match access.client.connect(address) {
        Err(CallError::Silent(_)) if peer.is_ok() => {
            let waits = "etcd runs and serves no clients: it waits for the other members";
            report.trouble = Some(waits.to_owned());
            return Ok(Vec::new());
        }
        connected => connected?,
    };
    report.server_certificate = presented(session.certificate(), now);
    let status = session.status()?;
    report.reachable = true;
    fill(report, &status, access.description.quota);
    let list = session.members()?;
    report.read_milliseconds = Some(time_read(&session)?);
    Ok(list)
}

/// Reads a presented certificate in DER form; `None` if it is not one.
fn presented(der: &[u8], now: i64) -> Option<CertificateReport> {
    Some(CertificateReport::new(pki::end_of_validity(der)?, now))
}

/// Returns the time of a read that a majority confirms. The key does not need to exist.
fn time_read(session: &Session) -> Result<f64, CallError> {
    let started = Instant::now();
    session.get("etcd-image/status")?;
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

fn fill(report: &mut MemberReport, status: &Status, quota: u64) {
    let own = status.member_id();
    report.id = Some(format!("{own:x}"));
    report.role = Some(match (status.is_learner, status.leader == own) {
        (true, _) => Role::Learner,
        (false, true) => Role::Leader,
        (false, false) => Role::Follower,
    });
    report.version = Some(printable(&status.version));
    report.database = Some(DatabaseReport {
        size: status.db_size,
        in_use: status.db_size_in_use,
        quota,
    });
    report.raft_term = Some(status.raft_term);
    report.raft_index = Some(status.raft_index);
    report.lag = Some(status.raft_applied_index);
    report.leader = status.leader;
    report.revision = Some(status.revision());
    report.cluster_id = Some(format!("{:x}", status.cluster_id()));
    report.errors.clone_from(&status.errors);
}

/// Enters what the member list says about each member, and appends the members that nobody described.
fn complete(members: &mut Vec<MemberReport>, list: &[Member]) {
    let described = members.len();
    for member in list {
        let known = members[..described]
            .iter()
            .position(|report| is_of(member, report));
        let at = known.unwrap_or_else(|| {
            let name = printable(&member.name);
            members.push(MemberReport::new(&name, hosts(member).first().copied()));
            members.len() - 1
        });
        members[at].id = Some(format!("{:x}", member.id));
        members[at].started = Some(member.is_started());
        if member.is_learner {
            members[at].role = Some(Role::Learner);
        }
    }
}

/// Returns whether an entry of the member list is this member. One that has never started has no name, and is recognized by
/// its URLs.
fn is_of(entry: &Member, report: &MemberReport) -> bool {
    if !entry.name.is_empty() {
        return entry.name == report.name;
    }
    let has_host_name = entry.peer_urls.iter().any(|url| {
        let authority = url.split_once("://").map(|(_, authority)| authority);
        let rest = authority.and_then(|authority| authority.strip_prefix(&report.name));
        rest.is_some_and(|rest| rest.starts_with(['.', ':']))
    });
    let addresses = hosts(entry);
    has_host_name || report.address.is_some_and(|own| addresses.contains(&own))
}

/// Returns the addresses in the URLs of a member.
fn hosts(member: &Member) -> Vec<IpAddr> {
    let address = |url: &String| {
        let authority = url.split_once("://")?.1;
        let at: SocketAddr = authority.parse().ok()?;
        Some(at.ip())
    };
    member.peer_urls.iter().filter_map(address).collect()
}

/// Turns each applied index into the distance from the member that is farthest ahead.
fn compare(members: &mut [MemberReport]) {
    let ahead = members.iter().filter_map(|member| member.raft_index).max();
    for member in members {
        member.lag = member
            .lag
            .zip(ahead)
            .map(|(own, ahead)| ahead.saturating_sub(own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, host: &str) -> Member {
        Member {
            id: 0xabc,
            name: name.to_owned(),
            peer_urls: vec![format!("https://{host}:2380")],
            ..Member::default()
        }
    }

    #[test]
    fn members_are_matched_by_name_or_else_by_their_urls_and_others_are_appended() {
        let described = |name: &str, host: &str| MemberReport::new(name, host.parse().ok());
        let mut members = vec![
            described("a", "10.0.0.1"),
            described("b", "10.0.0.2"),
            described("d", "10.0.0.4"),
        ];
        let list = [
            member("a", "10.0.0.9"),
            member("", "10.0.0.2"),
            member("", "d.home.arpa"),
            // Its name is not that of the node that takes its address.
            Member {
                is_learner: true,
                ..member("c\u{1b}[2J", "10.0.0.1")
            },
        ];
        complete(&mut members, &list);
        let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "d", "c\\u{1b}[2J"]);
        assert_eq!(members[1].id.as_deref(), Some("abc"));
        let is_learner = |member: &MemberReport| member.role == Some(Role::Learner);
        assert!(is_learner(&members[3]), "nobody asks it");
        assert!(!members[..3].iter().any(is_learner));
        assert_eq!(members[1].started, Some(false));
        assert_eq!(members[2].started, Some(false));
        assert_eq!(members[3].address, "10.0.0.1".parse().ok());
        assert_eq!(
            hosts(&member("", "[fd00::3]")),
            ["fd00::3".parse::<IpAddr>().unwrap()]
        );
    }

    #[test]
    fn a_member_of_another_cluster_is_no_part_of_this_one() {
        let seen = |name: &str, cluster: &str, works: bool| Seen {
            report: MemberReport {
                cluster_id: Some(cluster.to_owned()),
                reachable: true,
                role: Some(Role::Follower),
                read_milliseconds: works.then_some(1.0),
                leader: 7,
                ..MemberReport::new(name, None)
            },
            list: vec![member(name, "10.0.0.1")],
        };
        let others = |mut all: Vec<Seen>| {
            set_others_apart(&mut all);
            let apart = all.iter().filter(|it| it.report.trouble.is_some());
            let apart = apart.map(|it| {
                let report = &it.report;
                assert!(!report.reachable && report.role.is_none() && report.leader == 0);
                assert!(report.read_milliseconds.is_none() && it.list.is_empty());
                report.name.clone()
            });
            apart.collect::<Vec<_>>()
        };
        let own = || vec![seen("b", "1", true), seen("c", "1", true)];
        assert_eq!(others(own()), [""; 0]);
        assert_eq!(others([vec![seen("a", "2", true)], own()].concat()), ["a"]);
        // A restore has not reached all nodes.
        let some = |works| vec![seen("a", "2", works), seen("b", "1", false)];
        assert_eq!(others(some(true)), ["b"]);
        assert_eq!(others(some(false)), ["b"]);
        let silent = Seen {
            report: MemberReport::new("d", None),
            list: Vec::new(),
        };
        assert_eq!(others(vec![silent]), [""; 0]);
    }

    #[test]
    fn the_lag_is_the_distance_from_the_member_that_is_farthest_ahead() {
        let at = |index: Option<u64>, applied: Option<u64>| MemberReport {
            raft_index: index,
            lag: applied,
            ..MemberReport::new("a", None)
        };
        let mut members = [at(Some(9), Some(9)), at(Some(7), Some(6)), at(None, None)];
        compare(&mut members);
        assert_eq!(members.map(|member| member.lag), [Some(0), Some(3), None]);
    }
}

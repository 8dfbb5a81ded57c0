//! Assesses the state of a cluster: what keeps it from being healthy, and what will.

use std::collections::BTreeSet;

use super::certificate::FEW_DAYS;
use super::quorum::works;
use super::report::{CertificateReport, ClusterReport, MemberReport, NodeReport, Role, Verdict};
use crate::count::count;
use crate::etcd::Member;
use crate::failure::Kind;

/// The limits above which a fact is a warning.
const LARGE_LAG: u64 = 1000;
const LARGE_OFFSET: f64 = 1.0;
const NEARLY_FULL: f64 = 0.8;
const HOT: f64 = 80.0;

/// The reason to ignore what answers at a member's address.
pub(super) const OF_ANOTHER_CLUSTER: &str = "a member of another cluster answers at its address";

/// The error of a member that follows nobody, in its status.
const NO_LEADER: &str = "etcdserver: no leader";

/// Assesses a cluster by its members, and by the member list of etcd, which is empty if nobody could be asked.
pub(super) fn assess(cluster: &str, members: Vec<MemberReport>, list: &[Member]) -> ClusterReport {
    let alarms = alarms(&members);
    let mut problems: Vec<_> = members
        .iter()
        .flat_map(|member| problems(member, list))
        .collect();
    problems.extend(disagreement(&members));
    problems.extend(alarms.iter().map(|alarm| format!("alarm {alarm}")));
    let warnings = members.iter().flat_map(warnings).chain(versions(&members));
    let confirmed = members.iter().any(works);
    ClusterReport {
        format: 1,
        cluster: cluster.to_owned(),
        verdict: match (confirmed, problems.is_empty()) {
            (false, _) => Verdict::Down,
            (true, false) => Verdict::Degraded,
            (true, true) => Verdict::Healthy,
        },
        warnings: warnings.collect(),
        problems,
        alarms,
        members,
    }
}

impl ClusterReport {
    /// Returns an error unless the cluster is healthy.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let state = match self.verdict {
            Verdict::Healthy => return Ok(()),
            Verdict::Degraded => "is degraded",
            Verdict::Down => "is down",
        };
        let cause = self.cause("no member answers");
        let message = format!("cluster {} {state}: {cause}", self.cluster);
        Err(Kind::Unhealthy.error(message, self.hint()))
    }

    /// Returns the next step for the first cause that has one.
    pub(super) fn hint(&self) -> &'static str {
        let says = |words: &str| self.problems.iter().any(|problem| problem.contains(words));
        if says("certificate expired") {
            "if this machine's clock is right, run `etcd-image cluster renew`"
        } else if says("BadSignature") || says("UnknownIssuer") {
            "name the state directory of this cluster with `--state`: this one has another CA"
        } else if says("not valid yet") {
            "check the clock of this machine"
        } else if says("received fatal alert: CertificateExpired") {
            "the administrator's certificate has expired by the clocks of the nodes: run `etcd-image cluster renew`"
        } else if says("received fatal alert") {
            "the node rejects the administrator's certificate: name the state directory of this cluster with `--state`"
        } else if says(OF_ANOTHER_CLUSTER) {
            "give each board an address of its own; if a restore was interrupted, run `etcd-image cluster restore` again"
        } else if says("is not in the state directory") || says("is not a member") {
            "make cluster.toml and the cluster agree, then build again"
        } else if says("alarm") {
            "run `etcd-image cluster alarm disarm`, which names the cause while it is not gone"
        } else if says("has not started") || says("is a learner") {
            "wait until it has caught up; its console names the next step"
        } else {
            "check the power and network of the nodes that do not answer; their consoles name the next step"
        }
    }
}

fn problems(member: &MemberReport, list: &[Member]) -> Vec<String> {
    let name = match member.name.as_str() {
        "" => "a member without a name",
        name => name,
    };
    let mut problems = Vec::new();
    let mut add = |what: &str| problems.push(format!("{name} {what}"));
    match (&member.trouble, member.reachable) {
        (Some(trouble), false) => add(&format!("does not answer: {trouble}")),
        (Some(trouble), true) => add(&format!("does not confirm a read: {trouble}")),
        (None, _) => {}
    }
    match member.started {
        None if !list.is_empty() => add("is not a member"),
        Some(false) => add("has not started"),
        _ => {}
    }
    if member.started == Some(true) && !member.reachable && member.trouble.is_none() {
        add("is not in the state directory");
    }
    if member.reachable && member.role == Some(Role::Learner) {
        add("is a learner, without a vote");
    }
    if member.reachable && member.leader == 0 {
        add("has no leader");
    }
    problems
}

/// Reports members that follow different leaders.
fn disagreement(members: &[MemberReport]) -> Option<String> {
    let leaders = members.iter().map(|member| member.leader);
    let leaders: BTreeSet<u64> = leaders.filter(|leader| *leader != 0).collect();
    (leaders.len() > 1)
        .then(|| "the members follow different leaders: an election is in progress".to_owned())
}

/// Returns the alarms, with the names of the members. etcd writes them as `memberID:123 alarm:NOSPACE`.
fn alarms(members: &[MemberReport]) -> Vec<String> {
    let errors = members.iter().flat_map(|member| &member.errors);
    let alarms = errors.filter(|error| *error != NO_LEADER).map(|error| {
        let word = |key: &str| {
            error
                .split_whitespace()
                .find_map(|word| word.strip_prefix(key))
        };
        let id: Option<u64> = word("memberID:").and_then(|id| id.parse().ok());
        let Some((id, kind)) = id.zip(word("alarm:")) else {
            return error.escape_debug().to_string();
        };
        let id = format!("{id:x}");
        let owner = members
            .iter()
            .find(|member| member.id.as_deref() == Some(&id));
        format!(
            "{kind} on {}",
            owner.map_or(id.as_str(), |owner| &owner.name)
        )
    });
    alarms.collect::<BTreeSet<_>>().into_iter().collect()
}

fn warnings(member: &MemberReport) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut add = |what: String| warnings.push(format!("{} {what}", member.name));
    let certificates = [
        ("server", member.server_certificate),
        ("peer", member.peer_certificate),
    ];
    for (kind, certificate) in certificates {
        if let Some(CertificateReport { days_left, .. }) =
            certificate.filter(|it| it.days_left < FEW_DAYS)
        {
            // One that has ended is not accepted: its member does not answer.
            let days = count(usize::try_from(days_left).unwrap_or(0), "day");
            add(format!(
                "has a {kind} certificate that ends in {days}; `etcd-image cluster renew` replaces it"
            ));
        }
    }
    if let Some(lag) = member.lag.filter(|lag| *lag > LARGE_LAG) {
        add(format!("is {lag} log entries behind"));
    }
    if let Some(database) = member.database {
        let share = ratio(database.size, database.quota);
        if share > NEARLY_FULL {
            add(format!(
                "has a database of {:.0} % of its quota",
                share * 100.0
            ));
        }
    }
    for warning in member.node.iter().flat_map(node_warnings) {
        add(warning);
    }
    warnings
}

fn node_warnings(node: &NodeReport) -> Vec<String> {
    let offset = node
        .clock_offset
        .filter(|offset| offset.abs() > LARGE_OFFSET);
    let full = node.data_use.filter(|share| *share > NEARLY_FULL);
    let hot = node.celsius.filter(|celsius| *celsius > HOT);
    let low = node.undervoltage.filter(|low| *low);
    let failed = node.failed_upgrade.as_ref();
    let stopped = node.stopped.filter(|stopped| *stopped);
    let restore = node.prepared_restore.as_ref();
    let warnings = [
        offset.map(|offset| {
            format!("has a clock that differs by {offset:+.1} s from this machine's")
        }),
        full.map(|share| format!("has used {:.0} % of its data partition", share * 100.0)),
        hot.map(|celsius| format!("is hot: {celsius:.0} °C")),
        failed.map(|why| format!("does not run the etcd that it has received: {why}")),
        low.map(|_| "gets too little voltage: use a stronger power supply".to_owned()),
        stopped.map(|_| {
            "has an etcd that somebody or an interrupted `etcd-image cluster restore` has stopped: run that again, or start it on \
             the node with `sudo systemctl start etcd`"
                .to_owned()
        }),
        restore.map(|place| {
            format!(
                "sets its data aside and begins again with a snapshot when etcd starts next: run `etcd-image cluster restore` \
                 again, or give it up on the node with `sudo rm -r {place}`"
            )
        }),
    ];
    warnings.into_iter().flatten().collect()
}

fn versions(members: &[MemberReport]) -> Option<String> {
    let versions: BTreeSet<_> = members
        .iter()
        .filter_map(|member| member.version.as_deref())
        .collect();
    let all: Vec<_> = versions.into_iter().collect();
    (all.len() > 1).then(|| {
        format!(
            "the members run different versions of etcd: {}",
            all.join(", ")
        )
    })
}

/// Returns the share of `part` in `whole`, accurate enough for percentages.
#[expect(clippy::cast_precision_loss, reason = "a percentage needs few digits")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::DatabaseReport;
    use super::*;

    fn well(name: &str, id: u64) -> MemberReport {
        MemberReport {
            id: Some(format!("{id:x}")),
            reachable: true,
            started: Some(true),
            role: Some(if id == 1 {
                Role::Leader
            } else {
                Role::Follower
            }),
            version: Some("3.5.16".to_owned()),
            read_milliseconds: Some(1.0),
            leader: 1,
            ..MemberReport::new(name, None)
        }
    }

    fn three() -> [MemberReport; 3] {
        [well("a", 1), well("b", 2), well("c", 3)]
    }

    fn assessed(members: &[MemberReport; 3]) -> ClusterReport {
        assess("main", members.to_vec(), &[Member::default()])
    }

    #[test]
    fn a_cluster_without_problems_is_healthy() {
        let report = assessed(&three());
        assert_eq!(report.verdict, Verdict::Healthy);
        assert_eq!((report.problems, report.warnings), (vec![], vec![]));
    }

    #[test]
    fn each_problem_is_named() {
        type Spoil = fn(&mut MemberReport);
        let cases: [(Spoil, &str); 7] = [
            (|m| m.started = None, "b is not a member"),
            (|m| m.started = Some(false), "b has not started"),
            (|m| m.reachable = false, "b is not in the state directory"),
            (
                |m| m.role = Some(Role::Learner),
                "b is a learner, without a vote",
            ),
            (|m| m.leader = 0, "b has no leader"),
            (
                |m| m.leader = 2,
                "the members follow different leaders: an election is in progress",
            ),
            (
                |m| m.errors.push("memberID:3 alarm:NOSPACE ".to_owned()),
                "alarm NOSPACE on c",
            ),
        ];
        for (spoil, wanted) in cases {
            let mut members = three();
            spoil(&mut members[1]);
            let report = assessed(&members);
            assert_eq!(report.problems, [wanted]);
            assert_eq!(report.verdict, Verdict::Degraded);
        }
    }

    #[test]
    fn a_cluster_that_confirms_no_read_is_down() {
        let report = assessed(&three().map(|member| MemberReport {
            read_milliseconds: None,
            trouble: Some("no answer within 5 s".to_owned()),
            ..member
        }));
        assert_eq!(report.verdict, Verdict::Down);
        let error = report.verdict().unwrap_err().to_string();
        let wanted = "cluster main is down: a does not confirm a read: no answer within 5 s";
        assert_eq!(error, wanted);
    }

    #[test]
    fn an_address_that_another_cluster_uses_is_no_matter_of_power() {
        let mut members = three();
        members[1].reachable = false;
        members[1].trouble = Some(format!("{OF_ANOTHER_CLUSTER} (cluster ID 2)"));
        let hint = assessed(&members).hint();
        assert!(
            hint.starts_with("give each board an address of its own"),
            "{hint}"
        );
    }

    #[test]
    fn each_warning_is_named() {
        let ending = CertificateReport {
            not_after: 0,
            days_left: 59,
        };
        let member = MemberReport {
            server_certificate: Some(ending),
            lag: Some(1001),
            database: Some(DatabaseReport {
                size: 81,
                in_use: 1,
                quota: 100,
            }),
            version: Some("3.5.17".to_owned()),
            node: Some(NodeReport {
                clock_offset: Some(-1.5),
                data_use: Some(0.9),
                celsius: Some(81.0),
                undervoltage: Some(true),
                stopped: Some(true),
                failed_upgrade: Some("etcd 3.5.18 is damaged".to_owned()),
                prepared_restore: Some("/var/lib/etcd/restore".to_owned()),
                ..NodeReport::default()
            }),
            ..well("b", 2)
        };
        let report = assessed(&[well("a", 1), member, well("c", 3)]);
        assert_eq!(report.verdict, Verdict::Healthy);
        let wanted = [
            "b has a server certificate that ends in 59 days; `etcd-image cluster renew` replaces it",
            "b is 1001 log entries behind",
            "b has a database of 81 % of its quota",
            "b has a clock that differs by -1.5 s from this machine's",
            "b has used 90 % of its data partition",
            "b is hot: 81 °C",
            "b does not run the etcd that it has received: etcd 3.5.18 is damaged",
            "b gets too little voltage: use a stronger power supply",
            "b has an etcd that somebody or an interrupted `etcd-image cluster restore` has stopped: run that again, or start it on \
             the node with `sudo systemctl start etcd`",
            "b sets its data aside and begins again with a snapshot when etcd starts next: run `etcd-image cluster restore` again, \
             or give it up on the node with `sudo rm -r /var/lib/etcd/restore`",
            "the members run different versions of etcd: 3.5.16, 3.5.17",
        ];
        assert_eq!(report.warnings, wanted);
    }
}

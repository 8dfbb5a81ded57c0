//! Which members a cluster can do without for a while.

use anyhow::Result;

use super::report::{ClusterReport, MemberReport, Role};
use crate::failure::Kind;

impl ClusterReport {
    /// Returns the member of this name.
    pub(super) fn member(&self, name: &str) -> Option<&MemberReport> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Returns the leader, if a member answers as such.
    pub(super) fn leader(&self) -> Option<&MemberReport> {
        let mut members = self.members.iter();
        members.find(|member| member.role == Some(Role::Leader))
    }

    /// Returns the first problem, which is the gravest, or these words if there is none.
    pub(super) fn cause<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.problems.first().map_or(otherwise, String::as_str)
    }

    /// Returns whether a member has returned the list of all members.
    pub fn is_known(&self) -> bool {
        self.members.iter().any(|member| member.started.is_some())
    }

    /// Returns the members that vote. One that does not answer counts as such, unless the list says that it is a learner.
    pub(super) fn voters(&self) -> impl Iterator<Item = &MemberReport> + Clone {
        let in_list = |member: &&MemberReport| member.started.is_some();
        let voters = self.members.iter().filter(in_list);
        voters.filter(|member| member.role != Some(Role::Learner))
    }

    /// Checks that a majority of the cluster works while this member does not. The only member of a cluster may always
    /// pause, because there is no other way to look after it.
    pub fn can_spare(&self, name: &str) -> Result<()> {
        let all = self.voters().count();
        let others = self
            .voters()
            .filter(|member| member.name != name && works(member))
            .count();
        let majority = all / 2 + 1;
        if others >= majority || (all == 1 && self.voters().all(|it| it.name == name)) {
            return Ok(());
        }
        let cause = self
            .problems
            .iter()
            .find(|problem| !problem.starts_with("alarm"));
        let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
        if all == 0 {
            let message = format!("no member of cluster {} answers{cause}", self.cluster);
            return Err(Kind::Unhealthy.error(message, self.hint()));
        }
        let message = format!(
            "cluster {} would lose its majority without {name}: {others} of {all} members would work, {majority} must{cause}",
            self.cluster
        );
        let hint = match all == 2 && self.problems.is_empty() {
            true => "a cluster of two cannot spare a member: add a third one",
            false => self.hint(),
        };
        Err(Kind::Unhealthy.error(message, hint))
    }
}

/// Returns whether a member takes part in the cluster.
pub(super) fn works(member: &MemberReport) -> bool {
    member.read_milliseconds.is_some()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::assess::assess;
    use super::*;
    use crate::failure::explain;

    /// Returns a cluster of members that work or do not.
    pub(in crate::cluster) fn cluster(working: &[bool]) -> ClusterReport {
        let member = |(at, works): (usize, &bool)| MemberReport {
            started: Some(true),
            reachable: *works,
            read_milliseconds: works.then_some(1.0),
            trouble: (!works).then(|| "no answer within 3 s".to_owned()),
            leader: 1,
            ..MemberReport::new(&format!("m{at}"), None)
        };
        assess(
            "main",
            working.iter().enumerate().map(member).collect(),
            &[],
        )
    }

    #[test]
    fn a_member_pauses_only_while_a_majority_works_without_it() {
        let cases: [(&[bool], &str, bool); 7] = [
            (&[true, true, true], "m0", true),
            (&[true, true, false], "m0", false),
            (&[true, true, false], "m2", true),
            (&[true, true], "m0", false),
            (&[true], "m0", true),
            (&[false], "m0", true),
            (&[true, true, true, true, false], "m0", true),
        ];
        for (working, name, wanted) in cases {
            let outcome = cluster(working).can_spare(name);
            assert_eq!(outcome.is_ok(), wanted, "{working:?} {name}");
        }
    }

    #[test]
    fn the_missing_member_is_named() {
        let error = cluster(&[true, true, false]).can_spare("m0").unwrap_err();
        let wanted = "cluster main would lose its majority without m0: 1 of 3 members would work, 2 must: \
                      m2 does not answer: no answer within 3 s";
        assert_eq!(error.to_string(), wanted);
    }

    #[test]
    fn a_cluster_of_two_needs_a_third_member() {
        let hint = |working: &[bool]| {
            let error = cluster(working).can_spare("m0").unwrap_err();
            explain(&error).1
        };
        assert_eq!(
            hint(&[true; 2]),
            "a cluster of two cannot spare a member: add a third one"
        );
        assert_eq!(
            hint(&[true, false]),
            "check the power and network of the nodes that do not answer; their consoles name the next step"
        );
    }

    #[test]
    fn a_learner_is_no_part_of_the_majority() {
        let mut report = cluster(&[true, true, true]);
        report.members[2].role = Some(Role::Learner);
        report.can_spare("m2").unwrap();
        report.can_spare("m0").unwrap_err();
    }
}

//! The order in which a command stops members for a moment: the leader last.

use super::report::ClusterReport;

/// Removes the next member from those that wait: the leader only if no other is left.
pub(super) fn next(report: &ClusterReport, waiting: &mut Vec<String>) -> Option<String> {
    let leader = report.leader().map(|leader| leader.name.as_str());
    let follower = waiting
        .iter()
        .position(|name| Some(name.as_str()) != leader);
    match follower {
        Some(at) => Some(waiting.remove(at)),
        None => waiting.pop(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::super::report::{MemberReport, Role};
    use super::*;

    #[test]
    fn the_leader_is_last() {
        let member = |name: &str, role: Role| MemberReport {
            role: Some(role),
            ..MemberReport::new(name, None)
        };
        let members = vec![
            member("a", Role::Leader),
            member("b", Role::Follower),
            member("c", Role::Follower),
        ];
        let report = assess("main", members, &[]);
        let mut waiting = ["a", "b", "c"].map(str::to_owned).to_vec();
        let order = std::iter::from_fn(|| next(&report, &mut waiting));
        assert_eq!(order.collect::<Vec<_>>(), ["b", "c", "a"]);
    }
}

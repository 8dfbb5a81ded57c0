//! The members with which a restored cluster begins, and those that would stay behind.

use anyhow::Result;

use super::super::report::ClusterReport;
use super::node::NodeFacts;
use crate::failure::Kind;

/// Refuses to begin if members that would not be stopped could go on as a majority of the cluster as it is. A learner has no
/// vote. If no member answers, [`must_describe_what_nodes_know`] has the lists that the nodes keep.
pub(super) fn must_be_described(report: &ClusterReport, described: &[&str]) -> Result<()> {
    let voters = report.voters().filter(|it| it.started == Some(true));
    let voters: Vec<_> = voters.map(|member| member.name.as_str()).collect();
    check(&voters, described, &report.cluster)
}

/// Refuses to begin if a node knows members that would not be stopped, and that could go on as a majority: those with which it
/// would begin after an interrupted restore, or, if no member answers, those that it saw last.
pub(super) fn must_describe_what_nodes_know(
    report: &ClusterReport,
    described: &[&str],
    known: &[NodeFacts],
) -> Result<()> {
    for (name, facts) in described.iter().zip(known) {
        if let Some(list) = facts.members.as_ref().filter(|_| facts.wanted.is_some()) {
            let names: Vec<_> = names_in(list).collect();
            check(&names, described, &report.cluster)?;
        }
        if let Some(others) = facts.others.as_ref().filter(|_| !report.is_known()) {
            let names: Vec<_> = names_in(others).chain([*name]).collect();
            check(&names, described, &report.cluster)?;
        }
    }
    Ok(())
}

/// Refuses voters of which too few are described.
fn check(voters: &[&str], described: &[&str], cluster: &str) -> Result<()> {
    let is_other = |name: &&&str| !described.contains(name);
    let others: Vec<_> = voters.iter().filter(is_other).copied().collect();
    if others.len() * 2 < voters.len().max(1) {
        return Ok(());
    }
    let message = format!(
        "the state directory does not describe {}, which would go on as another cluster {cluster}",
        others.join(", ")
    );
    let hint = "name the newest state directory with `--state`; nothing was changed. If those members are gone for good, let the \
                others go on without them first (`force-new-cluster` in README.md), then run the command again";
    Err(Kind::Refused.error(message, hint))
}

/// Returns the names in a list of the form `NAME=URL,…`.
pub(super) fn names_in(list: &str) -> impl Iterator<Item = &str> {
    let names = list.split(',').map(|member| member.split_once('='));
    names.flatten().map(|(name, _)| name)
}

/// Returns the list of members with which all nodes begin: those of the state directory. The images of nodes that were built
/// before others were replaced list other members.
pub(super) fn member_list(described: &[&str], known: &[NodeFacts]) -> Result<String> {
    let mut urls = Vec::new();
    for (name, facts) in described.iter().zip(known) {
        let Some(url) = &facts.url else {
            let message = format!(
                "{name} cannot restore the snapshot: its image is too old to begin with the current list of members"
            );
            let hint = "build its image again and flash it, or flash all nodes with images of `etcd-image build --restore` and \
                        --wipe-data; nothing was changed";
            return Err(Kind::Unhealthy.error(message, hint));
        };
        urls.push(url.as_str());
    }
    Ok(urls.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::super::assess::assess;
    use super::super::super::report::{MemberReport, Role};
    use super::super::node::parse;
    use super::*;

    const LIST: &str = "etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380";

    /// The state directory is an older copy, or that of another machine.
    #[test]
    fn members_that_would_go_on_as_another_cluster_are_named() {
        let report = |started: &[&str]| {
            let members = started.iter().map(|name| MemberReport {
                started: Some(true),
                ..MemberReport::new(name, None)
            });
            // It has been added, and has never started.
            let waiting = MemberReport {
                started: Some(false),
                ..MemberReport::new("etcd9", None)
            };
            assess("main", members.chain([waiting]).collect(), &[])
        };
        let refused = [
            (&["etcd1", "etcd2", "etcd3"][..], "etcd2, etcd3"),
            (&["etcd1", "etcd2"], "etcd2"),
        ];
        for (started, others) in refused {
            let error = must_be_described(&report(started), &["etcd1"]).unwrap_err();
            let wanted = format!(
                "the state directory does not describe {others}, which would go on as another cluster main"
            );
            assert_eq!(error.to_string(), wanted);
        }
        must_be_described(
            &report(&["etcd1", "etcd2", "etcd4"]),
            &["etcd1", "etcd2", "etcd3"],
        )
        .unwrap();
        // No member answers.
        must_be_described(&report(&[]), &["etcd1", "etcd2", "etcd3"]).unwrap();
        let mut with_learner = report(&["etcd1", "etcd2"]);
        with_learner.members[1].role = Some(Role::Learner);
        must_be_described(&with_learner, &["etcd1"]).unwrap();
    }

    /// Somebody has stopped etcd on the described nodes, or all members are down.
    #[test]
    fn members_that_only_the_nodes_know_are_named() {
        let facts = |lines: &[&str]| {
            parse(
                &lines
                    .iter()
                    .map(|&line| line.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let url = |name: &str| format!("{name}=https://{name}.home.arpa:2380");
        let (two, three) = (url("etcd2"), url("etcd3"));
        let seen = facts(&[&format!("others={two},{three}")]);
        let wanted = "the state directory does not describe etcd2, etcd3, which would go on as another cluster main";
        let down = assess("main", vec![MemberReport::new("etcd1", None)], &[]);
        let error = must_describe_what_nodes_know(&down, &["etcd1"], &[seen]).unwrap_err();
        assert_eq!(error.to_string(), wanted);
        // The cluster itself answers: what the node saw last is of no interest.
        let member = MemberReport {
            started: Some(true),
            ..MemberReport::new("etcd1", None)
        };
        let up = assess("main", vec![member], &[]);
        let seen = facts(&[&format!("others={two},{three}")]);
        must_describe_what_nodes_know(&up, &["etcd1"], &[seen]).unwrap();
        // They would begin together after a power cut.
        let list = format!("members={},{two},{three}", url("etcd1"));
        let prepared = || facts(&["wanted=00ff00ff00ff00ff", &list]);
        let error = must_describe_what_nodes_know(&up, &["etcd1"], &[prepared()]).unwrap_err();
        assert_eq!(error.to_string(), wanted);
        let known = [prepared(), NodeFacts::default()];
        must_describe_what_nodes_know(&down, &["etcd1", "etcd2"], &known).unwrap();
    }

    #[test]
    fn all_nodes_begin_with_one_list_of_members() {
        let facts = |url: &str| parse(&[format!("url={url}")]);
        let known = [
            facts("etcd1=https://192.168.0.50:2380"),
            facts("etcd2=https://192.168.0.51:2380"),
        ];
        assert_eq!(member_list(&["etcd1", "etcd2"], &known).unwrap(), LIST);
        let known = [facts("etcd1=https://192.168.0.50:2380"), parse(&[])];
        let error = member_list(&["etcd1", "etcd2"], &known).unwrap_err();
        assert_eq!(
            error.to_string(),
            "etcd2 cannot restore the snapshot: its image is too old to begin with the current list of members"
        );
    }
}

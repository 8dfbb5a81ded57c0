//! The members with which a restored cluster begins, and those that would stay behind.

use anyhow::Result;

use super::super::report::ClusterReport;
use super::node::NodeFacts;
use crate::failure::Kind;

/// Refuses to begin if members that would not be stopped could go on as a majority of the cluster as it is. If no member
/// answers, there is no list of them, and the restore may begin.
pub(super) fn must_be_described(report: &ClusterReport, described: &[&str]) -> Result<()> {
    let started = report.members.iter().filter(|it| it.started == Some(true));
    let started: Vec<_> = started.map(|member| member.name.as_str()).collect();
    let others: Vec<_> = started
        .iter()
        .copied()
        .filter(|name| !described.contains(name))
        .collect();
    if others.len() * 2 < started.len().max(1) {
        return Ok(());
    }
    let message = format!(
        "the state directory does not describe {}, which would go on as another cluster {}",
        others.join(", "),
        report.cluster
    );
    let hint = "name the newest state directory with --state; nothing was changed. If those members are gone for good, stop etcd on \
                the others (`sudo systemctl stop etcd`), then run the command again";
    Err(Kind::Refused.error(message, hint))
}

/// Returns the list of members with which all nodes begin: those of the state directory. The images of nodes that were built
/// before others were replaced list other members.
pub(super) fn list(described: &[&str], known: &[NodeFacts]) -> Result<String> {
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
    use super::super::super::report::MemberReport;
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
        // No member answers: nobody has a list.
        must_be_described(&report(&[]), &["etcd1", "etcd2", "etcd3"]).unwrap();
    }

    #[test]
    fn all_nodes_begin_with_one_list_of_members() {
        let facts = |url: &str| parse(&[format!("url={url}")]);
        let known = [
            facts("etcd1=https://192.168.0.50:2380"),
            facts("etcd2=https://192.168.0.51:2380"),
        ];
        assert_eq!(list(&["etcd1", "etcd2"], &known).unwrap(), LIST);
        let known = [facts("etcd1=https://192.168.0.50:2380"), parse(&[])];
        let error = list(&["etcd1", "etcd2"], &known).unwrap_err();
        assert_eq!(
            error.to_string(),
            "etcd2 cannot restore the snapshot: its image is too old to begin with the current list of members"
        );
    }
}

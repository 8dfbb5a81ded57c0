//! Installs another etcd on running nodes over ssh, one member at a time and the leader last, while a majority works.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::node_etcd::NodeEtcd;
use super::operation::Operation;
use super::report::ClusterReport;
use super::rotate::RESTART_ETCD;
use super::{catch_up, node_etcd, order};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::fetch::EtcdBinaries;

/// How long a member may take to run the new etcd and to catch up.
const CATCH_UP: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_secs(1);

/// An upgrade of etcd. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Upgrade {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The version that every member runs now.
    pub version: String,
    /// Every node, in the order in which they were checked or upgraded.
    pub nodes: Vec<UpgradedNode>,
    /// The value of `[etcd] version` in `cluster.toml` with which the next images have this etcd; `None` if it comes from
    /// images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
}

/// The etcd of one node.
#[derive(Clone, Debug, Serialize)]
pub struct UpgradedNode {
    /// Node name.
    pub name: String,
    /// The version before.
    pub before: String,
    /// Seconds until its member had caught up with the new etcd; `None` if it ran that already.
    pub seconds: Option<f64>,
}

/// Installs this etcd on every node that runs a different one, including another build of the same version. `setting` is the
/// value that the operator gave, if it does not come from images. Nothing changes unless the cluster is healthy and every node can run it.
pub fn upgrade(
    operation: &Operation<'_>,
    etcd: &EtcdBinaries,
    setting: Option<&str>,
) -> Result<Upgrade> {
    let access = operation.access;
    let mut report = operation.survey()?;
    report.can_change_to(&etcd.version)?;
    let (mut nodes, mut waiting) = (Vec::new(), Vec::new());
    for member in &access.description.members {
        let before = version(&report, &member.name);
        let node = node_etcd::ask(access, member)?;
        if before == etcd.version && !node.runs_another(etcd) {
            nodes.push(UpgradedNode {
                name: member.name.clone(),
                before,
                seconds: None,
            });
        } else {
            report.can_spare(&member.name)?;
            node.check(&member.name, etcd)?;
            waiting.push(member.name.clone());
        }
    }
    while let Some(name) = order::next(&report, &mut waiting) {
        let member = access.node(&name)?;
        let before = version(&report, &name);
        let started = Instant::now();
        report = change(operation, member, etcd)?;
        nodes.push(UpgradedNode {
            name,
            before,
            seconds: Some(started.elapsed().as_secs_f64()),
        });
    }
    Ok(Upgrade {
        format: 1,
        cluster: report.cluster,
        version: etcd.version.clone(),
        nodes,
        setting: setting.map(str::to_owned),
    })
}

fn version(report: &ClusterReport, name: &str) -> String {
    let version = report
        .member(name)
        .and_then(|member| member.version.clone());
    version.unwrap_or_default()
}

/// Changes the etcd of one node and waits until its member has caught up.
fn change(
    operation: &Operation<'_>,
    member: &DescribedMember,
    etcd: &EtcdBinaries,
) -> Result<ClusterReport> {
    let Operation {
        access,
        now,
        lock,
        progress,
    } = *operation;
    lock.must_be_kept()?;
    let (name, version) = (&member.name, &etcd.version);
    // A node starts with what it has received, whenever it restarts.
    operation.survey()?.can_spare(name)?;
    // An interrupted command may have given it already.
    if !node_etcd::ask(access, member)?.has(etcd) {
        progress.note(&format!("{name} receives etcd {version}"));
        node_etcd::give(access, member, etcd)?;
    }
    // It may have taken minutes.
    lock.must_be_kept()?;
    catch_up::before_restart(access, name, now)?;
    progress.note(&format!("{name} restarts with etcd {version}"));
    let restarted = access.ssh.run(member.address, RESTART_ETCD);
    restarted.map_err(|reason| {
        let message = format!("restarting etcd on {name}: {reason}");
        Kind::Unhealthy.error(message, continue_hint(name))
    })?;
    wait(operation, member, etcd)
}

/// Waits until a member runs this etcd and has caught up. The node itself gives up an etcd that does not start.
fn wait(
    operation: &Operation<'_>,
    member: &DescribedMember,
    etcd: &EtcdBinaries,
) -> Result<ClusterReport> {
    let (name, version) = (&member.name, &etcd.version);
    let started = Instant::now();
    loop {
        let report = operation.survey()?;
        let seen = report.member(name);
        let has_version = seen.and_then(|seen| seen.version.as_ref()) == Some(version);
        let obstacle = seen.and_then(catch_up::obstacle);
        let node = node_etcd::ask(operation.access, member);
        let runs = has_version && node.as_ref().is_ok_and(|node| !node.runs_another(etcd));
        if runs && obstacle.is_none() {
            return Ok(report);
        }
        if let Ok(NodeEtcd {
            failed: Some(why), ..
        }) = &node
        {
            let hint = format!(
                "{name} returns to the etcd before, and no further node was changed; `etcd-image cluster logs {name}` shows its messages"
            );
            return Err(Kind::Unhealthy.error(format!("upgrading {name}: {why}"), hint));
        }
        if started.elapsed() > CATCH_UP {
            let reason = reason(node, obstacle);
            let message = format!(
                "{name} does not work with etcd {version} after {} s: {reason}",
                CATCH_UP.as_secs()
            );
            return Err(Kind::Unhealthy.error(message, continue_hint(name)));
        }
        thread::sleep(INTERVAL);
    }
}

/// Returns why a member does not count as upgraded: what its node says, what the cluster shows, or that its node cannot be asked.
fn reason(node: Result<NodeEtcd>, obstacle: Option<String>) -> String {
    let (said, unknown) = match node {
        Ok(node) => (node.error, "it still runs the etcd before".to_owned()),
        Err(error) => (None, error.to_string()),
    };
    let said = said.filter(|words| !words.is_empty());
    said.or(obstacle).unwrap_or(unknown)
}

/// Returns the next step after the upgrade of a node has failed.
fn continue_hint(name: &str) -> String {
    format!(
        "no further node was changed; run the command again, which continues. `etcd-image cluster logs {name}` shows its messages"
    )
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            version,
            setting,
            ..
        } = self;
        if self.nodes.iter().all(|node| node.seconds.is_none()) {
            writeln!(
                f,
                "every member of cluster {cluster} runs this etcd {version} already"
            )?;
        }
        for UpgradedNode {
            name,
            before,
            seconds,
        } in &self.nodes
        {
            if let Some(seconds) = seconds {
                let change = match before == version {
                    true => format!("another build of etcd {version}"),
                    false => format!("etcd {before} → {version}"),
                };
                writeln!(f, "{name}: {change}, caught up in {seconds:.0} s")?;
            }
        }
        let Some(setting) = setting else {
            return Ok(());
        };
        let update = match setting.as_str() {
            "debian" => " and run `etcd-image update etcd`",
            _ => "",
        };
        writeln!(
            f,
            "write `version = \"{setting}\"` below `[etcd]` in cluster.toml{update}, so that new images contain this etcd as well"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The login has ended meanwhile, and the member may run the new etcd.
    #[test]
    fn a_node_that_cannot_be_asked_is_not_said_to_run_the_etcd_before() {
        let answer = || Ok(NodeEtcd::default());
        let failure = || Err(anyhow::anyhow!("asking etcd2 about its etcd: x"));
        let behind = || Some("it is 101 log entries behind".to_owned());
        assert_eq!(reason(answer(), None), "it still runs the etcd before");
        assert_eq!(reason(failure(), None), "asking etcd2 about its etcd: x");
        assert_eq!(reason(answer(), behind()), "it is 101 log entries behind");
        assert_eq!(reason(failure(), behind()), "it is 101 log entries behind");
    }
}

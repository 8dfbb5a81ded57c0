//! Two members are forced to begin anew, one after the other, while the first one is off.

use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::violation::{Invariant, violated};

/// The advice on the consoles.
const FORCE: &str = "sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd";
/// The answer to its refusal.
const GIVE_UP: &str = "sudo touch /var/lib/etcd/set-data-aside";
/// How a member with a cluster of its own notices the other one.
const BESIDE: &str = "this node is the only member of its cluster, and ";
/// The time for a member to note that it is the only one.
const A_WHILE: Duration = Duration::from_secs(5);

/// The one that was forced first has power again while the second one serves.
pub(super) fn one_after_the_other(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    refuses(lab)
}

/// The first one loses power as soon as it has begun anew.
pub(super) fn at_once(lab: &mut Lab) -> Result<()> {
    force_both(lab, Duration::ZERO)?;
    refuses(lab)
}

/// Neither hears the other when both have power again: each serves, and says so as soon as it hears the other.
pub(super) fn side_by_side(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    lab.cut(1)?;
    lab.part(0, 1)?;
    for node in [0, 1] {
        lab.start(node)?;
    }
    for node in [0, 1] {
        lab.says(node, "init: etcd is ready")?;
    }
    lab.links.heal()?;
    lab.says(0, &format!("warning: {BESIDE}etcd2 runs another one"))?;
    lab.says(1, &format!("warning: {BESIDE}etcd1 runs another one"))?;
    lab.type_at(1, GIVE_UP)?;
    lab.settle(&Wanted::everyone())
}

/// The first one does not serve beside the second one, and joins it as its console says.
fn refuses(lab: &mut Lab) -> Result<()> {
    lab.start(0)?;
    lab.says(
        0,
        &format!("refused to start: {BESIDE}etcd2 runs another one"),
    )?;
    let begun = |line: &String| line.contains("etcd is ready");
    if lab.nodes[0].said().iter().any(begun) {
        return violated(Invariant::OneCluster, "etcd1 served beside etcd2");
    }
    lab.type_at(0, GIVE_UP)?;
    lab.settle(&Wanted::everyone())
}

/// Forces etcd1, cuts its power after some time, and forces etcd2. Clients have stopped: one of the two data is given up.
fn force_both(lab: &mut Lab, time: Duration) -> Result<()> {
    form(lab)?;
    lab.quiet()?;
    lab.traffic.stop();
    lab.cut_all()?;
    for node in [0, 1] {
        let name = lab.nodes[node].name();
        lab.start(node)?;
        lab.says(node, &format!("then run on {name}: "))?;
        lab.type_at(node, FORCE)?;
        lab.says(node, "init: etcd is ready")?;
        if node == 0 {
            lab.pass(time)?;
            lab.cut(0)?;
        }
    }
    Ok(())
}

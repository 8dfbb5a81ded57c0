//! A member is forced to begin anew, and while it is off, others serve without it: as before, or because one of them is forced.

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
const BESIDE: &str = "this node's cluster was forced or has removed members, and ";
/// The time for a member to note who belongs to its cluster.
const A_WHILE: Duration = Duration::from_secs(5);

/// The one that was forced first has power again while the second one serves.
pub(super) fn one_after_the_other(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    refuses(lab, 0)?;
    gives_up(lab, &[0])
}

/// The first one loses power as soon as it has begun anew.
pub(super) fn at_once(lab: &mut Lab) -> Result<()> {
    force_both(lab, Duration::ZERO)?;
    refuses(lab, 0)?;
    gives_up(lab, &[0])
}

/// The others have power again while the forced one is off. They have never heard of it, still list it, and acknowledge writes.
pub(super) fn and_the_others_return(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.quiet()?;
    lab.cut_all()?;
    force(lab, 0)?;
    lab.pass(A_WHILE)?;
    lab.cut(0)?;
    for node in [1, 2] {
        lab.start(node)?;
    }
    for node in [1, 2] {
        lab.says(node, "init: etcd is ready")?;
    }
    lab.loud();
    lab.pass(A_WHILE)?;
    refuses(lab, 0)?;
    gives_up(lab, &[0])
}

/// Each of two forced members of five gets another one, and no member is the only one of its cluster.
pub(super) fn two_pairs(lab: &mut Lab) -> Result<()> {
    lab.allow_four_to_rejoin();
    form(lab)?;
    lab.quiet()?;
    lab.traffic.stop();
    lab.cut_all()?;
    for (forced, wiped, others) in [(0, 3, [1, 2, 4]), (1, 2, [0, 3, 4])] {
        force(lab, forced)?;
        lab.wipe(wiped)?;
        lab.start(wiped)?;
        lab.wait_for_members(&Wanted::everyone().without(&others))?;
        lab.pass(A_WHILE)?;
        if forced == 0 {
            lab.cut(forced)?;
            lab.cut(wiped)?;
        }
    }
    refuses(lab, 0)?;
    refuses(lab, 3)?;
    gives_up(lab, &[0, 3])
}

/// Neither hears the other when both have power again: each serves, and says so as soon as it hears the other. A member without
/// data joins neither of them.
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
    lab.wipe(2)?;
    lab.start(2)?;
    lab.says(2, "refused to join: etcd1 and etcd2 run two clusters")?;
    gives_up(lab, &[1])
}

/// A member of the first cluster does not serve beside that of etcd2.
fn refuses(lab: &mut Lab, node: usize) -> Result<()> {
    lab.start(node)?;
    lab.says(node, &format!("refused to start: {BESIDE}etcd2 "))?;
    let begun = |line: &String| line.contains("etcd is ready");
    if lab.nodes[node].said().iter().any(begun) {
        let text = format!("{} served beside etcd2", lab.nodes[node].name());
        return violated(Invariant::OneCluster, text);
    }
    Ok(())
}

/// All members of one cluster join the other one, as their consoles say.
fn gives_up(lab: &mut Lab, members: &[usize]) -> Result<()> {
    for node in members {
        lab.type_at(*node, GIVE_UP)?;
    }
    lab.settle(&Wanted::everyone())
}

/// Forces etcd1, cuts its power after some time, and forces etcd2. Clients have stopped: one of the two data is given up.
fn force_both(lab: &mut Lab, time: Duration) -> Result<()> {
    form(lab)?;
    lab.quiet()?;
    lab.traffic.stop();
    lab.cut_all()?;
    for node in [0, 1] {
        force(lab, node)?;
        if node == 0 {
            lab.pass(time)?;
            lab.cut(0)?;
        }
    }
    Ok(())
}

/// Switches on a member that hears nobody, and forces it to begin anew.
fn force(lab: &mut Lab, node: usize) -> Result<()> {
    let name = lab.nodes[node].name();
    lab.start(node)?;
    lab.says(node, &format!("then run on {name}: "))?;
    lab.type_at(node, FORCE)?;
    lab.says(node, "init: etcd is ready").map(drop)
}

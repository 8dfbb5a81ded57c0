//! An old copy of a card's data is put back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::lab::{LOOK, Lab};
use super::model::Wanted;
use super::scenarios::form;
use super::twice::{FORCE, GIVE_UP};
use super::violation::{Invariant, violated};

/// How a member says that the others lack what it has.
pub(super) const FORGOTTEN: &str =
    "refused to start: the members that run lack writes that this node has";
const A_WHILE: Duration = Duration::from_secs(3);

/// The members that have the later writes run: the leader knows that the member once had more, or sends it what it lacks.
pub(super) fn among_the_others(lab: &mut Lab) -> Result<()> {
    let copy = copied(lab)?;
    lab.pass(A_WHILE)?;
    lab.put(&copy, 2)?;
    lab.start(2)?;
    lab.settle(&Wanted::everyone())
}

/// The same, and the members that have the later writes restart as well, one of them with the old copy.
pub(super) fn with_a_restart(lab: &mut Lab) -> Result<()> {
    let copy = copied(lab)?;
    lab.pass(A_WHILE)?;
    lab.put(&copy, 2)?;
    lab.cut_all()?;
    lab.settle(&Wanted::everyone())
}

/// Nobody who runs can notice that etcd3 has forgotten writes. etcd1, which has them, says so when it returns, and an operator gives
/// its data up.
pub(super) fn given_up(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let forgotten = forget(lab, [0, 1, 2])?;
    give_up(lab, &forgotten)?;
    lab.settle(&Wanted::everyone())
}

/// The operator keeps the data of etcd1: the others forget what they have agreed on without it, and no other write is lost.
pub(super) fn kept(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let forgotten = forget(lab, [0, 1, 2])?;
    keep(lab, forgotten)?;
    lab.settle(&Wanted::everyone())
}

/// All boards have power at the same instant: when they begin a cluster, after a power cut of the whole site, and when etcd3 has an old
/// copy of its card. Then etcd1, which has the later writes, is among those that elect a leader, or the others elect one without it, and
/// the operator keeps its data. Either way, no write is lost.
pub(super) fn all_on_at_once(lab: &mut Lab) -> Result<()> {
    lab.start_all()?;
    lab.pass_up_to(1500)?;
    for _ in 0..2 {
        lab.cut_all()?;
        form(lab)?;
    }
    lab.has_every_write()?;
    let forgotten = replace(lab, [0, 1, 2])?;
    lab.start_all()?;
    if is_outvoted(lab, 0)? {
        keep(lab, forgotten)?;
    } else {
        lab.traffic
            .paused(|ledger| ledger.acknowledged = forgotten.writes);
    }
    lab.settle(&Wanted::everyone())
}

/// Waits until a member serves, or says that the others lack what it has. Returns whether they do.
fn is_outvoted(lab: &Lab, node: usize) -> Result<bool> {
    let start = lab.history.elapsed();
    loop {
        let said = lab.nodes[node].said();
        let says = |text: &str| said.iter().any(|line| line.contains(text));
        if says(FORGOTTEN) || says("init: etcd is ready") {
            return Ok(says(FORGOTTEN));
        }
        if lab.is_over(start) {
            let text = format!("{} neither serves nor refuses", lab.nodes[node].name());
            return violated(Invariant::Expectation, text);
        }
        lab.pass(LOOK)?;
    }
}

/// What was lost to an old copy of a card.
#[derive(Debug)]
pub(super) struct LostWrites {
    /// The member with the later writes.
    later: usize,
    /// The members of the cluster that lacks them.
    others: [usize; 2],
    /// Everything that was acknowledged before.
    writes: BTreeMap<String, String>,
}

/// In a healthy cluster of three, only `later` and `copied` have acknowledged some writes. `copied` gets an earlier copy of its card
/// back and serves with `behind`, and `later` returns. Clients are paused from the moment when the writes are lost.
pub(super) fn forget(lab: &mut Lab, nodes: [usize; 3]) -> Result<LostWrites> {
    let forgotten = replace(lab, nodes)?;
    for node in forgotten.others {
        lab.start(node)?;
    }
    for node in forgotten.others {
        lab.says(node, "init: etcd is ready")?;
    }
    lab.start(forgotten.later)?;
    lab.says(forgotten.later, FORGOTTEN)?;
    Ok(forgotten)
}

/// As [`forget`], until `copied` has its earlier copy back and all members are off. The ledger has only the writes that all of them have.
fn replace(lab: &mut Lab, [later, behind, copied]: [usize; 3]) -> Result<LostWrites> {
    let copy = copy_of(lab, copied)?;
    lab.pause_clients_in_sync()?;
    let before = lab.traffic.ledger().acknowledged.clone();
    lab.cut(behind)?;
    // More than the others agree on in order to elect a leader.
    lab.write_and_pause(80)?;
    let writes = lab
        .traffic
        .paused(|ledger| std::mem::replace(&mut ledger.acknowledged, before));
    lab.put(&copy, copied)?;
    fs_err::remove_dir_all(copy)?;
    lab.cut(later)?;
    Ok(LostWrites {
        later,
        others: [behind, copied],
        writes,
    })
}

/// Gives up the later writes: those are lost, and no other.
pub(super) fn give_up(lab: &mut Lab, forgotten: &LostWrites) -> Result<()> {
    lab.resume_clients();
    lab.type_at(forgotten.later, GIVE_UP)?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.has_every_write()
}

/// Keeps the later writes, as the console says.
pub(super) fn keep(lab: &mut Lab, forgotten: LostWrites) -> Result<()> {
    let LostWrites {
        later,
        others,
        writes,
    } = forgotten;
    lab.stop_etcd(&others)?;
    lab.traffic.paused(|ledger| ledger.acknowledged = writes);
    lab.type_at(later, FORCE)?;
    lab.says(later, "beginning anew with this node's data")?;
    let address = lab.nodes[later].address();
    lab.retry(|client| client.put(address, "probe", "written"))?;
    lab.resume_clients();
    for node in others {
        lab.type_at(node, "sudo systemctl start etcd")?;
    }
    lab.wait_for_members(&Wanted::everyone())?;
    lab.has_every_write()
}

/// Forms a cluster and copies the data of etcd3, which then takes part again.
fn copied(lab: &mut Lab) -> Result<PathBuf> {
    form(lab)?;
    copy_of(lab, 2)
}

/// Copies the data of a member, which then takes part again.
pub(super) fn copy_of(lab: &mut Lab, node: usize) -> Result<PathBuf> {
    let copy = lab.set_aside(node)?;
    lab.start(node)?;
    lab.wait_for_members(&Wanted::everyone())?;
    Ok(copy)
}

//! Random losses of data and disks: what an operator can repair, and what the cluster has to.

use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::random::{Losses, any, breathe};

/// Overwrites a part of a member's log or database; the others are a healthy majority.
pub(super) fn damage(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    if lab.nodes.len() < 3 {
        return Ok(());
    }
    let node = any(lab);
    let file = match lab.rng.percent(50) {
        true => "member/wal/*",
        false => "member/snap/db",
    };
    lab.corrupt(node, file)?;
    losses.wiped = vec![node];
    lab.start(node)?;
    lab.pass_up_to(2500)
}

/// Fills the disk of a random node for a while, or until the next repair.
pub(super) fn fill(lab: &mut Lab) -> Result<()> {
    let (node, left) = (any(lab), lab.rng.below(40));
    lab.fill(node, left)?;
    lab.pass_up_to(1500)?;
    if lab.rng.percent(50) {
        lab.cut(node)?;
        lab.start(node)?;
        lab.pass_up_to(1500)?;
    }
    if lab.rng.percent(70) {
        lab.history.add("free the disk");
        lab.free(node)?;
    }
    Ok(())
}

/// Exchanges the cards' data of two members, or moves one card to the other board, and undoes it once they have refused the data.
pub(super) fn swap(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    if lab.nodes.len() < 3 {
        return Ok(());
    }
    let one = any(lab);
    let other = (one + 1 + lab.rng.index(lab.nodes.len() - 1)) % lab.nodes.len();
    lab.swap(one, other)?;
    let count = if lab.rng.percent(50) { 2 } else { 1 };
    let nodes = &[one, other][..count];
    for node in nodes {
        lab.start(*node)?;
    }
    for node in nodes {
        lab.says(*node, "refused the data on this node: it belongs to ")?;
    }
    lab.swap(one, other)?;
    breathe(lab, losses)
}

/// Erases the cards of a random majority of a healthy cluster, and follows the advice on the consoles of the erased nodes.
pub(super) fn lose_the_majority(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    lab.allow_four_to_rejoin();
    breathe(lab, losses)?;
    lab.pause_clients_in_sync()?;
    let (start, count) = (any(lab), lab.nodes.len());
    let lost: Vec<usize> = (0..=count / 2).map(|at| (start + at) % count).collect();
    for node in &lost {
        lab.wipe(*node)?;
    }
    lab.start_all()?;
    lab.pass(Duration::from_secs(1))?;
    lab.follow_advice(lost[0])?;
    lab.wait_for_members(&Wanted::everyone())
}

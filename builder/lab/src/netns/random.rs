//! A random scenario. Everything in it follows from its seed, except the timing of processors and the network.

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::{links, loss};
use crate::rng::Rng;

/// Returns the image set for a seed.
pub(super) fn set(seed: u64) -> &'static str {
    match Rng::new(seed).below(20) {
        0 => "lone",
        1..=4 => "five",
        5 | 6 => "old",
        _ => "three",
    }
}

/// The losses since every node was last healthy.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Nodes whose data was erased or damaged.
    pub(super) wiped: Vec<usize>,
    /// Whether the majority was lost once; it takes long to repair.
    pub(super) majority: bool,
}

/// Plays four to ten rounds of faults, and checks all promises.
pub(super) fn play(lab: &mut Lab) -> Result<()> {
    let mut losses = Losses::default();
    start(lab)?;
    for _ in 0..4 + lab.rng.below(7) {
        round(lab, &mut losses)?;
        lab.pass_up_to(900)?;
    }
    lab.settle(&Wanted::everyone())
}

/// Forms a cluster, either undisturbed or during the first rounds of faults.
fn start(lab: &mut Lab) -> Result<()> {
    if lab.rng.percent(50) {
        return form(lab);
    }
    for node in lab.all() {
        lab.start(node)?;
        lab.pass_up_to(600)?;
    }
    for _ in 0..lab.rng.below(3) {
        cut(lab)?;
        lab.pass_up_to(400)?;
    }
    Ok(())
}

fn round(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    match lab.rng.below(100) {
        0..22 => cut(lab),
        22..31 => kill(lab),
        31..38 => all_at_once(lab),
        38..52 => wipe(lab, losses),
        52..64 => part(lab),
        64..69 => noise(lab),
        69..73 => restart(lab),
        73..80 => loss::damage(lab, losses),
        80..87 => loss::fill(lab),
        87..92 => loss::swap(lab, losses),
        92..95 => loss::majority(lab, losses),
        _ => breathe(lab, losses),
    }
}

pub(super) fn any(lab: &mut Lab) -> usize {
    lab.rng.index(lab.nodes.len())
}

/// Cuts the power of a random node for a while.
fn cut(lab: &mut Lab) -> Result<()> {
    let node = any(lab);
    lab.start(node)?;
    lab.cut(node)?;
    lab.pass_up_to(700)?;
    lab.start(node)
}

fn kill(lab: &mut Lab) -> Result<()> {
    let node = any(lab);
    lab.start(node)?;
    lab.kill(node)
}

fn restart(lab: &mut Lab) -> Result<()> {
    let node = any(lab);
    lab.start(node)?;
    lab.fault("an operator restarts etcd");
    lab.type_at(node, "sudo systemctl restart etcd")
}

/// Cuts the power of all nodes, which return in a random order.
fn all_at_once(lab: &mut Lab) -> Result<()> {
    lab.cut_all()?;
    let mut order = lab.all();
    while !order.is_empty() {
        let next = order.swap_remove(lab.rng.index(order.len()));
        lab.start(next)?;
        lab.pass_up_to(500)?;
    }
    Ok(())
}

/// Erases a card if a majority keeps its data.
fn wipe(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    let node = any(lab);
    let mut wiped = losses.wiped.clone();
    wiped.push(node);
    wiped.sort_unstable();
    wiped.dedup();
    if wiped.len() > (lab.nodes.len() - 1) / 2 {
        return breathe(lab, losses);
    }
    losses.wiped = wiped;
    lab.wipe(node)?;
    lab.start(node)?;
    lab.pass_up_to(2500)
}

/// Separates a random node from one or all other nodes; clients still reach every node.
fn part(lab: &mut Lab) -> Result<()> {
    let node = any(lab);
    let others: Vec<usize> = lab
        .all()
        .into_iter()
        .filter(|other| *other != node)
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    if lab.rng.percent(50) {
        for other in others {
            lab.part(node, other)?;
        }
    } else {
        let other = others[lab.rng.index(others.len())];
        lab.part(node, other)?;
    }
    lab.pass_up_to(2000)?;
    if lab.rng.percent(70) {
        lab.history.add("repair the network");
        lab.links.heal()?;
    }
    Ok(())
}

fn noise(lab: &mut Lab) -> Result<()> {
    let (node, percent) = (any(lab), 5 + lab.rng.below(20));
    let name = lab.nodes[node].name();
    if lab.rng.percent(50) {
        lab.fault(&format!("lose {percent} % of the packets to {name}"));
        lab.links.lose(node, percent)
    } else {
        lab.fault(&format!("delay what {name} sends"));
        links::delay(node)
    }
}

/// Repairs everything and waits until the cluster is healthy.
pub(super) fn breathe(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    lab.repair(&lab.all())?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.tidy_up()?;
    losses.wiped.clear();
    Ok(())
}

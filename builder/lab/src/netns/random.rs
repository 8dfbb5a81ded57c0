//! Random scenarios. Everything in one follows from its seed, except the timing of processors and the network.

use std::ops::Range;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::{Play, form};
use super::{changes, loss};
use crate::rng::Rng;

/// How the names of random scenarios begin before their seeds, and what is played: four to ten rounds of faults, or one to three.
const KINDS: [(&str, Play); 2] = [
    ("random-", |lab| play(lab, 4..11)),
    ("brief-", |lab| play(lab, 1..4)),
];

/// Returns how the names of random scenarios begin.
pub(super) fn kind(is_brief: bool) -> &'static str {
    KINDS[usize::from(is_brief)].0
}

/// Returns the seed and the actions of the random scenario of this name, or `None` if it is no name of one.
pub(super) fn find(name: &str) -> Option<(u64, Play)> {
    KINDS.into_iter().find_map(|(start, play)| {
        let seed = name.strip_prefix(start)?.parse().ok()?;
        Some((seed, play))
    })
}

/// Returns the image set for a seed.
pub(super) fn set(seed: u64) -> &'static str {
    match Rng::new(seed).below(20) {
        0 => "lone",
        1..=4 => "five",
        5 | 6 => "old",
        7 => "users",
        _ => "three",
    }
}

/// The losses since every node was last healthy.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Nodes whose data was erased or damaged.
    pub(super) wiped: Vec<usize>,
    /// Whether something that takes long to repair has happened.
    rare: bool,
}

impl Losses {
    /// Notes that a node loses its data, if a majority keeps its own.
    pub(super) fn may_lose(&mut self, node: usize, nodes: usize) -> bool {
        let mut wiped = self.wiped.clone();
        wiped.push(node);
        wiped.sort_unstable();
        wiped.dedup();
        let may = wiped.len() <= (nodes - 1) / 2;
        if may {
            self.wiped = wiped;
        }
        may
    }
}

/// Plays some rounds of faults, and checks all invariants.
fn play(lab: &mut Lab, rounds: Range<u64>) -> Result<()> {
    let mut losses = Losses::default();
    start(lab)?;
    for _ in 0..rounds.start + lab.rng.below(rounds.end - rounds.start) {
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
        0..18 => cut(lab),
        18..26 => kill(lab),
        26..32 => all_at_once(lab),
        32..43 => wipe(lab, losses),
        43..53 => part(lab),
        53..57 => noise(lab),
        57..60 => restart(lab),
        60..66 => loss::damage(lab, losses),
        66..72 => loss::fill(lab),
        72..77 => loss::swap(lab, losses),
        77..82 => changes::reflash(lab),
        82..87 => changes::copy(lab, losses),
        87..90 => changes::clock(lab, losses),
        90..96 => rarely(lab, losses),
        _ => breathe(lab, losses),
    }
}

/// Does something that takes long to repair, once in a scenario.
fn rarely(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    if losses.rare || lab.nodes.len() < 3 {
        return breathe(lab, losses);
    }
    losses.rare = true;
    match lab.rng.below(5) {
        0 => changes::move_all(lab, losses),
        1 => changes::force_twice(lab, losses),
        2 => changes::interrupt_forcing(lab, losses),
        3 => changes::forget(lab, losses),
        _ => loss::lose_the_majority(lab, losses),
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
    if !losses.may_lose(node, lab.nodes.len()) {
        return breathe(lab, losses);
    }
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
            lab.disconnect(node, other)?;
        }
    } else {
        let other = others[lab.rng.index(others.len())];
        lab.disconnect(node, other)?;
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
        lab.links.delay(node)
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

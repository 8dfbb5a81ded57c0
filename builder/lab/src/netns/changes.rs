//! Random changes by an operator: other images, an old copy of a card, a wrong clock, other addresses, and forcing, also twice or
//! interrupted.

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::moves::{arrive, flash_all};
use super::node::name_of;
use super::random::{Losses, any, breathe};
use super::wrong::LONG_AGO;
use super::{copies, twice};

/// Sets of the same nodes with other settings.
const SETTINGS: [(&str, &str); 2] = [("three", "snapshots"), ("snapshots", "three")];

/// Flashes the card of a random node again, with other settings of etcd if there are any, and keeps the data.
pub(super) fn reflash(lab: &mut Lab) -> Result<()> {
    let node = any(lab);
    let set = set_of(lab, node);
    let other = SETTINGS.iter().find(|(from, _)| *from == set);
    let set = other.map_or(set, |(_, to)| (*to).to_owned());
    let name = lab.nodes[node].name();
    lab.reflash(node, &set, &name)?;
    lab.start(node)?;
    lab.pass_up_to(1500)
}

/// Returns the image set of a node.
fn set_of(lab: &Lab, node: usize) -> String {
    let set = lab.nodes[node].image.parent();
    set.map(name_of).unwrap_or_default()
}

/// Puts an old copy of a card back while all other members run, each of which has every write that was acknowledged before.
pub(super) fn copy(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    if lab.nodes.len() < 3 {
        return Ok(());
    }
    let node = any(lab);
    let copy = copies::copy_of(lab, node)?;
    lab.pass_up_to(1500)?;
    lab.cut(node)?;
    lab.wait_for_members(&Wanted::everyone().without(&[node]))?;
    lab.put(&copy, node)?;
    fs_err::remove_dir_all(copy)?;
    losses.wiped = vec![node];
    lab.start(node)?;
    lab.pass_up_to(2500)
}

/// A node without data has power while its clock is wrong, and again when it is right.
pub(super) fn clock(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    let node = any(lab);
    if losses.may_lose(node, lab.nodes.len()) {
        lab.wipe(node)?;
    }
    lab.set_clock(node, Some(LONG_AGO))?;
    lab.start(node)?;
    lab.pass_up_to(2500)?;
    lab.set_clock(node, None)?;
    lab.start(node)?;
    lab.pass_up_to(1500)
}

/// All nodes of a cluster that can move get other addresses; they may lose power on the way.
pub(super) fn move_all(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    if !SETTINGS.iter().any(|(set, _)| *set == set_of(lab, 0)) {
        return Ok(());
    }
    let (on_the_way, there) = match lab.rng.percent(50) {
        true => ("moving", "moved"),
        false => ("to-ipv6", "ipv6"),
    };
    lab.cut_all()?;
    flash_all(lab, on_the_way)?;
    for _ in 0..lab.rng.below(3) {
        let node = any(lab);
        lab.start(node)?;
        lab.pass_up_to(1500)?;
        lab.cut(node)?;
    }
    arrive(lab, there)?;
    breathe(lab, losses)
}

/// Two members are forced, one after the other, and the first one is given up. Both have every write.
pub(super) fn force_twice(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    lab.allow_four_to_rejoin();
    let first = any(lab);
    let second = (first + 1 + lab.rng.index(lab.nodes.len() - 1)) % lab.nodes.len();
    twice::give_up_one(lab, [first, second])?;
    breathe(lab, losses)
}

/// The power fails while a random member is forced.
pub(super) fn interrupt_forcing(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    lab.allow_four_to_rejoin();
    let node = any(lab);
    twice::interrupted_somewhere(lab, node)?;
    breathe(lab, losses)
}

/// An old copy of a card is put back, and the only member with the later writes is off meanwhile. An operator keeps its data or gives
/// it up: only those writes may be lost, or only those that were made without it.
pub(super) fn forget(lab: &mut Lab, losses: &mut Losses) -> Result<()> {
    breathe(lab, losses)?;
    if lab.nodes.len() != 3 {
        return Ok(());
    }
    let later = any(lab);
    let behind = (later + 1 + lab.rng.index(2)) % 3;
    let forgotten = copies::forget(lab, [later, behind, 3 - later - behind])?;
    match lab.rng.percent(50) {
        true => copies::keep(lab, forgotten)?,
        false => copies::give_up(lab, &forgotten)?,
    }
    breathe(lab, losses)
}

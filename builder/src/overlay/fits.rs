//! Whether the base can do what the cluster asks of it; what it cannot is refused before anything is rendered.

use anyhow::Result;

use super::node::Inputs;
use crate::failure::{Failure, Kind};
use crate::recipe::{Family, Recipe, Route};
use crate::spec::{Appliance, Node};

/// Refuses a node that would not do what was asked.
pub(super) fn check(inputs: &Inputs<'_>, node: &Node) -> Result<()> {
    check_board(inputs.recipe, node)?;
    check_wifi(inputs)?;
    check_core(inputs)?;
    check_appliance(inputs)
}

fn check_board(recipe: &Recipe, node: &Node) -> Result<()> {
    match node.board {
        Some(board) if !recipe.boards.contains(&board) => Err(Failure::new(
            Kind::Unsupported,
            format!(
                "node {}: {} does not boot on {}",
                node.name,
                recipe.name,
                board.name()
            ),
            "choose another base with `--base`, or correct the node's `board`",
        )),
        _ => Ok(()),
    }
}

/// A node whose only network would not come up would never be reached.
fn check_wifi(inputs: &Inputs<'_>) -> Result<()> {
    if inputs.cluster.network.wifi.is_none() {
        return Ok(());
    }
    let what = match inputs.recipe.family {
        Family::RaspiosTrixie | Family::RaspiosBookworm => return Ok(()),
        Family::DebianTrixie => "the debian-trixie base has no firmware for Wi-Fi",
        Family::UbuntuNoble => "the ubuntu-server-24.04 base gets no Wi-Fi settings from us",
        Family::UbuntuCore18
        | Family::UbuntuCore20
        | Family::UbuntuCore22
        | Family::UbuntuCore24 => "Ubuntu Core gets no Wi-Fi settings from us",
    };
    Err(Failure::new(
        Kind::Unsupported,
        what,
        "use a wired network, or `--base raspios-trixie`",
    ))
}

/// Ubuntu Core's system is a read-only snap, and its first boot takes only what cloud-init can do there.
fn check_core(inputs: &Inputs<'_>) -> Result<()> {
    let cluster = inputs.cluster;
    if inputs.recipe.family.route() == Route::Root {
        return Ok(());
    }
    let asked = [
        (!cluster.files.is_empty(), "`[[file]]`"),
        (
            cluster.ssh.password_hash.is_some(),
            "`password-hash` of [ssh]",
        ),
        (
            !cluster.ssh.trusted_user_ca.is_empty(),
            "`trusted-user-ca` of [ssh]",
        ),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        None => Ok(()),
        Some((_, what)) => Err(Failure::new(
            Kind::Unsupported,
            format!("{what} cannot be had on Ubuntu Core, whose system is a read-only snap"),
            "take it out of cluster.toml, or choose another base, such as `--base ubuntu-server-24.04`",
        )),
    }
}

/// What was asked for and cannot be had is refused; a read-only root is not asked for unless somebody writes it.
fn check_appliance(inputs: &Inputs<'_>) -> Result<()> {
    let unasked = Appliance {
        read_only: inputs.cluster.appliance.read_only,
        ..Appliance::default()
    };
    if inputs.recipe.makes_appliances() || inputs.cluster.appliance == unasked {
        return Ok(());
    }
    let name = &inputs.recipe.name;
    let why = match inputs.recipe.family.route() {
        Route::Root => "have a classic root",
        Route::CoreWritable | Route::CoreSeed => "have a system that snapd keeps read-only",
    };
    Err(Failure::new(
        Kind::Unsupported,
        format!("nodes of {name} {why}: nothing of `[appliance]` applies to them"),
        "take the settings out of `[appliance]`, or choose another base, such as `--base raspios-trixie`",
    ))
}

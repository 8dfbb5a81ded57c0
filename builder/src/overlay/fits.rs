//! Whether the base can do what the cluster asks of it; what it cannot is refused before anything is rendered.

use anyhow::Result;

use super::node::Inputs;
use crate::failure::{Failure, Kind};
use crate::recipe::{Family, Recipe};
use crate::spec::{Appliance, Node};

/// Refuses a node that would not do what was asked.
pub(super) fn check(inputs: &Inputs<'_>, node: &Node) -> Result<()> {
    check_board(inputs.recipe, node)?;
    check_wifi(inputs)?;
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
    };
    Err(Failure::new(
        Kind::Unsupported,
        what,
        "use a wired network, or `--base raspios-trixie`",
    ))
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
    Err(Failure::new(
        Kind::Unsupported,
        format!(
            "nodes of {} have a classic root: nothing of `[appliance]` applies to them",
            inputs.recipe.name
        ),
        "take the settings out of `[appliance]`, or choose another base, such as `--base raspios-trixie`",
    ))
}

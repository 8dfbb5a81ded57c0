//! Warnings about limitations of a base, reported before its nodes are written.

use super::inputs::NodeInputs;
use super::{networkd, unread};
use crate::inspect::System;
use crate::recipe::{BoardWarning, Grade};
use crate::spec::Node;

/// Returns the messages to print before the nodes of this base are written.
pub fn warnings(inputs: &NodeInputs<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if !inputs.recipe.makes_appliances() {
        lines.push(format!(
            "nodes of {} keep etcd's data beside the system: flashing a card again deletes its data",
            inputs.recipe.name
        ));
    }
    if let System::Seed(grade) = inputs.system {
        lines.push(
            "warning: a node's private keys can be read on its card until its first boot has ended; \
             a factory reset loses its data and needs its image again"
                .to_owned(),
        );
        lines.extend((*grade == Grade::Signed).then(|| {
            "warning: --core-signed-cmdline is unofficial: a later snapd or gadget may ignore it; \
             on Ubuntu Core 20 it is the least certain"
                .to_owned()
        }));
    }
    let about = |warning: &&BoardWarning| {
        let concerned = |node: &Node| node.board.is_none_or(|it| warning.boards.contains(&it));
        inputs.cluster.nodes.iter().any(concerned)
    };
    let name = &inputs.recipe.name;
    let warnings = inputs.recipe.warnings.iter().filter(about);
    lines.extend(warnings.map(|warning| format!("warning: {name} {}", warning.text)));
    lines.extend(unread::warnings(inputs));
    lines.extend(networkd::warnings(inputs));
    lines
}

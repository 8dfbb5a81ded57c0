//! What a base cannot give its nodes, though they work: told before they are written.

use super::node::Inputs;
use crate::inspect::System;
use crate::recipe::{Family, Grade, Route};
use crate::spec::{Board, Node};

/// Lines worth knowing before the nodes of this base are flashed.
pub fn warnings(inputs: &Inputs<'_>) -> Vec<String> {
    let mut told = Vec::new();
    if !inputs.recipe.makes_appliances() {
        let name = &inputs.recipe.name;
        let what = match inputs.recipe.family.route() {
            Route::Root => "have a root that is written",
            Route::CoreWritable | Route::CoreSeed => "keep their data beside the system",
        };
        told.push(format!(
            "nodes of {name} {what}: a card that is flashed again loses its data"
        ));
    }
    if let System::Seed(grade) = inputs.system {
        told.push(
            "warning: a node's private keys can be read on its card until its first boot has ended; \
             a factory reset loses its data and needs its image again"
                .to_owned(),
        );
        told.extend(eeprom(inputs));
        told.extend((*grade == Grade::Signed).then(|| {
            "warning: --core-signed-cmdline is unofficial: a later snapd or gadget may ignore it; \
             on Ubuntu Core 20 it is the least certain"
                .to_owned()
        }));
    }
    told
}

/// snapd's installation fails on an older one (`bootloader/piboot.go`).
fn eeprom(inputs: &Inputs<'_>) -> Option<String> {
    let new = matches!(
        inputs.recipe.family,
        Family::UbuntuCore22 | Family::UbuntuCore24
    );
    let concerned = |node: &Node| matches!(node.board, None | Some(Board::Pi4 | Board::Cm4));
    (new && inputs.cluster.nodes.iter().any(concerned)).then(|| {
        let name = &inputs.recipe.name;
        format!(
            "warning: {name} installs itself on a Pi 4 only with an EEPROM of 2021-03-18 or newer"
        )
    })
}

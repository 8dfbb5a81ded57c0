//! `etcd-image init`: a cluster.toml that shows every setting.

use std::fmt::Write as _;
use std::path::Path;

use super::nodes::MOST;
use crate::cli;
use crate::failure::{Failure, Kind};

const TEMPLATE: &str = include_str!("template.toml");

/// A commented cluster.toml for a number of nodes, which means the same as `--nodes` alone.
pub fn template(nodes: u32) -> String {
    let mut tables = String::new();
    for index in 0..nodes {
        let (number, host) = (index + 1, index + 50);
        let node = format!(
            "[[node]]\nname = \"etcd{number}\"\naddress = \"192.168.0.{host}\"\n#board = \"pi4\"\n#replaces = \"old{number}\"\n\n"
        );
        // Writing into a string cannot fail.
        let _ = tables.write_str(&node);
    }
    TEMPLATE.replace("NODES\n", &tables)
}

/// Writes the template into a file that does not exist yet.
pub fn init(config: &Path, nodes: u32) -> anyhow::Result<()> {
    if !(1..=MOST).contains(&nodes) {
        let message = format!("--nodes: give a number from 1 to {MOST}");
        return Err(Failure::new(Kind::Usage, message, "three is a good number"));
    }
    cli::write_new(config, &template(nodes))
}

//! What the kernel's command line makes the system do.

use anyhow::Result;

use super::Findings;
use super::partitions::{argument, root_fault};
use super::tree::Tree;
use crate::inspect::Layout;
use crate::spec::rules;

/// Words for which systemd starts a rescue shell instead of the node's programs (systemd(1)).
const RESCUE: [&str; 7] = ["single", "s", "S", "1", "rescue", "emergency", "-b"];

/// The targets that start the node's programs.
pub(super) const TARGETS: [&str; 2] = ["multi-user.target", "graphical.target"];

pub(super) fn check(
    arguments: &str,
    layout: &Layout,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    if let Some(fault) = root_fault(arguments, layout) {
        findings.add(fault);
    }
    let init = argument(arguments, "init").unwrap_or("/sbin/init");
    for program in [init, "/sbin/init", "/bin/sh"] {
        let is_there = root.is_program(program)?;
        findings.expect(
            is_there,
            format!("{program}, which the boot starts, is not a program"),
        );
    }
    if let Some(command) = argument(arguments, "systemd.run") {
        findings.add(format!("cmdline.txt says `systemd.run={command}`: the boot would run that instead of the node's programs"));
    }
    if let Some(unit) = argument(arguments, "systemd.unit").filter(|unit| !TARGETS.contains(unit)) {
        findings.add(format!("cmdline.txt says `systemd.unit={unit}`: the boot would start that instead of the node's programs"));
    }
    if let Some(country) = argument(arguments, "cfg80211.ieee80211_regdom") {
        findings.expect(
            rules::is_country(country),
            format!("cmdline.txt sets the Wi-Fi country to `{country}`, which does not exist: the radio stays off"),
        );
    }
    let rescue = arguments
        .split_whitespace()
        .find(|word| RESCUE.contains(word));
    if let Some(word) = rescue {
        findings.add(format!(
            "cmdline.txt says `{word}`: the boot would end in a rescue shell"
        ));
    }
    Ok(())
}

//! What the kernel's command line makes the system do.

use anyhow::Result;

use super::Findings;
use super::partitions::{argument, root_fault};
use super::system::NodeSystem;
use crate::description::FileRole;
use crate::inspect::Volume;
use crate::spec::rules;

/// The targets that start the node's programs.
pub(super) const TARGETS: [&str; 2] = ["multi-user.target", "graphical.target"];

pub(super) fn check(arguments: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    if let Some(fault) = root_fault(arguments, system.layout) {
        system.add(fault);
    }
    let init = argument(arguments, "init").unwrap_or("/sbin/init");
    for program in [init, "/sbin/init", "/bin/sh"] {
        let is_there = system.root.is_program(program)?;
        system.expect(
            is_there,
            format!("{program}, which the boot starts, is not a program"),
        );
    }
    if let Some(command) = argument(arguments, "systemd.run") {
        system.add(format!("cmdline.txt says `systemd.run={command}`: the boot would run that instead of the node's programs"));
    }
    if let Some(unit) = argument(arguments, "systemd.unit").filter(|unit| !TARGETS.contains(unit)) {
        system.add(format!("cmdline.txt says `systemd.unit={unit}`: the boot would start that instead of the node's programs"));
    }
    if let Some(country) = argument(arguments, "cfg80211.ieee80211_regdom") {
        system.expect(
            rules::is_country(country),
            format!("cmdline.txt sets the Wi-Fi country to `{country}`, which does not exist: the radio stays off"),
        );
    }
    check_identity(arguments, system);
    check_network(arguments, system);
    check_words(arguments, system.findings);
    Ok(())
}

/// Checks arguments that give the node the name or the id of another machine: systemd prefers them to its files.
fn check_identity(arguments: &str, system: &mut NodeSystem<'_>) {
    let node = system.node;
    let own = [
        ("systemd.hostname", Some(node.node.as_str())),
        ("systemd.machine_id", node.machine_id.as_deref()),
    ];
    for (name, own) in own {
        if let Some(value) = argument(arguments, name).filter(|value| Some(*value) != own) {
            system.add(format!(
                "cmdline.txt says `{name}={value}`, which node {} would use instead of its own",
                node.node
            ));
        }
    }
}

/// Checks arguments that take the network from the node.
fn check_network(arguments: &str, system: &mut NodeSystem<'_>) {
    let network = &system.node.network;
    let file = system.node.file(FileRole::Network);
    let has_seed = file.is_some_and(|file| file.partition == Volume::Boot);
    if let Some(value) = argument(arguments, "cloud-init").filter(|_| has_seed) {
        system.expect(
            value != "disabled",
            "cmdline.txt says `cloud-init=disabled`: cloud-init would not set the node's address",
        );
    }
    let effect = match has_seed {
        true => "cloud-init would take the address from it, not from the node's own settings",
        false => "the kernel would set an address, and NetworkManager would leave it unchanged",
    };
    for word in arguments.split_whitespace() {
        if rules::sets_address(word) {
            system.add(format!("cmdline.txt says `{word}`: {effect}"));
        }
        if network.address.is_ipv6() && rules::disables_ipv6(word) {
            system.add(format!(
                "cmdline.txt says `{word}`: the node would not have its IPv6 address"
            ));
        }
    }
}

/// Checks arguments that lead the boot elsewhere, or take from the node what it needs.
fn check_words(arguments: &str, findings: &mut Findings) {
    let words = || arguments.split_whitespace();
    if let Some(word) = words().find(|word| rules::is_rescue(word)) {
        findings.add(format!(
            "cmdline.txt says `{word}`: the boot would end in a rescue shell"
        ));
    }
    if let Some(word) = words().find(|word| *word == "break" || word.starts_with("break=")) {
        findings.add(format!(
            "cmdline.txt says `{word}`: the boot would stop in the initramfs"
        ));
    }
    if let Some(word) = words().find(|word| rules::lays_memory_over_root(word)) {
        findings.add(format!(
            "cmdline.txt says `{word}`: what the node writes would be lost at every boot"
        ));
    }
    for word in words() {
        if let Some(module) = rules::needed_module(word) {
            findings.add(format!(
                "cmdline.txt says `{word}`: the kernel would not load {module}, which the node needs"
            ));
        }
    }
    let is_on = |value: &&str| !["no", "false", "0", "off"].contains(value);
    if let Some(value) = argument(arguments, "systemd.volatile").filter(is_on) {
        findings.add(format!("cmdline.txt says `systemd.volatile={value}`: the boot would not use the node's own system"));
    }
    // A base that asks for the kernel's names has settings for them; the last argument counts.
    let asked = words().any(|word| word == "net.ifnames=0");
    let last = argument(arguments, "net.ifnames").filter(|last| asked && *last != "0");
    if let Some(last) = last {
        findings.add(format!("cmdline.txt says `net.ifnames={last}` after `net.ifnames=0`: the network interface would have another name"));
    }
}

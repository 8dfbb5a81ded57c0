//! Whether ufw, which a base may enable beside the node's own firewall, closes the port of the members.

use anyhow::Result;

use super::system::NodeSystem;
use super::units;

const UNIT: &str = "ufw.service";
const SWITCH: &str = "/etc/ufw/ufw.conf";
const DEFAULTS: &str = "/etc/default/ufw";

/// The port at which members reach each other.
const PORT: u16 = 2380;

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    if node.members.len() < 2 || !units::is_enabled(UNIT, &mut system.root)? {
        return Ok(());
    }
    let switch = system.root.text(SWITCH)?.unwrap_or_default();
    let defaults = system.root.text(DEFAULTS)?.unwrap_or_default();
    let is_on = value(&switch, "ENABLED").eq_ignore_ascii_case("yes");
    let is_strict = ["DROP", "REJECT"].contains(&value(&defaults, "DEFAULT_INPUT_POLICY"));
    if !is_on || !is_strict {
        return Ok(());
    }
    let family = match node.network.address.is_ipv6() {
        true => "6",
        false => "",
    };
    let path = format!("/etc/ufw/user{family}.rules");
    let rules = system.root.text(&path)?.unwrap_or_default();
    let before = format!("/etc/ufw/before{family}.rules");
    let before = system.root.text(&before)?.unwrap_or_default();
    // Rules that an administrator wrote by hand may have any form.
    let may_be_open = rules.lines().any(may_open) || before.contains(&PORT.to_string());
    system.expect(
        may_be_open,
        format!(
            "ufw is enabled, and closes port {PORT} to the other members: {path} has no rule for it"
        ),
    );
    Ok(())
}

/// Returns whether a rule of the user may open the port, also for some addresses only.
fn may_open(rule: &str) -> bool {
    let is_input = ["-A ufw-user-input ", "-A ufw6-user-input "]
        .iter()
        .any(|start| rule.starts_with(start));
    let is_refusal = rule.contains("-j DROP") || rule.contains("-j REJECT");
    let words = rule.split_whitespace();
    let mut ports = words.skip_while(|word| !word.starts_with("--dport"));
    let is_for_port = ports
        .nth(1)
        .is_none_or(|ports| ports.split(',').any(covers));
    is_input && !is_refusal && is_for_port
}

/// Returns whether a port, or a range such as `2379:2380`, contains the port of the members.
fn covers(ports: &str) -> bool {
    let (first, last) = ports.split_once(':').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&PORT),
        _ => true,
    }
}

/// Returns the value of the last line that sets a variable.
fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let mut last_first = text.lines().rev();
    let found = last_first.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_default().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::{may_open, value};

    #[test]
    fn a_rule_opens_ports_or_addresses() {
        for (rule, expected) in [
            ("-A ufw-user-input -p tcp --dport 2380 -j ACCEPT", true),
            (
                "-A ufw-user-input -p tcp -m multiport --dports 22,2379:2380 -j ACCEPT",
                true,
            ),
            ("-A ufw-user-input -s 10.0.0.0/8 -j ACCEPT", true),
            ("-A ufw6-user-input -p tcp --dport 2380 -j ACCEPT", true),
            ("-A ufw-user-input -p tcp --dport 22 -j ACCEPT", false),
            ("-A ufw-user-input -p tcp --dport 2380 -j DROP", false),
            ("-A ufw-user-output -p tcp --dport 2380 -j ACCEPT", false),
            (
                "### tuple ### allow tcp 2380 0.0.0.0/0 any 0.0.0.0/0 in",
                false,
            ),
        ] {
            assert_eq!(may_open(rule), expected, "{rule}");
        }
    }

    #[test]
    fn the_last_line_sets_a_variable() {
        let text = "# ENABLED=no\nENABLED=no\nENABLED=\"yes\"\nENABLED_TOO=no\n";
        assert_eq!(value(text, "ENABLED"), "yes");
        assert_eq!(value(text, "LOGLEVEL"), "");
    }
}

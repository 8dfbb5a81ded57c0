//! Whether ufw, which a base may enable, closes the port of the members, or all of IPv6. Nodes of Raspberry Pi OS and Debian have
//! their own firewall as well, and a packet needs the permission of both.

use anyhow::Result;

use super::system::NodeSystem;
use super::tree::Tree;
use super::unit::{OWN_FOLDER, drop_ins};
use super::units;

const UNIT: &str = "ufw.service";
const SWITCH: &str = "/etc/ufw/ufw.conf";
const DEFAULTS: &str = "/etc/default/ufw";

/// A script that the boot runs if there is one (`systemd-rc-local-generator(8)`).
const SCRIPT: &str = "/etc/rc.local";

/// The settings of cloud-init, which may hold commands.
const CLOUD_INIT: &str = "/etc/cloud/cloud.cfg.d";

/// The port at which members reach each other.
const PORT: u16 = 2380;

/// What tells the rules with which ufw comes: none of them opens the port.
const OF_UFW: [&str; 6] = [
    "-before-output ",
    "-before-forward ",
    "-i lo ",
    "-p icmp",
    "-p udp ",
    "state RELATED,ESTABLISHED ",
];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    if !units::is_enabled(UNIT, &mut system.root)? {
        return Ok(());
    }
    let switch = system.root.text(SWITCH)?.unwrap_or_default();
    let defaults = system.root.text(DEFAULTS)?.unwrap_or_default();
    // The script of the unit knows no other spellings.
    if !["yes", "YES"].contains(&value(&switch, "ENABLED")) {
        return Ok(());
    }
    let family = match node.network.address.is_ipv6() {
        true => "6",
        false => "",
    };
    // This refuses all of IPv6, whatever the rules and policies say. ufw reads the switch last.
    let settings = format!("{defaults}\n{switch}");
    let is_off = ["no", "NO"].contains(&value(&settings, "IPV6"));
    if family == "6" && is_off {
        let is_changed = is_changed_by_hand(family, &mut system.root)?;
        system.expect(
            is_changed,
            format!(
                "ufw is enabled, and closes the node's IPv6 address: {DEFAULTS} says `IPV6=no`; \
                 set `IPV6=yes`, or disable ufw"
            ),
        );
        return Ok(());
    }
    let is_strict = ["DROP", "REJECT"].contains(&value(&settings, "DEFAULT_INPUT_POLICY"));
    if node.members.len() < 2 || !is_strict {
        return Ok(());
    }
    let path = format!("/etc/ufw/user{family}.rules");
    let rules = system.root.text(&path)?.unwrap_or_default();
    let is_open = rules.lines().any(may_open) || is_changed_by_hand(family, &mut system.root)?;
    system.expect(
        is_open,
        format!(
            "ufw is enabled, and closes port {PORT} to the other members: {path} has no rule for it; \
             allow ports 2379 and {PORT} in ufw, or disable ufw"
        ),
    );
    Ok(())
}

/// Returns whether an administrator may have opened the port by other means than the commands of ufw, or lets the node do so.
fn is_changed_by_hand(family: &str, root: &mut Tree<'_>) -> Result<bool> {
    for when in ["before", "after"] {
        let rules = root.text(&format!("/etc/ufw/{when}{family}.rules"))?;
        let is_written = rules.unwrap_or_default().lines().any(may_be_opened_by_hand);
        // ufw runs the program if it is executable, which it is not by default.
        if is_written || root.is_program(&format!("/etc/ufw/{when}.init"))? {
            return Ok(true);
        }
    }
    if !drop_ins(UNIT, root)?.is_empty() {
        return Ok(true);
    }
    let mut paths = vec![SCRIPT.to_owned()];
    for folder in [OWN_FOLDER, CLOUD_INIT] {
        let names = root.names(folder)?;
        paths.extend(names.iter().map(|name| format!("{folder}/{name}")));
    }
    for path in paths {
        let text = root.text(&path)?;
        if text.is_some_and(|text| text.contains("ufw") || text.contains("iptables")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a rule of the user may open the port, also for some addresses only.
fn may_open(rule: &str) -> bool {
    let is_input = ["-A ufw-user-input ", "-A ufw6-user-input "]
        .iter()
        .any(|start| rule.starts_with(start));
    let is_refusal = rule.contains("-j DROP") || rule.contains("-j REJECT");
    is_input && !is_refusal && is_for_port(rule)
}

/// Returns whether a rule of the files that ufw leaves to the administrator may open the port.
fn may_be_opened_by_hand(rule: &str) -> bool {
    let is_rule = rule.starts_with('-') && rule.contains("ACCEPT");
    is_rule && is_for_port(rule) && !OF_UFW.iter().any(|part| rule.contains(part))
}

/// Returns whether a rule is for the port of the members, for all ports, or for all but some.
fn is_for_port(rule: &str) -> bool {
    let words = rule.split_whitespace();
    let mut words = words.skip_while(|word| !word.starts_with("--dport"));
    let ports = words.nth(1);
    let is_for_all_but = rule.contains(" ! ");
    is_for_all_but || ports.is_none_or(|ports| ports.split(',').any(covers))
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
    use super::{may_be_opened_by_hand, may_open, value};

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
    fn a_rule_by_hand_may_have_any_form() {
        for (rule, expected) in [
            ("-A ufw-before-input -s 10.0.0.0/8 -j ACCEPT", true),
            ("-I ufw-before-input -i wg0 --jump ACCEPT", true),
            (
                "-A ufw-before-input -p tcp --dport 2370:2390 -j ACCEPT",
                true,
            ),
            (
                "-A ufw-before-input -m conntrack --ctstate NEW,RELATED,ESTABLISHED -j ACCEPT",
                true,
            ),
            ("-A ufw-before-input -p tcp ! --dport 22 -j ACCEPT", true),
            ("-A ufw-before-input -p tcp --dport 80 -j ACCEPT", false),
            ("# -A ufw-before-input -s 10.0.0.0/8 -j ACCEPT", false),
            ("-A ufw-before-input -i lo -j ACCEPT", false),
            (
                "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                false,
            ),
            ("-A ufw-before-output -o lo -j ACCEPT", false),
            (
                "-A ufw6-before-input -p icmpv6 --icmpv6-type 144 -j ACCEPT",
                false,
            ),
            (
                "-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT",
                false,
            ),
        ] {
            assert_eq!(may_be_opened_by_hand(rule), expected, "{rule}");
        }
    }

    #[test]
    fn the_last_line_sets_a_variable() {
        let text = "# ENABLED=no\nENABLED=no\nENABLED=\"yes\"\nENABLED_TOO=no\n";
        assert_eq!(value(text, "ENABLED"), "yes");
        assert_eq!(value(text, "LOGLEVEL"), "");
    }
}

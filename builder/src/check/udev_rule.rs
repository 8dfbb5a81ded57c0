//! A rule of udev(7), as far as it names a network interface. Pure.

use crate::ssh_patterns::is_like;

/// Returns the name that a rule gives the interface, if it certainly applies to it.
pub(super) fn name(rule: &str, interface: &str) -> Option<String> {
    let all = parts(rule);
    let is_any = |patterns: &str, name: &str| patterns.split('|').any(|it| is_like(it, name));
    let holds = |(key, operator, value): &(&str, &str, &str)| match (*key, *operator) {
        ("SUBSYSTEM" | "SUBSYSTEMS", "==") => is_any(value, "net"),
        ("ACTION", "==") => is_any(value, "add"),
        ("KERNEL", "==") => is_any(value, interface),
        ("DRIVERS", "==") => *value == "?*",
        ("ATTR{type}", "==") => *value == "1",
        ("ATTR{dev_id}", "==") => *value == "0x0",
        ("NAME", "==") => value.is_empty(),
        ("NAME", "=" | ":=") => true,
        _ => false,
    };
    let is_name = |(key, operator, _): &&(&str, &str, &str)| *key == "NAME" && *operator != "==";
    let (_, _, name) = all.iter().find(is_name)?;
    let is_certain = all.iter().all(holds) && !name.contains(['$', '%']);
    is_certain.then(|| (*name).to_owned())
}

/// Returns the parts of a rule: key, operator and value.
fn parts(rule: &str) -> Vec<(&str, &str, &str)> {
    let rule = rule.trim_start();
    let mut found = Vec::new();
    let mut rest = rule;
    while let Some((before, after)) = rest.split_once('"').filter(|_| !rule.starts_with('#')) {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        let part = before.trim_matches(|it: char| it == ',' || it.is_whitespace());
        let key = part.trim_end_matches(['=', '!', '+', '-', ':', ' ']);
        let operator = part.strip_prefix(key).unwrap_or_default().trim();
        found.push((key, operator, value));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_rule_counts_if_it_certainly_applies() {
        for (rule, name) in [
            ("KERNEL==\"eth*\", NAME=\"lan0\"", Some("lan0")),
            (
                "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{type}==\"1\", KERNEL==\"eth0|eth1\", NAME = \"lan0\"",
                Some("lan0"),
            ),
            (
                "SUBSYSTEM==\"net\", NAME==\"\", NAME:=\"lan0\"",
                Some("lan0"),
            ),
            (
                "KERNEL==\"eth0\", ATTR{address}==\"b8:27:eb:1:2:3\", NAME=\"lan0\"",
                None,
            ),
            ("KERNEL==\"wlan0\", NAME=\"lan0\"", None),
            (
                "NAME==\"\", ENV{ID_NET_NAME}!=\"\", NAME=\"$env{ID_NET_NAME}\"",
                None,
            ),
            ("# KERNEL==\"eth*\", NAME=\"lan0\"", None),
            ("KERNEL==\"eth0", None),
        ] {
            assert_eq!(super::name(rule, "eth0").as_deref(), name, "{rule}");
        }
    }
}

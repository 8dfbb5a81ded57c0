//! Lines that are not TOML, because people write values without quotes or mistake TOML for YAML, JSON, INI or shell.

use std::net::IpAddr;

/// Returns the advice about the line of a text at a position.
pub(crate) fn advice_at(text: &str, position: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(position)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = after.find('\n').map_or(text.len(), |end| position + end);
    advice(text.get(start..end)?)
}

/// Returns what to write instead of a line. It repeats no value that may be a secret.
fn advice(line: &str) -> Option<String> {
    of_address(line)
        .or_else(|| of_other_language(line.trim()).map(str::to_owned))
        .or_else(|| of_key(line.trim()))
}

/// Returns the advice about a line that belongs in a file of another language, or has quotes of another kind.
fn of_other_language(line: &str) -> Option<&'static str> {
    if line.starts_with(';') || line.starts_with("//") {
        return Some("a comment begins with `#`");
    }
    let object = line.strip_prefix('{').map(str::trim_start);
    if object.is_some_and(|rest| rest.is_empty() || rest.starts_with('"')) {
        return Some("this is JSON, not TOML: `etcd-image init` writes a file to begin with");
    }
    let (_, value) = line.split_once('=')?;
    let value = value.trim();
    let quotes = value.matches('\'').count();
    if value.starts_with(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}']) {
        Some("these are typographic quotes: write \"")
    } else if value.starts_with('"') && has_unknown_escape(value) {
        Some("between double quotes, \\ begins an escape: use single quotes, or write \\\\")
    } else if value.starts_with('\'') && !value.starts_with("'''") && quotes > 2 {
        Some("a text in single quotes ends at the next one: use double quotes")
    } else if value.starts_with('"') && value.ends_with("\",") {
        Some("there is a comma after the value: remove it")
    } else {
        None
    }
}

/// Returns whether a backslash is before something that TOML does not know.
fn has_unknown_escape(value: &str) -> bool {
    let mut rest = value.chars();
    while rest.any(|c| c == '\\') {
        let is_known = match rest.next() {
            Some('u' | 'U' | 'x') => rest.as_str().starts_with(|c: char| c.is_ascii_hexdigit()),
            next => next.is_some_and(|c| "btnfre\"\\".contains(c)),
        };
        if !is_known {
            return true;
        }
    }
    false
}

/// Returns the advice about a line whose key or value is spelled otherwise in TOML.
fn of_key(line: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if let Some((key, rest)) = line.split_once(':')
        && !key.is_empty()
        && key.chars().all(plain)
    {
        return Some(match rest.trim().is_empty() {
            true => format!("write [{key}]: this is TOML, not YAML"),
            false => format!("write `{key} = …`: this is TOML, not YAML"),
        });
    }
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.split('#').next()?.trim());
    let is_octal = || value.len() <= 5 && value.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match value {
        "yes" | "on" | "True" | "TRUE" => Some(of_switch(key, value, true)),
        "no" | "off" | "False" | "FALSE" => Some(of_switch(key, value, false)),
        _ if value.len() > 1 && value.starts_with('0') && is_octal() => Some(format!(
            "`{value}` must be in quotes: write `{key} = \"{value}\"`"
        )),
        _ => None,
    }
}

/// Returns the advice about a word for a truth value. It may also be a text: `no` is Norway's keyboard layout.
fn of_switch(key: &str, word: &str, meant: bool) -> String {
    format!("write `{key} = {meant}`, or for a text `{key} = \"{word}\"`")
}

/// Returns what to write instead of a line such as `gateway = 10.0.0.1` or `prefix = 255.255.255.0`, if it is one.
fn of_address(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let value = value.split('#').next().unwrap_or_default().trim();
    let address: IpAddr = value.split('/').next()?.parse().ok()?;
    let key = key.trim().trim_matches('"');
    let name = key.rsplit('.').next().unwrap_or(key);
    Some(match prefix_length(address) {
        Some(length) if matches!(name, "prefix" | "netmask") => {
            format!("`prefix` is the number of bits of the netmask: write `prefix = {length}`")
        }
        _ => format!("`{value}` must be in quotes: write `{key} = \"{value}\"`"),
    })
}

/// Returns the prefix length that a netmask stands for.
pub(crate) fn prefix_length(mask: IpAddr) -> Option<u8> {
    ipnet::ip_mask_to_prefix(mask).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netmask_is_a_prefix_and_an_address_is_a_text() {
        let mask = "`prefix` is the number of bits of the netmask: write `prefix = 24`";
        for (line, wanted) in [
            ("prefix = 255.255.255.0", Some(mask)),
            ("network.netmask=255.255.255.0  # home", Some(mask)),
            (
                "prefix = ffff:ffff:ffff:ff00::",
                Some("`prefix` is the number of bits of the netmask: write `prefix = 56`"),
            ),
            (
                "prefix = 10.0.0.1",
                Some("`10.0.0.1` must be in quotes: write `prefix = \"10.0.0.1\"`"),
            ),
            (
                "  gateway = 10.0.0.1\r",
                Some("`10.0.0.1` must be in quotes: write `gateway = \"10.0.0.1\"`"),
            ),
            (
                "to = 10.0.0.0/8",
                Some("`10.0.0.0/8` must be in quotes: write `to = \"10.0.0.0/8\"`"),
            ),
            ("password = 10.0.0", None),
            ("[network]", None),
        ] {
            assert_eq!(advice(line).as_deref(), wanted, "{line}");
        }
    }

    #[test]
    fn other_languages_and_quotes_are_recognized() {
        for (line, wanted) in [
            ("; note", Some("a comment begins with `#`")),
            (
                "{\"cluster\": {}}",
                Some("this is JSON, not TOML: `etcd-image init` writes a file to begin with"),
            ),
            ("cluster:", Some("write [cluster]: this is TOML, not YAML")),
            (
                "  name: secret",
                Some("write `name = …`: this is TOML, not YAML"),
            ),
            ("{ name = \"etcd1\" address = \"10.0.0.1\" },", None),
            (
                "dhcp = yes",
                Some("write `dhcp = true`, or for a text `dhcp = \"yes\"`"),
            ),
            (
                "keyboard = no # Norway",
                Some("write `keyboard = false`, or for a text `keyboard = \"no\"`"),
            ),
            (
                "mode = 0644",
                Some("`0644` must be in quotes: write `mode = \"0644\"`"),
            ),
            ("password = 01234567", None),
            (
                "name = \u{201c}lab\u{201d}",
                Some("these are typographic quotes: write \""),
            ),
            (
                "password = \"a\\sb\"",
                Some(
                    "between double quotes, \\ begins an escape: use single quotes, or write \\\\",
                ),
            ),
            (
                "ssid = 'Ada's'",
                Some("a text in single quotes ends at the next one: use double quotes"),
            ),
            (
                "name = \"lab\",",
                Some("there is a comma after the value: remove it"),
            ),
            ("name = lab", None),
            ("content = \"a\\n\\u00e4\\\\\" x", None),
        ] {
            assert_eq!(advice(line).as_deref(), wanted, "{line}");
        }
    }
}

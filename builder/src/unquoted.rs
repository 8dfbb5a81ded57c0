//! Addresses and netmasks without quotes in TOML, which reads them as numbers and complains about those.

use std::net::IpAddr;

/// Returns the advice about the line of a text at a position.
pub(crate) fn advice_at(text: &str, position: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(position)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = after.find('\n').map_or(text.len(), |end| position + end);
    advice(text.get(start..end)?)
}

/// Returns what to write instead of a line such as `gateway = 10.0.0.1` or `prefix = 255.255.255.0`, if it is one.
fn advice(line: &str) -> Option<String> {
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
    match mask {
        IpAddr::V4(mask) => ipnet::ipv4_mask_to_prefix(mask).ok(),
        IpAddr::V6(mask) => ipnet::ipv6_mask_to_prefix(mask).ok(),
    }
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
}

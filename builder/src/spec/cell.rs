//! A setting as a cell of a spreadsheet, where everything is text.

use super::section::{OPEN, ValueKind};
use super::settings::SECTIONS;

/// Returns the value that a cell means for the setting at a dotted path, such as `network.gateway`; `None` if there is no such
/// setting that a cell can hold. A cell of the wrong type becomes a text, about which [`super::resolve`] complains.
pub(crate) fn cell(path: &str, text: &str) -> Option<toml::Value> {
    let tables = SECTIONS.iter().filter(|section| !section.is_list());
    tables.into_iter().find_map(|section| {
        let name = path.strip_prefix(section.path())?.strip_prefix('.')?;
        let mut settings = section.settings.iter();
        let setting = settings.find(|setting| setting.name == name || section.header == OPEN)?;
        value_of_cell(&setting.kind, text)
    })
}

fn value_of_cell(kind: &ValueKind, text: &str) -> Option<toml::Value> {
    let as_text = || toml::Value::String(text.to_owned());
    match kind {
        ValueKind::Text(_) | ValueKind::Choice(..) => Some(as_text()),
        ValueKind::Switch | ValueKind::Integer(..) | ValueKind::Size(_) => {
            Some(literal(text).unwrap_or_else(as_text))
        }
        ValueKind::List(_) if text.starts_with('[') => Some(literal(text).unwrap_or_else(as_text)),
        ValueKind::List(of) => {
            let items = text.split_whitespace().map(|item| value_of_cell(of, item));
            Some(toml::Value::Array(items.collect::<Option<_>>()?))
        }
        ValueKind::EtcdFlags => None,
    }
}

/// Returns the value of a text in the syntax of TOML, if it is a number, a Boolean or a list.
fn literal(text: &str) -> Option<toml::Value> {
    let value: toml::Value = text.parse().ok()?;
    (!value.is_datetime()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_the_type_of_its_setting() {
        let cases = [
            ("network.prefix", "24", "24"),
            ("network.prefix", "wide", "\"wide\""),
            ("network.gateway", "10.0.0.1", "\"10.0.0.1\""),
            (
                "network.dns",
                "10.0.0.1 10.0.0.2",
                r#"["10.0.0.1", "10.0.0.2"]"#,
            ),
            ("network.on-link", "true", "true"),
            ("network.wifi.ssid", "24", "\"24\""),
            ("appliance.ports", "22 2379", "[22, 2379]"),
            ("etcd.quota", "4GiB", "\"4GiB\""),
            (
                "ssh.authorized-keys",
                r#"["a b", "c d"]"#,
                r#"["a b", "c d"]"#,
            ),
        ];
        for (path, text, wanted) in cases {
            let wanted: toml::Value = wanted.parse().unwrap();
            assert_eq!(cell(path, text), Some(wanted), "{path}");
        }
        for unknown in ["network", "network.gatway", "node.name", "etcd.extra"] {
            assert_eq!(cell(unknown, "1"), None, "{unknown}");
        }
    }
}

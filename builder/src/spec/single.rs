//! The check of a single value, for programs that write a cluster.toml.

use toml::Value;
use toml::de::DeTable;

use super::complaints::{Complaints, Place};
use super::settings::SECTIONS;
use super::values::TableReader;

/// Checks a value by the rules of a setting of the table with this header.
pub(crate) fn check_setting(header: &str, name: &str, value: &Value) -> Result<(), String> {
    let text = format!("{name} = {value}");
    let section = SECTIONS.iter().find(|section| section.header == header);
    let (Some(section), Ok(entries)) = (section, DeTable::parse(&text)) else {
        return Err(format!("{header} cannot have that value of `{name}`"));
    };
    let mut log = Complaints::default();
    let mut reader = TableReader {
        line: &|_| Place::Row,
        log: &mut log,
    };
    reader.values(section, entries.get_ref());
    log.messages().into_iter().next().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_checked_like_one_in_a_file() {
        let text = |text: &str| Value::String(text.to_owned());
        for (header, name, value, wanted) in [
            ("[cluster]", "domain", text("lan"), None),
            ("[etcd]", "quota", Value::Integer(2 << 30), None),
            (
                "[cluster]",
                "token",
                text("a!"),
                Some("`token` must have 1 to 128 letters, digits, `.`, `_` or `-`"),
            ),
            (
                "[network]",
                "dns",
                Value::Array(vec![text("x")]),
                Some("`x` is not an IP address"),
            ),
            (
                "[etcd]",
                "quota",
                Value::Integer(1),
                Some("`quota` must be a size from 16MiB to 64GiB, as in \"2GiB\" or in bytes"),
            ),
        ] {
            let found = check_setting(header, name, &value).err();
            assert_eq!(found.as_deref(), wanted, "{name}");
        }
    }
}

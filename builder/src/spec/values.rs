//! The values of a table: each is compared with its setting, and missing ones get their defaults.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::complaints::{Complaints, Place, Placed, wrong_type};
use super::section::{Given, OPEN, Section, Setting, ValueKind};
use super::table::{SettingValue, Table};
use super::{etcd_flags, nearest, sizes, subnet, suggest};

/// Returns a table with the values read from the entries, and the defaults.
pub(super) fn completed(
    section: &'static Section,
    mut values: Vec<(String, Placed<SettingValue>)>,
    place: Option<Place>,
    written: &[&DeTable<'_>],
    log: &mut Complaints,
) -> Table {
    for setting in section.settings {
        let has_value = values.iter().any(|(known, _)| known == setting.name);
        let is_written = || written.iter().any(|all| has_setting(all, setting, section));
        match (&setting.given, place) {
            (Given::Default(toml), _) if !has_value => {
                values.push((setting.name.to_owned(), default(section, setting, toml)));
            }
            (Given::Required(_), Some(place)) if !is_written() => {
                let message = format!("{} has no `{}`", section.header, setting.name);
                log.add(place, message);
            }
            _ => {}
        }
    }
    Table {
        section,
        place: place.unwrap_or(Place::Default(section.path(), "")),
        values,
    }
}

/// Returns whether the entries contain a setting, perhaps by a name that is not quite right.
fn has_setting(entries: &DeTable<'_>, setting: &Setting, section: &Section) -> bool {
    let means = |key: &str| suggest::meant_key(key, section) == Some(setting.name);
    entries.contains_key(setting.name) || entries.keys().any(|key| means(key.get_ref()))
}

/// A reader of the values of a layer that collects complaints. `line` converts a position in the text into its place.
pub(super) struct TableReader<'a> {
    pub(super) line: &'a dyn Fn(Range<usize>) -> Place,
    pub(super) log: &'a mut Complaints,
}

impl TableReader<'_> {
    /// Returns the tables of a list.
    pub(super) fn list(
        &mut self,
        section: &'static Section,
        (key, value): TomlEntry<'_>,
    ) -> Vec<Table> {
        if let DeValue::Array(items) = value.get_ref() {
            let items = items.iter();
            return items.filter_map(|item| self.item(section, item)).collect();
        }
        let (header, name) = (section.header, section.path());
        let message = format!("write {header} with two pairs of brackets, once for each {name}");
        self.log.add((self.line)(key.span()), message);
        Vec::new()
    }

    fn item(&mut self, section: &'static Section, item: &Spanned<DeValue<'_>>) -> Option<Table> {
        let place = (self.line)(item.span());
        if let DeValue::Table(entries) = item.get_ref() {
            let values = self.values(section, entries);
            return Some(completed(
                section,
                values,
                Some(place),
                &[entries],
                self.log,
            ));
        }
        let label = format!("each item of `{}`", section.path());
        self.log
            .add(place, wrong_type(&label, "a table", item.get_ref()));
        None
    }

    /// Returns the values of a table as far as they have the right types.
    pub(super) fn values(
        &mut self,
        section: &'static Section,
        entries: &DeTable<'_>,
    ) -> Vec<(String, Placed<SettingValue>)> {
        let mut values = Vec::new();
        for (key, value) in sorted(entries) {
            let name = key.get_ref().as_ref();
            let known = |setting: &&Setting| setting.name == name || section.header == OPEN;
            if let Some(setting) = section.settings.iter().find(known) {
                let label = format!("`{name}`");
                let read = self.value(&label, &setting.kind, value);
                values.extend(read.map(|value| (name.to_owned(), value)));
            } else if !section.keys().contains(&name) {
                self.log
                    .add((self.line)(key.span()), suggest::unknown_key(name, section));
            }
        }
        values
    }

    /// Returns the value if it has the right type. A text that fails its check causes a complaint and is still returned,
    /// because other settings may refer to it.
    fn value(
        &mut self,
        label: &str,
        kind: &ValueKind,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Placed<SettingValue>> {
        let place = (self.line)(value.span());
        let read = match (kind, value.get_ref()) {
            (ValueKind::Text(check), DeValue::String(text)) => {
                self.log.check(place, check(text));
                Ok(SettingValue::Text(text.to_string()))
            }
            (ValueKind::Choice(what, names), DeValue::String(text)) => match names() {
                names if names.contains(&text.as_ref()) => Ok(SettingValue::Text(text.to_string())),
                names => Err(format!(
                    "unknown {what} `{text}`; {}",
                    nearest::advice(text, &names)
                )),
            },
            (ValueKind::Switch, DeValue::Boolean(switch)) => Ok(SettingValue::Switch(*switch)),
            (ValueKind::Integer(range, unit), DeValue::Integer(number)) => {
                let found = u32::from_str_radix(number.as_str(), number.radix()).ok();
                let found = found.filter(|found| range.contains(found));
                found
                    .map(|found| SettingValue::Integer(found.into()))
                    .ok_or_else(|| {
                        let (least, most) = (range.start(), range.end());
                        format!("{label} must be from {least} to {most}{unit}, not {number}")
                    })
            }
            (ValueKind::Size(range), DeValue::Integer(_) | DeValue::String(_)) => sizes::read(
                value.get_ref(),
                range,
            )
            .map(SettingValue::Integer)
            .ok_or_else(|| {
                let (least, most) = (sizes::text(*range.start()), sizes::text(*range.end()));
                format!("{label} must be a size from {least} to {most}, as in \"2GiB\" or in bytes")
            }),
            (ValueKind::List(of), DeValue::Array(items)) => {
                Ok(SettingValue::List(self.items(label, of, items)?))
            }
            (ValueKind::EtcdFlags, DeValue::Table(flags)) => {
                Ok(SettingValue::EtcdFlags(self.etcd_flags(flags)))
            }
            (_, other) => Err(wrong_type(label, kind.type_name(), other) + &remedy(kind, other)),
        };
        self.log
            .check(place, read)
            .map(|value| Placed::new(place, value))
    }

    /// Returns the items that can be read. Returns `None` for a list of numbers with an unreadable item: other checks would
    /// report the number as missing.
    fn items(
        &mut self,
        label: &str,
        of: &ValueKind,
        items: &DeArray<'_>,
    ) -> Option<Vec<Placed<SettingValue>>> {
        let label = format!("each item of {label}");
        let read = items.iter().filter_map(|item| self.value(&label, of, item));
        let read: Vec<_> = read.collect();
        let is_complete = read.len() == items.len() || !matches!(of, ValueKind::Integer(..));
        is_complete.then_some(read)
    }

    fn etcd_flags(&mut self, flags: &DeTable<'_>) -> Vec<(String, toml::Value)> {
        let mut checked = Vec::new();
        for (key, value) in sorted(flags) {
            let name = key.get_ref().to_string();
            let value = etcd_flags::checked(&name, value.get_ref());
            let value = self.log.check((self.line)(key.span()), value);
            checked.extend(value.map(|value| (name, value)));
        }
        checked
    }
}

/// Returns the end of a complaint about a text of the wrong type: what to write, if the text says what is meant.
fn remedy(kind: &ValueKind, value: &DeValue<'_>) -> String {
    match (kind, value) {
        (ValueKind::Integer(range, unit), DeValue::String(text)) => {
            let meant = subnet::prefix_length(text).or_else(|| number_with_unit(text, unit));
            let meant = meant.filter(|number| range.contains(number));
            meant.map_or_else(String::new, |number| format!("; write {number}"))
        }
        (ValueKind::List(ValueKind::Text(_) | ValueKind::Choice(..)), DeValue::String(_)) => {
            "; put it in square brackets".to_owned()
        }
        _ => String::new(),
    }
}

/// Returns the number that a text such as `500ms` or `10 years` means in the unit of a setting.
fn number_with_unit(text: &str, unit: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, written) = text.split_at(end);
    let factor = match (unit.trim(), written.trim()) {
        ("ms", "ms")
        | ("seconds", "s" | "sec" | "seconds")
        | ("days", "d" | "day" | "days")
        | ("bytes", "B" | "bytes") => 1,
        ("ms", "s" | "sec" | "seconds") => 1000,
        ("days", "y" | "year" | "years") => 365,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor)
}

/// A key and its value, with their positions.
pub(super) type TomlEntry<'a> = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

/// Returns the entry at a path whose parts are separated by dots.
pub(super) fn entry<'a>(table: &'a DeTable<'a>, path: &str) -> Option<TomlEntry<'a>> {
    match path.split_once('.') {
        None => table.get_key_value(path),
        Some((first, rest)) => entry(table.get(first)?.get_ref().as_table()?, rest),
    }
}

/// Returns the entries in the order of the file.
fn sorted<'a>(table: &'a DeTable<'a>) -> Vec<TomlEntry<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Section {
    /// Returns the default of a setting, if it has one.
    pub(super) fn default_of(&self, name: &str) -> Option<Placed<SettingValue>> {
        let setting = self.settings.iter().find(|setting| setting.name == name)?;
        match setting.given {
            Given::Default(toml) => Some(default(self, setting, toml)),
            Given::Optional(_) | Given::Required(_) => None,
        }
    }
}

fn default(
    section: &Section,
    setting: &'static Setting,
    toml: &'static str,
) -> Placed<SettingValue> {
    let place = Place::Default(section.path(), setting.name);
    let value = DeValue::parse(toml).expect("every default is TOML");
    let mut reader = TableReader {
        line: &|_| place,
        log: &mut Complaints::default(),
    };
    let read = reader.value(setting.name, &setting.kind, &value);
    read.expect("every default is of its setting's kind")
}

//! cluster.toml as written: tables and values with their line numbers. Knows TOML, not what a cluster is.

use std::ops::RangeInclusive;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::complaints::{Complaints, Place, Placed};
use super::schema;

/// The start of each line, to turn byte offsets into line numbers.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect(),
        )
    }

    fn place(&self, offset: usize) -> Place {
        Place::Line(self.0.partition_point(|start| *start <= offset))
    }
}

/// A parsed configuration file.
pub(super) struct Document<'a> {
    root: DeTable<'a>,
    lines: Lines,
}

impl<'a> Document<'a> {
    /// Parses the text; every syntax error becomes a complaint.
    pub(super) fn parse(text: &'a str, log: &mut Complaints) -> Self {
        let lines = Lines::of(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or_default();
            // Only the message: the full form would quote the line, and it may hold a password.
            let message = match (error.message(), text.get(span.clone())) {
                ("duplicate key", Some(key)) => format!("`{key}` is there already"),
                (message, _) => message.to_owned(),
            };
            log.add(lines.place(span.start), message);
        }
        Self {
            root: root.into_inner(),
            lines,
        }
    }

    /// Complains about top-level names that are not known.
    pub(super) fn check_names(&self, log: &mut Complaints) {
        for (key, _) in &self.root {
            let name = key.get_ref().as_ref();
            if !schema::TOP.contains(&name) {
                log.add(
                    self.lines.place(key.span().start),
                    schema::unknown_table(name),
                );
            }
        }
    }

    /// The table `[name]`, its keys checked.
    pub(super) fn table(&self, name: &str, log: &mut Complaints) -> Option<Table<'_>> {
        let (key, value) = self.root.get_key_value(name)?;
        let header = schema::header(name);
        let place = self.lines.place(key.span().start);
        let DeValue::Table(entries) = value.get_ref() else {
            log.add(place, wrong_type(name, "a table", value.get_ref()));
            return None;
        };
        Some(Table::checked(header, place, entries, &self.lines, log))
    }

    /// The tables `[[name]]` in the order of the file, their keys checked.
    pub(super) fn tables(&self, name: &str, log: &mut Complaints) -> Vec<Table<'_>> {
        let Some((key, value)) = self.root.get_key_value(name) else {
            return Vec::new();
        };
        let header = schema::header(name);
        let DeValue::Array(items) = value.get_ref() else {
            let message =
                format!("write {header} with two pairs of brackets, once for each {name}");
            log.add(self.lines.place(key.span().start), message);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let place = self.lines.place(item.span().start);
                if let DeValue::Table(entries) = item.get_ref() {
                    return Some(Table::checked(
                        header.clone(),
                        place,
                        entries,
                        &self.lines,
                        log,
                    ));
                }
                log.add(place, wrong_type(name, "a list of tables", item.get_ref()));
                None
            })
            .collect()
    }
}

/// One table with its values.
#[derive(Clone)]
pub(super) struct Table<'a> {
    /// As written, e.g. `[network]`.
    header: String,
    /// Its first line.
    pub(super) place: Place,
    entries: &'a DeTable<'a>,
    lines: &'a Lines,
}

impl<'a> Table<'a> {
    fn checked(
        header: String,
        place: Place,
        entries: &'a DeTable<'a>,
        lines: &'a Lines,
        log: &mut Complaints,
    ) -> Self {
        let known = schema::keys(&header);
        for (key, _) in entries {
            let name = key.get_ref().as_ref();
            if !known.is_empty() && !known.contains(&name) {
                log.add(
                    lines.place(key.span().start),
                    schema::unknown_key(name, &header),
                );
            }
        }
        Self {
            header,
            place,
            entries,
            lines,
        }
    }

    /// The value of a key, whatever its type.
    pub(super) fn get(&self, key: &str) -> Option<Placed<&'a DeValue<'a>>> {
        self.entries.get(key).map(|value| self.placed(value))
    }

    /// Every entry in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'a str, Placed<&'a DeValue<'a>>)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        all.into_iter()
            .map(|(key, value)| (key.get_ref().as_ref(), self.placed(value)))
            .collect()
    }

    /// A string.
    pub(super) fn string(&self, key: &str, log: &mut Complaints) -> Option<Placed<&'a str>> {
        let value = self.get(key)?;
        let text = value
            .value
            .as_str()
            .ok_or_else(|| wrong_type(key, "a string", value.value));
        log.check(value.place, text).map(|text| value.with(text))
    }

    /// A string that must be there.
    pub(super) fn required(&self, key: &str, log: &mut Complaints) -> Option<Placed<&'a str>> {
        if self.get(key).is_none() {
            log.add(self.place, format!("{} has no `{key}`", self.header));
        }
        self.string(key, log)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str, log: &mut Complaints) -> Option<bool> {
        let value = self.get(key)?;
        let switch = match value.value {
            DeValue::Boolean(switch) => Ok(*switch),
            other => Err(wrong_type(key, "true or false", other)),
        };
        log.check(value.place, switch)
    }

    /// An integer inside a range; `unit` follows the number in the complaint.
    pub(super) fn integer(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        unit: &str,
        log: &mut Complaints,
    ) -> Option<Placed<u32>> {
        let value = self.get(key)?;
        let number = number(key, value.value, &range, unit);
        log.check(value.place, number)
            .map(|number| value.with(number))
    }

    /// A list of integers inside a range, each with its own line.
    pub(super) fn integers(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        unit: &str,
        log: &mut Complaints,
    ) -> Option<Placed<Vec<Placed<u32>>>> {
        let value = self.get(key)?;
        let DeValue::Array(items) = value.value else {
            let message = wrong_type(key, "a list of integers", value.value);
            log.add(value.place, message);
            return None;
        };
        let read = |item| {
            let item = self.placed(item);
            let number = number(key, item.value, &range, unit);
            log.check(item.place, number)
                .map(|number| item.with(number))
        };
        Some(value.with(items.iter().filter_map(read).collect()))
    }

    /// A list of strings, each with its own line; `None` if the key is absent.
    pub(super) fn strings(&self, key: &str, log: &mut Complaints) -> Option<Vec<Placed<&'a str>>> {
        let value = self.get(key)?;
        Some(self.strings_of(key, value, log))
    }

    /// As [`Self::strings`], for a value already at hand.
    pub(super) fn strings_of(
        &self,
        key: &str,
        value: Placed<&'a DeValue<'a>>,
        log: &mut Complaints,
    ) -> Vec<Placed<&'a str>> {
        let DeValue::Array(items) = value.value else {
            log.add(
                value.place,
                wrong_type(key, "a list of strings", value.value),
            );
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let item = self.placed(item);
                let text = item.value.as_str();
                let text = text.ok_or_else(|| wrong_type(key, "a list of strings", item.value));
                log.check(item.place, text).map(|text| item.with(text))
            })
            .collect()
    }

    /// A table inside this one, its keys checked.
    pub(super) fn table(&self, key: &str, log: &mut Complaints) -> Option<Table<'a>> {
        let value = self.get(key)?;
        let DeValue::Table(entries) = value.value else {
            log.add(value.place, wrong_type(key, "a table", value.value));
            return None;
        };
        let header = format!("[{}.{key}]", self.header.trim_matches(['[', ']']));
        Some(Table::checked(
            header,
            value.place,
            entries,
            self.lines,
            log,
        ))
    }

    fn placed(&self, value: &'a Spanned<DeValue<'a>>) -> Placed<&'a DeValue<'a>> {
        Placed::new(self.lines.place(value.span().start), value.get_ref())
    }
}

fn number(
    key: &str,
    value: &DeValue<'_>,
    range: &RangeInclusive<u32>,
    unit: &str,
) -> Result<u32, String> {
    match value {
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                format!("`{key}` is {number}; it must be from {least} to {most}{unit}")
            }),
        other => Err(wrong_type(key, "an integer", other)),
    }
}

/// The value as owned TOML, for settings that are passed on as given.
pub(super) fn owned(value: &DeValue<'_>) -> Option<toml::Value> {
    let value = Spanned::new(0..0, value.clone());
    toml::Value::deserialize(ValueDeserializer::from(value)).ok()
}

/// What to say about a value of the wrong type; never the value, which may be a secret.
pub(super) fn wrong_type(key: &str, wanted: &str, found: &DeValue<'_>) -> String {
    let article = if matches!(found, DeValue::Integer(_) | DeValue::Array(_)) {
        "an"
    } else {
        "a"
    };
    format!(
        "`{key}` must be {wanted}, not {article} {}",
        found.type_str()
    )
}

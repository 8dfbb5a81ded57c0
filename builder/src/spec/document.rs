//! cluster.toml as written: compares every table with [`SECTIONS`], checks every value and records its line.
//!
//! This module does not interpret the settings. Complaints never repeat a value of the wrong type, which may be a secret.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaints::{Complaints, Invalid, Place, Placed, wrong_type};
use super::section::{Given, Kind, OPEN, Section, Setting};
use super::settings::SECTIONS;
use super::table::{Table, Value};
use super::{etcd_flags, nearest, sizes, subnet, suggest};
use crate::unquoted;

/// The tables of a file. Each section that is not a list has exactly one, which may consist of defaults.
pub(super) struct Document {
    tables: Vec<Table>,
}

impl Document {
    /// Parses the text of a file without a row.
    pub(super) fn parse(text: &str, log: &mut Complaints) -> Result<Self, Invalid> {
        Self::layered(text, None, log)
    }

    /// Parses a file and the row of a fleet, whose settings take precedence. Syntax errors are returned immediately; all other
    /// errors become complaints.
    pub(super) fn layered(
        text: &str,
        row: Option<&str>,
        log: &mut Complaints,
    ) -> Result<Self, Invalid> {
        let mut layers = vec![Layer::parse(text, false, log)];
        layers.extend(row.map(|row| Layer::parse(row, true, log)));
        // After a syntax error, the rest of the text may be misread.
        log.settle()?;
        for layer in &mut layers {
            layer.refuse_unknown_tables(log);
        }
        if layers
            .iter()
            .any(|layer| layer.root.contains_key("template"))
        {
            log.settle()?;
        }
        let sections = SECTIONS.iter();
        let tables = sections.flat_map(|section| merged(section, &layers, log));
        Ok(Self {
            tables: tables.collect(),
        })
    }

    /// Returns the table of a section that is not a list.
    pub(super) fn table(&self, path: &str) -> &Table {
        let found = self
            .tables
            .iter()
            .find(|table| table.section.path() == path);
        found.expect("every section that is not a list has a table")
    }

    /// Returns the tables of a list in the order of the file.
    pub(super) fn tables(&self, path: &str) -> Vec<&Table> {
        let tables = self.tables.iter();
        tables
            .filter(|table| table.section.path() == path)
            .collect()
    }
}

/// A text with tables. Settings of a later layer take precedence over those of an earlier one.
struct Layer<'a> {
    root: DeTable<'a>,
    /// The positions of the line ends; `None` for a row, which is a single place.
    line_ends: Option<Vec<usize>>,
}

impl<'a> Layer<'a> {
    fn parse(text: &'a str, is_row: bool, log: &mut Complaints) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let layer = Self {
            root: root.into_inner(),
            line_ends: (!is_row).then_some(line_ends),
        };
        let mut advised = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let place = layer.place(&span);
            if advised.contains(&place) {
                continue;
            }
            let advice = unquoted::advice_at(text, span.start);
            advised.extend(advice.is_some().then_some(place));
            // Only the message is used: the full form quotes the line, which may contain a password.
            let message = match (advice, error.message(), text.get(span)) {
                (Some(advice), ..) => advice,
                (None, "duplicate key", Some(key)) => format!("duplicate key `{key}`"),
                (None, message, _) => message.to_owned(),
            };
            log.add(place, message);
        }
        layer
    }

    /// Returns the place of a position in the text.
    fn place(&self, span: &Range<usize>) -> Place {
        let line = |ends: &Vec<usize>| ends.partition_point(|end| *end < span.start) + 1;
        let line = self.line_ends.as_ref().map(line);
        line.map_or(Place::Row, Place::Line)
    }

    /// Complains about unknown tables, and reads each as the table with the nearest name. Without that, a misspelt table would
    /// cause a second complaint about a missing one.
    fn refuse_unknown_tables(&mut self, log: &mut Complaints) {
        if let Some((key, _)) = self.root.get_key_value("template") {
            let message = "`template` belongs in the file of a fleet, which `--fleet` names; `--config` names a cluster.toml";
            log.add(self.place(&key.span()), message);
            return;
        }
        let is_known = |name: &str| SECTIONS.iter().any(|section| section.path() == name);
        let unknown = self.root.keys().filter(|key| !is_known(key.get_ref()));
        let unknown: Vec<_> = unknown.cloned().collect();
        for key in unknown {
            log.add(
                self.place(&key.span()),
                suggest::unknown_table(key.get_ref()),
            );
            let Some(meant) = suggest::meant_table(key.get_ref()).map(Section::path) else {
                continue;
            };
            if !self.root.contains_key(meant)
                && let Some(value) = self.root.remove(key.get_ref().as_ref())
            {
                self.root
                    .insert(Spanned::new(key.span(), Cow::Borrowed(meant)), value);
            }
        }
    }
}

/// Returns the tables of a section: those of the last layer that has the list, or one table from all layers.
fn merged(section: &'static Section, layers: &[Layer<'_>], log: &mut Complaints) -> Vec<Table> {
    let mut found = layers
        .iter()
        .filter_map(|layer| Some((layer, entry(&layer.root, section.path())?)));
    if section.is_list() {
        let last = found.next_back();
        return last.map_or_else(Vec::new, |(layer, entry)| {
            let line = |span| layer.place(&span);
            TableReader { line: &line, log }.list(section, entry)
        });
    }
    let mut written = Vec::new();
    for (layer, (key, value)) in found {
        let place = layer.place(&key.span());
        match value.get_ref() {
            DeValue::Table(entries) => written.push((layer, place, entries)),
            other => {
                let label = format!("`{}`", key.get_ref());
                log.add(place, wrong_type(&label, "a table", other));
            }
        }
    }
    vec![table(section, &written, log)]
}

/// A table as a layer contains it.
type WrittenTable<'a> = (&'a Layer<'a>, Place, &'a DeTable<'a>);

/// Returns a table with the settings of all layers and the defaults.
fn table(section: &'static Section, written: &[WrittenTable<'_>], log: &mut Complaints) -> Table {
    let mut values: Vec<(String, Placed<Value>)> = Vec::new();
    for (layer, _, entries) in written {
        let line = |span| layer.place(&span);
        let own = TableReader { line: &line, log }.values(section, entries);
        values.retain(|(name, _)| !entries.contains_key(name.as_str()));
        values.extend(own);
    }
    let place = written.last().map(|(_, place, _)| *place);
    let all: Vec<_> = written.iter().map(|(_, _, entries)| *entries).collect();
    completed(section, values, place, &all, log)
}

/// Returns a table with the values read from the entries, and the defaults.
fn completed(
    section: &'static Section,
    mut values: Vec<(String, Placed<Value>)>,
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
struct TableReader<'a> {
    line: &'a dyn Fn(Range<usize>) -> Place,
    log: &'a mut Complaints,
}

impl TableReader<'_> {
    /// Returns the tables of a list.
    fn list(&mut self, section: &'static Section, (key, value): Entry<'_>) -> Vec<Table> {
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
    fn values(
        &mut self,
        section: &'static Section,
        entries: &DeTable<'_>,
    ) -> Vec<(String, Placed<Value>)> {
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
        kind: &Kind,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Placed<Value>> {
        let place = (self.line)(value.span());
        let read = match (kind, value.get_ref()) {
            (Kind::Text(check), DeValue::String(text)) => {
                self.log.check(place, check(text));
                Ok(Value::Text(text.to_string()))
            }
            (Kind::Choice(what, names), DeValue::String(text)) => match names() {
                names if names.contains(&text.as_ref()) => Ok(Value::Text(text.to_string())),
                names => Err(format!(
                    "unknown {what} `{text}`; {}",
                    nearest::advice(text, &names)
                )),
            },
            (Kind::Switch, DeValue::Boolean(switch)) => Ok(Value::Switch(*switch)),
            (Kind::Integer(range, unit), DeValue::Integer(number)) => {
                let found = u32::from_str_radix(number.as_str(), number.radix()).ok();
                let found = found.filter(|found| range.contains(found));
                found
                    .map(|found| Value::Integer(found.into()))
                    .ok_or_else(|| {
                        let (least, most) = (range.start(), range.end());
                        format!("{label} must be from {least} to {most}{unit}, not {number}")
                    })
            }
            (Kind::Size(range), DeValue::Integer(_) | DeValue::String(_)) => sizes::read(
                value.get_ref(),
                range,
            )
            .map(Value::Integer)
            .ok_or_else(|| {
                let (least, most) = (sizes::text(*range.start()), sizes::text(*range.end()));
                format!("{label} must be a size from {least} to {most}, as in \"2GiB\" or in bytes")
            }),
            (Kind::List(of), DeValue::Array(items)) => {
                let label = format!("each item of {label}");
                let items = items.iter().filter_map(|item| self.value(&label, of, item));
                Ok(Value::List(items.collect()))
            }
            (Kind::EtcdFlags, DeValue::Table(flags)) => {
                Ok(Value::EtcdFlags(self.etcd_flags(flags)))
            }
            (Kind::Integer(range, _), other @ DeValue::String(text)) => {
                let meant = subnet::prefix_length(text).filter(|number| range.contains(number));
                let advice = meant.map(|number| format!("; write {number}"));
                let message = wrong_type(label, kind.type_name(), other);
                Err(message + &advice.unwrap_or_default())
            }
            (_, other) => Err(wrong_type(label, kind.type_name(), other)),
        };
        self.log
            .check(place, read)
            .map(|value| Placed::new(place, value))
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

type Entry<'a> = (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

/// Returns the entry at a path whose parts are separated by dots.
fn entry<'a>(table: &'a DeTable<'a>, path: &str) -> Option<Entry<'a>> {
    match path.split_once('.') {
        None => table.get_key_value(path),
        Some((first, rest)) => entry(table.get(first)?.get_ref().as_table()?, rest),
    }
}

/// Returns the entries in the order of the file.
fn sorted<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Section {
    /// Returns the default of a setting, if it has one.
    pub(super) fn default_of(&self, name: &str) -> Option<Placed<Value>> {
        let setting = self.settings.iter().find(|setting| setting.name == name)?;
        match setting.given {
            Given::Default(toml) => Some(default(self, setting, toml)),
            Given::Optional(_) | Given::Required(_) => None,
        }
    }
}

fn default(section: &Section, setting: &'static Setting, toml: &'static str) -> Placed<Value> {
    let place = Place::Default(section.path(), setting.name);
    let value = DeValue::parse(toml).expect("every default is TOML");
    let mut reader = TableReader {
        line: &|_| place,
        log: &mut Complaints::default(),
    };
    let read = reader.value(setting.name, &setting.kind, &value);
    read.expect("every default is of its setting's kind")
}

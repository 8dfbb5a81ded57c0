//! cluster.toml as written: compares every table with [`SECTIONS`], checks every value and records its line.
//!
//! This module does not interpret the settings. Complaints never repeat a value of the wrong type, which may be a secret.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaints::{Complaints, Invalid, Place, Placed, wrong_type};
use super::section::Section;
use super::settings::SECTIONS;
use super::suggest;
use super::table::{SettingValue, Table};
use super::values::{TableReader, completed, entry};
use crate::unquoted;

/// The parser's message about a second value of a key.
const DUPLICATE: &str = "duplicate key";

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
            // Only a line that is no TOML has another spelling.
            let is_toml = error.message() == DUPLICATE;
            let advice = (!is_toml).then(|| unquoted::advice_at(text, span.start));
            let advice = advice.flatten();
            advised.extend(advice.is_some().then_some(place));
            // Only the message is used: the full form quotes the line, which may contain a password.
            let message = match (advice, error.message(), text.get(span)) {
                (Some(advice), ..) => advice,
                (None, DUPLICATE, Some(key)) => format!("duplicate key `{key}`"),
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
            let name = key.get_ref().as_ref();
            let value = self.root.get(name).map(Spanned::get_ref);
            let shape = value.map_or(suggest::Shape::Value, suggest::Shape::of);
            log.add(self.place(&key.span()), suggest::unknown_table(name, shape));
            let Some(meant) = suggest::meant_table(name, shape).map(Section::path) else {
                continue;
            };
            if !self.root.contains_key(meant)
                && let Some(value) = self.root.remove(name)
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
    vec![completed_table(section, &written, log)]
}

/// A table as a layer contains it.
type WrittenTable<'a> = (&'a Layer<'a>, Place, &'a DeTable<'a>);

/// Returns a table with the settings of all layers and the defaults.
fn completed_table(
    section: &'static Section,
    written: &[WrittenTable<'_>],
    log: &mut Complaints,
) -> Table {
    let mut values: Vec<(String, Placed<SettingValue>)> = Vec::new();
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

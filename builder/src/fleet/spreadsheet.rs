//! A table of clusters as comma-separated values (RFC 4180). The first row names the columns: a key of a row, or the dotted path
//! of a setting, such as `network.gateway`. An empty cell is a setting that the row does not have.

use toml::{Table, Value};

use super::quotes;
use super::row::{KEYS, WrittenRow};
use crate::count::count;
use crate::spec::{advice, cell};

/// Returns the rows of a table; `name` is its file as complaints name it. A row with another number of cells is one of them, so that
/// the mistakes of all rows are reported together.
pub(super) fn rows(name: &str, text: &str) -> Result<Vec<WrittenRow>, String> {
    quotes::check(text).map_err(|(line, what)| format!("{name}:{line}: {what}"))?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| unreadable(name, &error))?;
    let columns: Vec<String> = headers.iter().map(str::to_owned).collect();
    check_columns(name, &columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(name, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = format!("{name}:{line}");
        if record.len() != columns.len() {
            let (cells, columns) = (count(record.len(), "cell"), count(columns.len(), "column"));
            let wrong = format!("{place}: the row has {cells}, but there are {columns}");
            rows.push(WrittenRow {
                place,
                settings: Table::new(),
                wrong: vec![wrong],
            });
            continue;
        }
        let mut settings = Table::new();
        let cells = columns.iter().zip(&record);
        for (column, text) in cells.filter(|(_, text)| !text.is_empty()) {
            let value = typed_value(column, text).ok_or_else(|| unknown(name, column))?;
            insert(&mut settings, column, value);
        }
        rows.push(WrittenRow {
            place,
            settings,
            wrong: Vec::new(),
        });
    }
    match rows.is_empty() {
        true => Err(format!(
            "{name}: it has no row below the names of the columns"
        )),
        false => Ok(rows),
    }
}

fn check_columns(name: &str, columns: &[String]) -> Result<(), String> {
    for (index, column) in columns.iter().enumerate() {
        if columns.iter().skip(index + 1).any(|other| other == column) {
            return Err(format!("{name}:1: there are two columns `{column}`"));
        }
        if typed_value(column, "").is_none() {
            return Err(unknown(name, column));
        }
    }
    Ok(())
}

fn unknown(name: &str, column: &str) -> String {
    // Spreadsheets write semicolons where the comma is the decimal point.
    if column.contains([';', '\t']) {
        return format!("{name}:1: separate the columns by commas, not by semicolons or tabs");
    }
    let advice = match column.contains('.') {
        true => "it is not a setting that a cell can hold, such as `network.gateway`".to_owned(),
        false => advice(column, &KEYS),
    };
    format!("{name}:1: unknown column `{column}`; {advice}")
}

/// Returns the value of a cell, or `None` if there is no such column.
fn typed_value(column: &str, text: &str) -> Option<Value> {
    match column {
        "name" | "board" => Some(text.into()),
        "prefix" => cell("network.prefix", text),
        "addresses" | "nodes" => {
            let items = text.split_whitespace().map(Value::from);
            Some(Value::Array(items.collect()))
        }
        path => cell(path, text),
    }
}

/// Puts a value at a dotted path.
fn insert(table: &mut Table, path: &str, value: Value) {
    let Some((table_path, key)) = path.rsplit_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let mut place = table;
    for part in table_path.split('.') {
        let inner = place.entry(part).or_insert_with(|| Table::new().into());
        let Value::Table(inner) = inner else { return };
        place = inner;
    }
    place.insert(key.to_owned(), value);
}

fn unreadable(name: &str, error: &csv::Error) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    format!("{name}:{line}: it is not a table of comma-separated values")
}

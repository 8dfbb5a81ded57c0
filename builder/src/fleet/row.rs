//! A row of the table: the keys that belong to a fleet, and settings of the template that the row replaces.

use toml::{Table, Value};

use crate::spec::FleetRow;

/// The keys of a row, apart from the tables of a cluster.toml.
pub(super) const KEYS: [&str; 5] = ["name", "prefix", "addresses", "nodes", "board"];

/// The lists of a cluster.toml, which a row cannot replace.
const LISTS: [&str; 3] = ["node", "file", "certificate"];

/// A row as written.
pub(super) struct WrittenRow {
    /// The file and the line.
    pub(super) place: String,
    /// The cells by their column, and tables of a cluster.toml.
    pub(super) settings: Table,
    /// Why the settings cannot be read, each with its place.
    pub(super) wrong: Vec<String>,
}

impl WrittenRow {
    /// Returns the row as the settings of an ordinary cluster, or what is wrong with it.
    pub(super) fn row(&self) -> Result<FleetRow, Vec<String>> {
        if !self.wrong.is_empty() {
            return Err(self.wrong.clone());
        }
        let mut reader = RowReader {
            place: &self.place,
            rest: self.settings.clone(),
            wrong: Vec::new(),
        };
        let name = reader.text("name");
        let addresses = reader.texts("addresses");
        let names = reader.texts("nodes");
        let (prefix, board) = (reader.take("prefix"), reader.take("board"));
        for list in LISTS {
            if reader.rest.contains_key(list) {
                reader.complain(&format!("`{list}` belongs in the template"));
            }
        }
        if addresses.is_none() {
            reader.complain("the row has no `addresses`, one for each node");
        }
        let addresses = addresses.unwrap_or_default();
        if let Some(names) = &names
            && names.len() != addresses.len()
        {
            let (nodes, addresses) = (names.len(), addresses.len());
            reader.complain(&format!(
                "the row has {nodes} `nodes` and {addresses} `addresses`"
            ));
        }
        match &name {
            Some(name) => reader.set("cluster", "name", Value::String(name.clone())),
            None => reader.complain("the row has no `name`"),
        }
        if let Some(prefix) = prefix {
            reader.set("network", "prefix", prefix);
        }
        let name = name.unwrap_or_default();
        let node = |(index, address): (usize, &String)| {
            let usual = || format!("{name}-{}", index + 1);
            let own = names.as_ref().and_then(|names| names.get(index)).cloned();
            let mut node = Table::new();
            node.insert("name".to_owned(), own.unwrap_or_else(usual).into());
            node.insert("address".to_owned(), address.clone().into());
            node.extend(board.clone().map(|board| ("board".to_owned(), board)));
            Value::Table(node)
        };
        let nodes = addresses.iter().enumerate().map(node).collect();
        reader.rest.insert("node".to_owned(), Value::Array(nodes));
        if !reader.wrong.is_empty() {
            return Err(reader.wrong);
        }
        Ok(FleetRow {
            place: self.place.clone(),
            text: reader.rest.to_string(),
        })
    }
}

/// The parts of a row that are not read yet, and the complaints so far.
struct RowReader<'a> {
    place: &'a str,
    rest: Table,
    wrong: Vec<String>,
}

impl RowReader<'_> {
    fn complain(&mut self, what: &str) {
        self.wrong.push(format!("{}: {what}", self.place));
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.rest.remove(key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.complain(&format!("`{key}` must be a string"));
        }
        text
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let texts = match self.take(key)? {
            Value::Array(items) => items
                .into_iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        if texts.is_none() {
            self.complain(&format!("`{key}` must be a list of strings"));
        }
        texts.or_else(|| Some(Vec::new()))
    }

    /// Puts a value into a table, in which the row must not have it as well.
    fn set(&mut self, table: &str, key: &str, value: Value) {
        let place = self
            .rest
            .entry(table)
            .or_insert_with(|| Table::new().into());
        // Anything but a table causes a complaint when the cluster is resolved.
        let Value::Table(place) = place else { return };
        if place.insert(key.to_owned(), value).is_some() {
            self.complain(&format!("the row has both `{key}` and `{table}.{key}`"));
        }
    }
}

//! The list of a walk-through's items, in a file `LETTER.toml`. `D-http.toml` lists what D shows before it uses certificates.

use std::fs;

use serde::Deserialize;

/// The directory of the lists.
const LISTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

/// The items of one walk-through.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// The name of the example in `builder/examples/`, without `.toml`.
    pub(super) example: String,
    /// Replaces text of the example by what emulated machines have.
    #[serde(default)]
    pub(super) change: Vec<Change>,
    /// A script that makes what the example names and every user has of their own. It runs beside the configuration, `$CONFIG`.
    #[serde(default)]
    pub(super) prepare: String,
    /// The node on which commands run.
    pub(super) node: String,
    /// The type of the SSH key that logs in.
    pub(super) key: String,
    /// The items, in the order of the walk-through.
    pub(super) item: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) from: String,
    pub(super) to: String,
}

/// Something that the reader of the walk-through ends up with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) name: String,
    /// Another node on which the command runs, or `here` for the machine that built the images, in their directory.
    pub(super) on: Option<String>,
    /// The name of the test that shows the item, instead of a command on the booted nodes.
    pub(super) test: Option<String>,
    /// The command.
    pub(super) run: String,
    /// Parts of the output, each of which must appear.
    pub(super) shows: Vec<String>,
    /// Why the images do not have it. Such an item counts as not reached, and its command does not run.
    pub(super) lacks: Option<String>,
    /// Why the result depends on the emulated machine, so that another output is no failure of the test.
    pub(super) depends: Option<String>,
}

/// The names of all lists.
const ALL: [&str; 6] = ["A", "B", "C", "D", "D-http", "E"];

/// Reads the list of this name.
pub(super) fn read(name: &str) -> List {
    let path = format!("{LISTS}/{name}.toml");
    let text = fs::read_to_string(&path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_counts_the_items_that_the_images_have() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for letter in ["A", "B", "C", "D", "E"] {
        let example = read(letter).example;
        let lists = ALL.iter().filter(|name| name.starts_with(letter));
        let items: Vec<Item> = lists.flat_map(|name| read(name).item).collect();
        let count = |counts: fn(&Item) -> bool| items.iter().filter(|item| counts(item)).count();
        let has = count(|item| item.lacks.is_none() && item.depends.is_none());
        let depends = match count(|item| item.depends.is_some()) {
            0 => String::new(),
            some => format!(", and {some} on real boards"),
        };
        let counted = format!("| {has} of {}{depends} |", items.len());
        let file = format!("| [`{example}.toml`]");
        let row = readme.lines().find(|line| line.contains(&file)).unwrap();
        assert!(row.ends_with(&counted), "{counted}\n{row}");
    }
}

#[test]
fn the_lists_are_readable_and_their_changes_apply() {
    for name in ALL {
        let list = read(name);
        assert!(!list.item.is_empty(), "{name}");
        list.config();
    }
}

impl Item {
    /// Returns whether an output is the expected one.
    pub(super) fn shown_by(&self, output: &str) -> bool {
        self.shows.iter().all(|part| output.contains(part))
    }
}

impl List {
    /// Returns the example as it is built for the emulated machines.
    pub(super) fn config(&self) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/builder/examples");
        let mut text = fs::read_to_string(format!("{folder}/{}.toml", self.example)).unwrap();
        for Change { from, to } in &self.change {
            assert!(text.contains(from), "{} lacks `{from}`", self.example);
            text = text.replace(from, to);
        }
        text
    }
}

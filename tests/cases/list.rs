//! The list of a walk-through's items, in a file `LETTER.toml`.

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
    /// The command.
    pub(super) run: String,
    /// Parts of the output, each of which must appear.
    pub(super) shows: Vec<String>,
    /// Why the images do not have it. Such an item counts as not reached, and its command does not run.
    pub(super) lacks: Option<String>,
    /// Why the result depends on the emulated machine, so that another output is no failure of the test.
    pub(super) depends: Option<String>,
}

/// Reads the list of a walk-through.
pub(super) fn read(letter: char) -> List {
    let path = format!("{LISTS}/{letter}.toml");
    let text = fs::read_to_string(&path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_counts_the_items_that_the_images_have() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for letter in 'A'..='E' {
        let list = read(letter);
        let has = list.item.iter().filter(|item| item.lacks.is_none());
        let counted = format!("| {} of {} |", has.count(), list.item.len());
        let file = format!("| [`{}.toml`]", list.example);
        let row = readme.lines().find(|line| line.contains(&file)).unwrap();
        assert!(row.ends_with(&counted), "{counted}\n{row}");
    }
}

#[test]
fn the_lists_are_readable_and_their_changes_apply() {
    for letter in 'A'..='E' {
        let list = read(letter);
        assert!(!list.item.is_empty(), "{letter}");
        list.config();
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

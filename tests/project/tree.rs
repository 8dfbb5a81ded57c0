//! Habits that neither the compiler nor clippy keeps: sizes, one-way imports, a why in every data file, doors for side effects.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

/// Lines a source file may have; `builder/ARCHITECTURE.md` asks for far fewer.
const LINES: usize = 400;

/// The rooms in the order of `builder/ARCHITECTURE.md`: each may use those before it, and what stands beside the rooms.
const ROOMS: [&str; 13] = [
    "cli",
    "spec",
    "recipe",
    "fetch",
    "inspect",
    "description",
    "pki",
    "overlay",
    "plan",
    "apply",
    "etcd",
    "boot",
    "report",
];

/// Where clippy's disallowed methods may be allowed: files are created, time is read and programs are started here only.
const DOORS: [&str; 10] = [
    "builder/src/cli/environment.rs",
    "builder/src/cli/output.rs",
    "builder/src/fetch/cache.rs",
    "builder/src/fetch/debian",
    "builder/src/pki/store.rs",
    "builder/src/apply/",
    "builder/src/boot/",
    "builder/xtask/",
    "builder/diskimg/tests/",
    "tests/",
];

/// Files below folders of the project with this ending, by their path from the top.
fn files(folders: &[&str], ending: &str) -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        collect(&top.join(folder), &mut found);
    }
    found.sort();
    let wanted = found
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == ending));
    let named = wanted.map(|path| {
        let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            found.push(path);
        } else if !path.ends_with("target") {
            collect(&path, found);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    files(&["builder", "tests"], "rs")
}

/// A source without its unit tests, which stand at the end.
fn product(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn no_source_is_longer_than_a_person_can_hold() {
    let lengths = sources()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > LINES).collect();
    assert!(long.is_empty(), "split by idea: {long:?}");
}

#[test]
fn every_source_begins_by_saying_what_it_is_for() {
    let silent = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"));
    let silent: Vec<_> = silent.map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn imports_between_rooms_go_one_way() {
    let mut wrong = Vec::new();
    for (name, text) in files(&["builder/src"], "rs") {
        let place = name.trim_start_matches("builder/src/");
        if let Some((room, _)) = place.split_once('/') {
            wrong.extend(
                upward(room, product(&text))
                    .iter()
                    .map(|used| format!("{name} uses {used}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Later rooms that a source of this room names.
fn upward(room: &str, source: &str) -> Vec<String> {
    let order = |name: &str| ROOMS.iter().position(|known| *known == name);
    let own =
        order(room).unwrap_or_else(|| panic!("`{room}` has no place in the order of the rooms"));
    let later = used(source)
        .into_iter()
        .filter(|name| order(name).is_some_and(|place| place > own));
    later.collect()
}

/// Every name after `crate::`, in groups too.
fn used(source: &str) -> Vec<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.collect::<Vec<_>>().join("\n");
    let word = |text: &str| {
        text.trim_start()
            .split(|letter: char| letter != '_' && !letter.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(
                group
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(word),
            ),
            None => names.push(word(after)),
        }
    }
    names
}

#[test]
fn an_upward_import_is_seen() {
    assert_eq!(
        upward("spec", "use crate::plan::Plan;\nuse crate::cli::Args;"),
        ["plan"]
    );
    assert_eq!(
        upward("plan", "use crate::{apply, overlay, report::Manifest};"),
        ["apply", "report"]
    );
    assert_eq!(
        upward(
            "pki",
            "// crate::report\nlet folder = crate::apply::Output;"
        ),
        ["apply"]
    );
    assert_eq!(
        upward(
            "report",
            "use crate::{cli, spec};\nuse crate::failure::Kind;"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn side_effects_have_their_doors() {
    let allows = |text: &str| product(text).contains("clippy::disallowed_methods");
    let outside =
        |name: &str| !DOORS.iter().any(|door| name.starts_with(door)) && !name.contains("/tests/");
    let wrong = sources()
        .into_iter()
        .filter(|(name, text)| outside(name) && allows(text));
    let wrong: Vec<_> = wrong.map(|(name, _)| name).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_fetch_and_the_client_of_etcd_know_the_network() {
    let client = ["reqwest", "::"].concat();
    let named = sources()
        .into_iter()
        .filter(|(_, text)| text.contains(&client));
    let wrong: Vec<_> = named
        .map(|(name, _)| name)
        .filter(|name| {
            !name.starts_with("builder/src/fetch/") && name != "builder/src/etcd/client.rs"
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_entry_of_an_overlay_or_firmware_file_says_why() {
    let mut wrong = Vec::new();
    for (name, text) in files(&["overlays", "firmware"], "toml") {
        let table: toml::Table = text.parse().unwrap();
        wrong.extend(
            without_why(&table)
                .iter()
                .map(|entry| format!("{name}: {entry}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The file itself and its `[[entries]]` that have no reason.
fn without_why(table: &toml::Table) -> Vec<String> {
    let has_why = |table: &toml::Table| {
        table
            .get("why")
            .and_then(Value::as_str)
            .is_some_and(|why| why.len() > 3)
    };
    let mut found = Vec::new();
    if !has_why(table) {
        found.push("the file".to_owned());
    }
    for (kind, value) in table {
        let entries = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_table);
        let silent = entries.filter(|entry| !has_why(entry));
        found.extend(
            silent.map(|entry| format!("[[{kind}]] {:?}", entry.get("path").or(entry.get("line")))),
        );
    }
    found
}

#[test]
fn a_missing_why_is_seen() {
    let table: toml::Table = "[[file]]\npath = \"/a\"\nwhy = \"because\"\n[[file]]\npath = \"/b\""
        .parse()
        .unwrap();
    assert_eq!(
        without_why(&table),
        ["the file", "[[file]] Some(String(\"/b\"))"]
    );
}

#[test]
fn every_recipe_and_generator_begins_with_a_comment() {
    let data = [
        files(&["recipes"], "toml"),
        files(&["tests/fixtures"], "sh"),
    ]
    .concat();
    let wrong = data
        .into_iter()
        .filter(|(_, text)| !text.starts_with("# ") || text.starts_with("# \n"));
    let wrong: Vec<_> = wrong.map(|(name, _)| name).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

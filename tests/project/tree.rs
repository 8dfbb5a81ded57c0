//! Checks conventions that neither the compiler nor clippy enforces: file sizes, first lines, reasons in data files.

use proc_macro2::{TokenStream, TokenTree};
use toml::Value;

use crate::support::source::files;

/// The maximum number of lines of a source file; `builder/ARCHITECTURE.md` recommends far fewer.
const LINES: usize = 400;

fn sources() -> Vec<(String, String)> {
    files(&["builder", "tests"], "rs")
}

/// Returns the names of the sources for which `is_wrong` is true.
fn names(sources: Vec<(String, String)>, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = sources.into_iter();
    let wrong = sources.filter(|(_, text)| is_wrong(text));
    wrong.map(|(name, _)| name).collect()
}

#[test]
fn no_source_is_longer_than_a_person_can_hold() {
    let long = names(sources(), is_long);
    assert_eq!(long, Vec::<String>::new(), "split by idea");
}

fn is_long(text: &str) -> bool {
    text.lines().count() > LINES
}

#[test]
fn every_source_begins_by_saying_what_it_is_for() {
    assert_eq!(names(sources(), is_silent), Vec::<String>::new());
}

fn is_silent(text: &str) -> bool {
    !text.starts_with("//! ")
}

#[test]
fn a_long_source_and_a_silent_one_are_seen() {
    assert!(is_long(&"\n".repeat(LINES + 1)) && !is_long(&"\n".repeat(LINES)));
    assert!(is_silent("use std::fs;\n") && !is_silent("//! Reads files.\n"));
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

/// Returns the file itself and its `[[entries]]`, as far as they lack a reason.
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
    assert_eq!(names(data, lacks_comment), Vec::<String>::new());
}

fn lacks_comment(text: &str) -> bool {
    !text.starts_with("# ") || text.starts_with("# \n")
}

#[test]
fn a_recipe_without_a_comment_is_seen() {
    assert!(lacks_comment("family = \"debian\"\n") && lacks_comment("# \n"));
    assert!(!lacks_comment("# Debian 13.\n"));
}

#[test]
fn messages_have_one_word_for_a_directory() {
    let product = files(
        &["builder/src", "builder/lab/src", "builder/diskimg/src"],
        "rs",
    );
    let mut wrong = Vec::new();
    for (name, text) in product {
        let wordy = messages_with_another_word(&text).into_iter();
        wrong.extend(wordy.map(|it| format!("{name}: {it}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Returns the literals of a source that call a directory a folder.
fn messages_with_another_word(text: &str) -> Vec<String> {
    let mut literals = Vec::new();
    collect_literals(text.parse().unwrap(), &mut literals);
    literals.retain(|it| says_folder(it));
    literals
}

#[test]
fn another_word_for_a_directory_is_seen_in_messages_only() {
    let source = r#"
        /// "In the folder of the file" is a comment.
        fn f(folder: &Path) { say("writing into the folder {folder}"); say("in {folder}"); say("folder"); }
    "#;
    let seen = messages_with_another_word(source);
    assert_eq!(seen, [r#""writing into the folder {folder}""#]);
}

/// Collects the literals of a source, without those of attributes, which doc comments are.
fn collect_literals(tokens: TokenStream, found: &mut Vec<String>) {
    let mut is_attribute = false;
    for token in tokens {
        match token {
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            TokenTree::Group(group) if !is_attribute => collect_literals(group.stream(), found),
            TokenTree::Punct(mark) => {
                is_attribute = mark.as_char() == '#' || is_attribute && mark.as_char() == '!';
                continue;
            }
            TokenTree::Group(_) | TokenTree::Ident(_) => {}
        }
        is_attribute = false;
    }
}

/// Returns whether a text with several words, apart from names in braces, contains the other word for a directory.
fn says_folder(literal: &str) -> bool {
    let mut in_braces = false;
    let outside = literal.chars().map(|character| {
        in_braces = (in_braces || character == '{') && character != '}';
        if in_braces { ' ' } else { character }
    });
    let outside: String = outside.collect();
    let letters =
        |character: char| !character.is_ascii_alphanumeric() && !"-_./".contains(character);
    let mut words = outside.split(letters);
    literal.contains(' ') && words.any(|word| matches!(word, "folder" | "folders" | "Folder"))
}

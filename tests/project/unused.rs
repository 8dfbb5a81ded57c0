//! Checks that the product uses what it defines: the compiler does not look for users of what a crate exports.

use std::collections::BTreeMap;

use crate::support::source::{Source, files};

/// Functions that exist for tests alone: no other way shows how much memory the edits of several images share.
const FOR_TESTS: [&str; 1] = ["own_bytes"];

#[test]
fn everything_that_is_defined_is_used() {
    let is_test = |name: &str| {
        let endings = ["tests.rs", "mutated.rs"];
        name.contains("/tests/") || endings.iter().any(|ending| name.ends_with(ending))
    };
    let mut product = files(
        &[
            "builder/src",
            "builder/diskimg/src",
            "builder/lab/src",
            "builder/xtask/src",
        ],
        "rs",
    );
    product.retain(|(name, _)| !is_test(name));
    let mut unused = unused(&product);
    unused.retain(|name| !FOR_TESTS.contains(&name.as_str()));
    // The laboratory serves the tests as well.
    let tests = files(&["tests"], "rs");
    unused.retain(|name| !tests.iter().any(|(_, text)| text.contains(name.as_str())));
    assert_eq!(unused, Vec::<String>::new());
}

/// Returns the names of functions, types and constants that these sources only define. A name with several definitions
/// counts as used if it stands anywhere else.
fn unused(sources: &[(String, String)]) -> Vec<String> {
    let mut mentions: BTreeMap<String, usize> = BTreeMap::new();
    let mut definitions: BTreeMap<String, usize> = BTreeMap::new();
    for (_, text) in sources {
        let source = Source::parse(text);
        for word in source.words {
            *mentions.entry(word).or_default() += 1;
        }
        for name in source.definitions {
            *definitions.entry(name).or_default() += 1;
        }
    }
    let unused = definitions.iter().filter(|(name, count)| {
        // A program's entry, and constants that only assert something.
        !["main", "_"].contains(&name.as_str()) && mentions[*name] <= **count
    });
    unused.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_function_without_a_caller_is_seen() {
    let sources = [
        (
            "a.rs",
            "pub fn called() {} pub fn in_macro() {} pub fn lonely() {} pub struct Thing;",
        ),
        (
            "b.rs",
            "impl Thing { pub fn forgotten(&self) { called(); say!(in_macro()); } }
             impl Display for Thing { fn fmt(&self) {} }
             #[cfg(test)] mod tests { fn f() { lonely(); } }",
        ),
    ];
    let sources = sources.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(unused(&sources), ["forgotten", "lonely"]);
}

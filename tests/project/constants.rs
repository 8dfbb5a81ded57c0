//! Checks that a number which both this program and a node's program contain is the same in both.

use std::fs;
use std::path::Path;

/// The source and the name of a constant, and the node's program with the text that precedes the same number there.
const SHARED: [[&str; 4]; 3] = [
    [
        "builder/src/cluster/restore/begun/mod.rs",
        "RAISED_BY",
        "overlays/etcd/snapshot",
        "\nBUMP=",
    ],
    [
        "builder/src/cluster/restore/node.rs",
        "MOST_ASIDE",
        "overlays/etcd/join",
        "\nMOST=",
    ],
    [
        "builder/src/spec/machine.rs",
        "DATA_PARTITION",
        "overlays/appliance/data",
        "--partno ",
    ],
];

/// Returns the number that follows a text, without the underscores in it.
fn number_after(text: &str, before: &str) -> Option<u64> {
    let (_, rest) = text.split_once(before)?;
    let is_part = |letter: &char| letter.is_ascii_digit() || *letter == '_';
    let digits = rest.chars().take_while(is_part);
    digits
        .filter(|letter| *letter != '_')
        .collect::<String>()
        .parse()
        .ok()
}

/// Returns the value of a constant in a Rust source.
fn constant(source: &str, name: &str) -> Option<u64> {
    let (_, definition) = source.split_once(&format!("const {name}:"))?;
    number_after(definition, "= ")
}

#[test]
fn this_program_and_the_node_agree() {
    let read = |file: &str| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(top.join(file)).unwrap()
    };
    for [source, name, program, before] in SHARED {
        let here = constant(&read(source), name);
        assert!(here.is_some(), "{source} defines no number {name}");
        let there = number_after(&read(program), before);
        assert_eq!(here, there, "{name} of {source} and {program}");
    }
}

#[test]
fn numbers_are_read_with_and_without_underscores() {
    assert_eq!(
        constant("const A: u8 = 1;\nconst B: u64 = 1_000;", "B"),
        Some(1000)
    );
    assert_eq!(
        number_after("#!/bin/sh\nMOST=3    # sets", "\nMOST="),
        Some(3)
    );
    assert_eq!(number_after("MOST=$1", "MOST="), None);
    assert_eq!(constant("", "B"), None);
}

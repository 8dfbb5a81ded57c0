//! Checks that the node's programs in Python run with the oldest Python of all bases, that of Ubuntu Core 18.

use std::fs;
use std::path::Path;

use crate::support::tool::tool;

/// Placeholders of templates are expressions of Python as well: sets of sets.
const SCRIPT: &str = "
import ast, sys
for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as file:
        ast.parse(file.read(), path, feature_version=(3, 6))
    print(path.rpartition('/')[2])
";

#[test]
fn all_programs_have_the_grammar_of_python_3_6() {
    let overlays = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays");
    let mut programs = Vec::new();
    for overlay in fs::read_dir(overlays).unwrap() {
        let files = fs::read_dir(overlay.unwrap().path()).unwrap();
        programs.extend(files.map(|file| file.unwrap().path()).filter(|path| {
            path.is_file() && fs::read(path).unwrap().starts_with(b"#!/usr/bin/python3")
        }));
    }
    programs.sort();
    let programs: Vec<_> = programs.iter().map(|path| path.to_str().unwrap()).collect();
    let said = tool("python3", &[&["-c", SCRIPT], &programs[..]].concat()).done();
    assert_eq!(said.text(), "alone\nanswer\ns3\n");
}

#[test]
fn newer_grammar_is_noticed() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newer-grammar.py");
    fs::write(&path, "while part := read():\n    pass\n").unwrap();
    let said = tool("python3", &["-c", SCRIPT, path.to_str().unwrap()]);
    assert_ne!(said.code, Some(0));
}

//! Checks that what documents and messages name exists: files, headings, and commands with their options.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use etcd_image::cli::Args;

use crate::support::source::files;

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "CHANGELOG.md",
    "builder/ARCHITECTURE.md",
    "builder/SETTINGS.md",
    "images/README.md",
];

const NOTHING: [&str; 0] = [];

fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = DOCUMENTS.map(|name| root.join(name));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.map(read).into()
}

/// Returns the anchor of a heading, as GitHub forms it.
fn anchor(heading: &str) -> String {
    let letters = heading.to_lowercase();
    let kept = letters
        .chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter_map(|line| {
        let (marks, heading) = line.split_once(' ')?;
        (!marks.is_empty() && marks.chars().all(|it| it == '#')).then_some(heading)
    });
    wanted.is_empty() || headings.map(anchor).any(|found| found == wanted)
}

/// Returns the links of a document to files and headings that do not exist.
fn dead_links<'t>(document: &Path, text: &'t str) -> Vec<&'t str> {
    let links = text.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split(')').next());
    let is_dead = |link: &&str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        if path.is_empty() {
            return !has_anchor(text, heading);
        }
        let found = fs::read_to_string(document.with_file_name(path));
        !found.is_ok_and(|found| has_anchor(&found, heading))
    };
    let own = links.filter(|link| !link.starts_with("https://"));
    own.filter(is_dead).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for (path, text) in documents() {
        assert_eq!(dead_links(&path, &text), NOTHING, "{}", path.display());
    }
}

/// Returns the command in a line of code.
fn command_of(line: &str) -> Option<&str> {
    let code = line.strip_prefix("    ");
    let (before, command) = code.unwrap_or(line).split_once("etcd-image ")?;
    let in_code = ["sudo ", "-E ", "&& "];
    let begins = before.ends_with("$ ")
        || code.is_some() && (before.is_empty() || in_code.iter().any(|end| before.ends_with(end)));
    begins.then(|| without_shell(command))
}

/// Returns a command without what a shell does with it, and without a comment.
fn without_shell(command: &str) -> &str {
    let ends = [" #", " →", " &&", " |", " >"];
    let end = ends.iter().filter_map(|end| command.find(end)).min();
    command.get(..end.unwrap_or(command.len())).unwrap()
}

/// Returns the commands in the code of a text.
fn commands(text: &str) -> Vec<String> {
    let prose = text
        .split("\n\n")
        .filter(|paragraph| !paragraph.contains("```"));
    let inline = prose.flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    let inline = inline.filter_map(|code| code.strip_prefix("etcd-image "));
    let blocks = text.lines().filter_map(command_of);
    blocks.chain(inline).map(str::to_owned).collect()
}

/// Returns the commands that messages of a source name as a whole.
fn named_in(source: &str) -> Vec<String> {
    let rest = source.split("`etcd-image ").skip(1);
    let named = rest.filter_map(|rest| rest.split('`').next());
    let whole = named.filter(|command| !command.contains(['{', '"', '\n']));
    whole.map(|it| without_shell(it).to_owned()).collect()
}

/// Returns why the program refuses a command line, unless that is only incomplete, as in a sentence.
fn fault(command: &str) -> Option<String> {
    let words = std::iter::once("etcd-image").chain(command.split_whitespace());
    let error = Args::parse_line(words.map(OsString::from)).err()?;
    let is_short = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) || error.to_string().contains("but none was supplied");
    let is_general = command.ends_with(" SHELL");
    (!is_short && !is_general).then(|| format!("{command}: {error}"))
}

#[test]
fn every_command_of_a_document_or_a_message_is_one() {
    let mut all = Vec::new();
    for (_, text) in documents() {
        all.extend(commands(&text));
    }
    for (_, text) in files(&["builder/src"], "rs") {
        all.extend(named_in(&text));
    }
    assert!(all.len() > 100, "{all:#?}");
    let faults: Vec<_> = all.iter().filter_map(|command| fault(command)).collect();
    assert_eq!(faults, NOTHING);
}

#[test]
fn a_dead_link_and_a_wrong_option_are_seen() {
    let text = "# A b\n[a](#a-b) [b](#a) [c](none.md) [d](Cargo.toml) [e](README.md#limits) [f](README.md#limit)\n";
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("a.md");
    assert_eq!(
        dead_links(&document, text),
        ["#a", "none.md", "README.md#limit"]
    );
    let text = "Use `etcd-image plan --nodez 3`.\n\n    sudo etcd-image flash --lst    # disks\n    $ etcd-image cluster status\n";
    let found = commands(text);
    assert_eq!(
        found,
        ["flash --lst   ", "cluster status", "plan --nodez 3"]
    );
    let faults = found.iter().filter_map(|command| fault(command));
    assert_eq!(faults.count(), 2);
    let source = "\"run `etcd-image fetch`, or `etcd-image logs {node}`\"";
    assert_eq!(named_in(source), ["fetch"]);
}

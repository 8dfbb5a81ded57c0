//! `etcd-image init`: a cluster.toml that shows every setting.

use std::path::Path;

use super::nodes::MOST_NODES;
use super::section::{Given, Section, Setting};
use super::settings::SECTIONS;
use crate::cli;
use crate::failure::Kind;

const HEAD: &str = "\
#:schema ./cluster.schema.json
# An etcd cluster for etcd-image: one image per node. `etcd-image plan` checks this file, and
# `etcd-image schema > cluster.schema.json` lets editors complete it.
#
# Every setting is shown with its default. A line that begins with `#` and no space is an optional
# setting with an example. Options on the command line take precedence over this file.
";

/// Returns a commented `cluster.toml` for a number of nodes, equivalent to `--nodes` alone.
pub fn template(nodes: u32) -> String {
    let mut lines: Vec<String> = HEAD.lines().map(str::to_owned).collect();
    for section in SECTIONS {
        match section.path() {
            "node" => (0..nodes).for_each(|index| add_node(&mut lines, section, index)),
            _ => add_section(&mut lines, section),
        }
    }
    lines.join("\n") + "\n"
}

fn add_section(lines: &mut Vec<String>, section: &Section) {
    let given = || section.settings.iter().map(|setting| &setting.given);
    // A table is optional if it has a required setting or only optional ones.
    let optional = given().any(|given| matches!(given, Given::Required(_)))
        || given().all(|given| matches!(given, Given::Optional(_)));
    let switched_off = if optional { "#" } else { "" };
    lines.push(String::new());
    comment(lines, section.doc);
    lines.push(format!("{switched_off}{}", section.header));
    for setting in section.settings {
        comment(lines, &setting.description());
        lines.push(line(switched_off, setting, setting.given.toml()));
    }
}

/// Adds a node with its own name and address. Only the first one has comments.
fn add_node(lines: &mut Vec<String>, section: &Section, index: u32) {
    let explain = |lines: &mut Vec<String>, doc: &str| {
        if index == 0 {
            comment(lines, doc);
        }
    };
    lines.push(String::new());
    explain(lines, section.doc);
    lines.push(section.header.to_owned());
    for setting in section.settings {
        explain(lines, &setting.description());
        let value = match setting.name {
            "name" => format!("\"etcd{}\"", index + 1),
            "address" => format!("\"192.168.0.{}\"", index + 50),
            "previous-address" => format!("\"192.168.1.{}\"", index + 50),
            "replaces" => format!("\"old{}\"", index + 1),
            _ => setting.given.toml().to_owned(),
        };
        lines.push(line("", setting, &value));
    }
}

fn line(switched_off: &str, setting: &Setting, value: &str) -> String {
    let switched_off = match setting.given {
        Given::Optional(_) => "#",
        _ => switched_off,
    };
    format!("{switched_off}{} = {value}", setting.name)
}

/// Wraps the text into comments of at most 100 characters.
fn comment(lines: &mut Vec<String>, doc: &str) {
    let mut line = String::from("#");
    for word in doc.split_whitespace() {
        if line.chars().count() + word.chars().count() >= 100 {
            lines.push(std::mem::replace(&mut line, "#".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        lines.push(line);
    }
}

/// Writes the template to a file that must not exist yet.
pub fn init(config: &Path, nodes: u32) -> anyhow::Result<()> {
    if !(1..=MOST_NODES).contains(&nodes) {
        let message = format!("--nodes: give a number from 1 to {MOST_NODES}");
        return Err(Kind::Usage.error(message, "three is a good choice"));
    }
    cli::write_new(config, &template(nodes))
}

//! The files of the build: a running system sees them, and its programs can read their settings.

use anyhow::Result;

use super::Findings;
use super::tree::Tree;
use crate::description::NodeDescription;
use crate::inspect::Volume;

/// Directories over which a running system mounts something, or which it empties.
const HIDDEN: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/// Values of other languages than sh, which the programs would not recognize.
const FOREIGN_VALUES: [&str; 4] = ["True", "False", "None", "undefined"];

pub(super) fn check(
    node: &NodeDescription,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let files = node.files.iter();
    for file in files.filter(|file| file.partition == Volume::Root) {
        check_place(&file.path, root, findings)?;
        check_settings(&file.path, root, findings)?;
    }
    Ok(())
}

/// Checks that nothing hides the directory of a file.
fn check_place(path: &str, root: &mut Tree<'_>, findings: &mut Findings) -> Result<()> {
    let (directory, _) = path.rsplit_once('/').unwrap_or_default();
    let directory = root.destination(directory)?;
    let is_inside = |hidden: &str| {
        let rest = directory.strip_prefix(hidden);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(hidden) = HIDDEN.into_iter().find(|hidden| is_inside(hidden)) {
        findings.add(format!(
            "{path} is in {hidden}, whose content a running system does not keep"
        ));
    }
    Ok(())
}

/// Checks the settings at the top of a program in sh, `NAME=value`.
fn check_settings(path: &str, root: &mut Tree<'_>, findings: &mut Findings) -> Result<()> {
    let text = root.text(path)?.unwrap_or_default();
    if !text.starts_with("#!/bin/sh") {
        return Ok(());
    }
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let value = value.split_whitespace().next().unwrap_or_default();
        if is_name && FOREIGN_VALUES.contains(&value.trim_matches(['"', '\''])) {
            findings.add(format!("{path}: sh does not understand `{name}={value}`"));
        }
    }
    Ok(())
}

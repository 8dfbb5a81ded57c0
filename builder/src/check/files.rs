//! The files of the build: a running system sees them, and its programs can read their settings.

use anyhow::Result;

use super::system::NodeSystem;
use crate::inspect::Volume;

/// Directories over which a running system mounts something, or which it empties.
const HIDDEN: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/// Values of other languages than sh, which the programs would not recognize.
const FOREIGN_VALUES: [&str; 4] = ["True", "False", "None", "undefined"];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let files = node.files.iter();
    for file in files.filter(|file| file.partition == Volume::Root) {
        check_place(&file.path, system)?;
        check_settings(&file.path, system)?;
    }
    Ok(())
}

/// Checks that nothing hides the directory of a file.
fn check_place(path: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let (directory, _) = path.rsplit_once('/').unwrap_or_default();
    let directory = system.root.destination(directory)?;
    let is_inside = |hidden: &str| {
        let rest = directory.strip_prefix(hidden);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(hidden) = HIDDEN.into_iter().find(|hidden| is_inside(hidden)) {
        system.add(format!(
            "{path} is in {hidden}, whose content a running system does not keep"
        ));
    }
    Ok(())
}

/// Checks the settings at the top of a program in sh, `NAME=value`.
fn check_settings(path: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let text = system.root.text(path)?.unwrap_or_default();
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
            system.add(format!("{path}: sh does not understand `{name}={value}`"));
        }
    }
    Ok(())
}

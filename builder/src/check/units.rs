//! The units that a node relies on, as systemd finds them (systemd.unit(5)): present, started, not masked and not changed.

use anyhow::Result;

use super::Findings;
use super::accounts::Accounts;
use super::kernel::TARGETS;
use super::tree::Tree;
use crate::description::NodeDescription;

/// The directories of units that an image can hold, by precedence.
const FOLDERS: [&str; 6] = [
    "/etc/systemd/system.control",
    OWN_FOLDER,
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The directory of the units that a build writes.
const OWN_FOLDER: &str = "/etc/systemd/system";

/// The targets that every boot reaches.
const STARTED: [&str; 6] = [
    "multi-user",
    "graphical",
    "default",
    "sysinit",
    "basic",
    "sockets",
];

/// Directories whose content only a running system has.
const RUNTIME: [&str; 5] = ["/run/", "/proc/", "/sys/", "/dev/", "/tmp/"];

/// What systemd finds under the name of a unit.
enum Unit {
    Missing,
    /// The path that masks it.
    Masked(String),
    Found {
        path: String,
        text: String,
    },
}

pub(super) fn check(
    node: &NodeDescription,
    accounts: &Accounts,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    check_default(root, findings)?;
    for file in &node.files {
        let name = file
            .path
            .strip_prefix(OWN_FOLDER)
            .and_then(|it| it.strip_prefix('/'));
        let Some(name) = name
            .filter(|it| it.starts_with("etcd") && it.ends_with(".service") && !it.contains('/'))
        else {
            continue;
        };
        started(name, accounts, root, findings)?;
        check_own(name, node, root, findings)?;
    }
    if node
        .files
        .iter()
        .any(|file| file.path == "/etc/nftables.conf")
    {
        started("nftables.service", accounts, root, findings)?;
    }
    Ok(())
}

/// Checks that the boot leads to a target that starts the node's programs.
fn check_default(root: &mut Tree<'_>, findings: &mut Findings) -> Result<()> {
    for target in ["default.target", TARGETS[0]] {
        match find(target, root)? {
            Unit::Found { path, .. } => {
                let name = path.rsplit('/').next().unwrap_or_default();
                findings.expect(
                    TARGETS.contains(&name),
                    format!("the system starts {name}, which does not start the node's programs"),
                );
            }
            unit => refuse(target, &unit, findings),
        }
    }
    Ok(())
}

/// Checks that a unit of the build is the one that systemd uses, as the build wrote it.
fn check_own(
    name: &str,
    node: &NodeDescription,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let own = format!("{OWN_FOLDER}/{name}");
    if let Unit::Found { path, .. } = find(name, root)? {
        findings.expect(path == own, format!("{path} replaces {own}"));
    }
    for path in drop_ins(name, root)? {
        let is_ours = node.files.iter().any(|file| file.path == path);
        findings.expect(
            is_ours,
            format!("{path}, which the build did not write, changes {name}"),
        );
    }
    Ok(())
}

/// Checks that a boot starts the unit, and that the unit can start.
pub(super) fn started(
    name: &str,
    accounts: &Accounts,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    if !is_wanted(name, root)? {
        findings.add(format!("no target starts {name}"));
    }
    startable(name, accounts, root, findings)
}

/// Checks that a unit can start: its file, its programs, its users and what it requires.
pub(super) fn startable(
    name: &str,
    accounts: &Accounts,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let unit = find(name, root)?;
    let Unit::Found { mut text, .. } = unit else {
        refuse(name, &unit, findings);
        return Ok(());
    };
    for path in drop_ins(name, root)? {
        text.push('\n');
        text.push_str(&root.text(&path)?.unwrap_or_default());
    }
    for key in ["ExecStartPre", "ExecStart"] {
        for command in values(&text, key) {
            let is_optional = command.starts_with('-');
            let program = command
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_start_matches(['@', '+', '!', ':', '-', '|']);
            let is_plain = program.starts_with('/') && !program.contains(['%', '$']);
            if !is_optional && is_plain && !root.is_program(program)? {
                findings.add(format!("{name} starts {program}, which is not a program"));
            }
        }
    }
    if !values(&text, "DynamicUser")
        .last()
        .is_some_and(|it| is_true(it))
    {
        if let Some(user) = values(&text, "User").last() {
            findings.expect(
                accounts.has_user(user),
                format!("{name} runs as user `{user}`, whom /etc/passwd does not name"),
            );
        }
        if let Some(group) = values(&text, "Group").last() {
            findings.expect(
                accounts.has_group(group),
                format!("{name} runs as group `{group}`, which /etc/group does not name"),
            );
        }
    }
    check_conditions(name, &text, root, findings)?;
    let required = ["Requires", "BindsTo", "Requisite"]
        .into_iter()
        .flat_map(|key| values(&text, key));
    for other in required.flat_map(|list| list.split_whitespace()) {
        if other.ends_with(".service") && !other.contains(['@', '%']) {
            refuse(other, &find(other, root)?, findings);
        }
    }
    Ok(())
}

fn check_conditions(
    name: &str,
    text: &str,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let conditions = ["ConditionPathExists", "AssertPathExists"]
        .into_iter()
        .flat_map(|key| values(text, key));
    for condition in conditions {
        let (path, wanted) = match condition.strip_prefix('!') {
            Some(path) => (path, false),
            None => (condition, true),
        };
        let is_plain = path.starts_with('/')
            && !path.contains('%')
            && !RUNTIME.iter().any(|it| path.starts_with(it));
        if is_plain && root.exists(path)? != wanted {
            let state = if wanted { "does not exist" } else { "exists" };
            findings.add(format!("{name} does not start because {path} {state}"));
        }
    }
    Ok(())
}

/// Returns whether a target that every boot reaches starts the unit.
fn is_wanted(name: &str, root: &mut Tree<'_>) -> Result<bool> {
    for folder in FOLDERS {
        for target in STARTED {
            for kind in ["wants", "requires"] {
                let folder = format!("{folder}/{target}.target.{kind}");
                if root.names(&folder)?.iter().any(|it| it == name) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Returns whether a boot starts the unit, or would if nothing were wrong with it.
pub(super) fn is_enabled(name: &str, root: &mut Tree<'_>) -> Result<bool> {
    Ok(is_wanted(name, root)? && matches!(find(name, root)?, Unit::Found { .. }))
}

fn refuse(name: &str, unit: &Unit, findings: &mut Findings) {
    match unit {
        Unit::Missing => findings.add(format!("the image has no unit {name}")),
        Unit::Masked(path) => findings.add(format!("{path} masks {name}")),
        Unit::Found { .. } => {}
    }
}

fn find(name: &str, root: &mut Tree<'_>) -> Result<Unit> {
    for folder in FOLDERS {
        let path = format!("{folder}/{name}");
        if root
            .link(&path)?
            .is_some_and(|target| target == "/dev/null")
        {
            return Ok(Unit::Masked(path));
        }
        match root.resolve(&path)? {
            Some((_, found)) if found.size == 0 => return Ok(Unit::Masked(path)),
            Some((real, _)) => {
                let text = root.text(&real)?.unwrap_or_default();
                return Ok(Unit::Found { path: real, text });
            }
            None => {}
        }
    }
    Ok(Unit::Missing)
}

/// Returns the drop-ins of a unit by name; one hides those of the same name in later directories.
fn drop_ins(name: &str, root: &mut Tree<'_>) -> Result<Vec<String>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        let folder = format!("{folder}/{name}.d");
        for file in root.names(&folder)? {
            if file.strip_suffix(".conf").is_some()
                && !found.iter().any(|(known, _)| *known == file)
            {
                let path = format!("{folder}/{file}");
                found.push((file, path));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Returns the values of a key in all sections; an empty value removes the earlier ones.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let mut values = Vec::new();
    for line in text.lines() {
        let value = line
            .trim()
            .strip_prefix(key)
            .and_then(|it| it.trim_start().strip_prefix('='));
        match value.map(str::trim) {
            Some("") => values.clear(),
            Some(value) => values.push(value),
            None => {}
        }
    }
    values
}

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on"].contains(&value)
}

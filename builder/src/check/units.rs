//! The units that a node relies on: present, started, not masked and not changed.

use anyhow::Result;

use super::Findings;
use super::kernel::TARGETS;
use super::system::NodeSystem;
use super::tree::Tree;
use super::unit::{FOLDERS, OWN_FOLDER, Unit, drop_ins, find, values};
use crate::description::DescribedFile;

/// The targets that every boot reaches.
const STARTED: [&str; 7] = [
    "multi-user",
    "graphical",
    "default",
    "sysinit",
    "basic",
    "sockets",
    "timers",
];

/// The units that the overlays install, without their kinds.
const OWN: [&str; 5] = [
    "etcd",
    "etcd-backup",
    "etcd-node-data",
    "etcd-node-grow",
    "etcd-node-provision",
];

/// Units of the system without which no node works. A base that was made from the files of a container masks some of them.
const OF_SYSTEM: [&str; 4] = [
    "dbus.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
];

/// The service that removes what keeps everybody except root from logging in during the boot (`pam_nologin`(8)).
const SESSIONS: &str = "systemd-user-sessions.service";
const NOLOGIN: &str = "/run/nologin";

/// The time servers of the node, and the service that asks them.
const TIME_SERVERS: &str = "/etc/systemd/timesyncd.conf.d/etcd-node.conf";
const TIMESYNCD: &str = "systemd-timesyncd.service";

/// Directories whose content only a running system has.
const RUNTIME: [&str; 5] = ["/run/", "/proc/", "/sys/", "/dev/", "/tmp/"];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    check_default(system)?;
    for name in OF_SYSTEM {
        unmasked(name, system)?;
    }
    let sessions = find(SESSIONS, &mut system.root)?;
    if matches!(sessions, Unit::Masked(_)) && closes_logins(&mut system.root)? {
        refuse(SESSIONS, &sessions, system.findings);
    }
    let own: Vec<&str> = node.files.iter().filter_map(own_unit).collect();
    for name in &own {
        if has_timer(name, &own) {
            startable(name, system)?;
        } else {
            started(name, system)?;
        }
        check_own(name, system)?;
    }
    let has = |path: &str| node.files.iter().any(|file| file.path == path);
    if has("/etc/nftables.conf") {
        started("nftables.service", system)?;
    }
    if has(TIME_SERVERS) {
        let is_started = is_wanted(TIMESYNCD, &mut system.root)?;
        system.expect(
            is_started,
            format!("no target starts {TIMESYNCD}, which asks the node's time servers"),
        );
        unmasked(TIMESYNCD, system)?;
    }
    Ok(())
}

/// Returns whether systemd-tmpfiles(8) keeps everybody except root from logging in until the sessions are permitted.
fn closes_logins(root: &mut Tree<'_>) -> Result<bool> {
    let files = root.configuration("tmpfiles.d", ".conf")?;
    Ok(files.iter().any(|(_, text)| text.contains(NOLOGIN)))
}

/// Returns the name of a unit of the overlays.
fn own_unit(file: &DescribedFile) -> Option<&str> {
    let name = file.path.strip_prefix(OWN_FOLDER)?.strip_prefix('/')?;
    let (stem, kind) = name.rsplit_once('.')?;
    (OWN.contains(&stem) && matches!(kind, "service" | "timer")).then_some(name)
}

/// Returns whether a timer starts the service, instead of a target.
fn has_timer(name: &str, own: &[&str]) -> bool {
    let stem = name.strip_suffix(".service");
    stem.is_some_and(|stem| own.contains(&format!("{stem}.timer").as_str()))
}

/// Checks that the boot leads to a target that starts the node's programs.
fn check_default(system: &mut NodeSystem<'_>) -> Result<()> {
    for target in ["default.target", TARGETS[0]] {
        match find(target, &mut system.root)? {
            Unit::Found { path, .. } => {
                let name = path.rsplit('/').next().unwrap_or_default();
                system.expect(
                    TARGETS.contains(&name),
                    format!("the system starts {name}, which does not start the node's programs"),
                );
            }
            unit => refuse(target, &unit, system.findings),
        }
    }
    Ok(())
}

/// Checks that a unit of the build is the one that systemd uses, as the build wrote it.
fn check_own(name: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let own = format!("{OWN_FOLDER}/{name}");
    if let Unit::Found { path, .. } = find(name, &mut system.root)? {
        system.expect(path == own, format!("{path} replaces {own}"));
    }
    for path in drop_ins(name, &mut system.root)? {
        let is_ours = system.node.files.iter().any(|file| file.path == path);
        system.expect(
            is_ours,
            format!("{path}, which the build did not write, changes {name}"),
        );
    }
    Ok(())
}

/// Checks that a boot starts the unit, and that the unit can start.
pub(super) fn started(name: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    if !is_wanted(name, &mut system.root)? {
        system.add(format!(
            "no target starts {name}: a link to it in {OWN_FOLDER}/{}.wants is missing",
            TARGETS[0]
        ));
    }
    startable(name, system)
}

/// Checks that nothing masks a unit, which the image need not have.
pub(super) fn unmasked(name: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let unit = find(name, &mut system.root)?;
    if let Unit::Masked(_) = unit {
        refuse(name, &unit, system.findings);
    }
    Ok(())
}

/// Checks that a unit can start: its file, its programs, its users and what it requires.
pub(super) fn startable(name: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let unit = find(name, &mut system.root)?;
    let Unit::Found { mut text, .. } = unit else {
        refuse(name, &unit, system.findings);
        return Ok(());
    };
    for path in drop_ins(name, &mut system.root)? {
        text.push('\n');
        text.push_str(&system.root.text(&path)?.unwrap_or_default());
    }
    check_programs(name, &text, system)?;
    check_accounts(name, &text, system);
    check_conditions(name, &text, system)?;
    let required = ["Requires", "BindsTo", "Requisite"]
        .into_iter()
        .flat_map(|key| values(&text, key));
    for other in required.flat_map(|list| list.split_whitespace()) {
        if other.ends_with(".service") && !other.contains(['@', '%']) {
            refuse(other, &find(other, &mut system.root)?, system.findings);
        }
    }
    Ok(())
}

fn check_programs(name: &str, text: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    for key in ["ExecStartPre", "ExecStart"] {
        for command in values(text, key) {
            let is_optional = command.starts_with('-');
            let program = command
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_start_matches(['@', '+', '!', ':', '-', '|']);
            let is_plain = program.starts_with('/') && !program.contains(['%', '$']);
            if !is_optional && is_plain && !system.root.is_program(program)? {
                system.add(format!("{name} starts {program}, which is not a program"));
            }
        }
    }
    Ok(())
}

fn check_accounts(name: &str, text: &str, system: &mut NodeSystem<'_>) {
    if !values(text, "DynamicUser")
        .last()
        .is_some_and(|it| is_true(it))
    {
        if let Some(user) = values(text, "User").last() {
            system.expect(
                system.accounts.has_user(user),
                format!("{name} runs as user `{user}`, whom /etc/passwd does not name"),
            );
        }
        if let Some(group) = values(text, "Group").last() {
            system.expect(
                system.accounts.has_group(group),
                format!("{name} runs as group `{group}`, which /etc/group does not name"),
            );
        }
    }
}

fn check_conditions(name: &str, text: &str, system: &mut NodeSystem<'_>) -> Result<()> {
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
        if is_plain && system.root.exists(path)? != wanted {
            let state = if wanted { "does not exist" } else { "exists" };
            system.add(format!("{name} does not start because {path} {state}"));
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

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on"].contains(&value)
}

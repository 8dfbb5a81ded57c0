//! The settings of a unit file that define its commands, their times, and the reaction to their end.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A service as `init` runs it.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) pre: Vec<UnitCommand>,
    pub(super) main: Vec<String>,
    pub(super) post: Vec<UnitCommand>,
    pub(super) stop_post: Vec<UnitCommand>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) restart_after: Duration,
}

/// A command of a unit.
#[derive(Debug)]
pub(super) struct UnitCommand {
    pub(super) words: Vec<String>,
    /// Whether its failure is ignored (`-`).
    pub(super) may_fail: bool,
}

/// Settings that restrict or schedule processes without changing which commands run when.
const SANDBOX: &[&str] = &[
    "AmbientCapabilities",
    "BindReadOnlyPaths",
    "CapabilityBoundingSet",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "LimitMEMLOCK",
    "LimitNOFILE",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "MemoryHigh",
    "MemoryMax",
    "Nice",
    "NoNewPrivileges",
    "OOMScoreAdjust",
    "PrivateDevices",
    "PrivateTmp",
    "ProcSubset",
    "ReadWritePaths",
    "RemoveIPC",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "UMask",
    "User",
    "Group",
];

/// Settings that `init` assumes instead of reading them; another value would need code.
const FIXED: &[(&str, &str)] = &[
    ("Type", "notify"),
    ("TimeoutStartSec", "infinity"),
    ("StandardOutput", "journal+console"),
    ("StandardError", "journal"),
    ("RuntimeDirectory", "etcd"),
    ("RuntimeDirectoryMode", "0700"),
    ("RuntimeDirectoryPreserve", "yes"),
    ("Restart", "always"),
];

/// Reads the section `[Service]`. A setting that `init` does not support is an error, so that no scenario ignores one.
pub(super) fn parse(text: &str) -> Result<Service> {
    let mut unit = Service::default();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if section == "[Service]" && !line.starts_with('#') {
            setting(&mut unit, key, value)
                .with_context(|| format!("the unit's setting `{line}`"))?;
        }
    }
    Ok(unit)
}

fn setting(unit: &mut Service, key: &str, value: &str) -> Result<()> {
    match key {
        "ExecStartPre" => unit.pre.push(step(value)),
        "ExecStart" => unit.main = words(value),
        "ExecStartPost" => unit.post.push(step(value)),
        "ExecStopPost" => unit.stop_post.push(step(value)),
        "RestartSec" => unit.restart_after = Duration::from_secs(value.parse()?),
        "Environment" => {
            let (name, value) = value.split_once('=').context("no value")?;
            unit.environment.push((name.to_owned(), value.to_owned()));
        }
        _ if FIXED.contains(&(key, value)) || restricts(key) => (),
        _ => bail!("the laboratory does not know it"),
    }
    Ok(())
}

/// Returns whether a setting only restricts or schedules processes.
fn restricts(key: &str) -> bool {
    SANDBOX.contains(&key) || key.starts_with("Protect") || key.starts_with("Restrict")
}

fn step(value: &str) -> UnitCommand {
    let command = value.trim_start_matches(['-', '+', '!', ':', '@']);
    UnitCommand {
        words: words(command),
        may_fail: value[..value.len() - command.len()].contains('-'),
    }
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_cannot_be_obeyed_is_refused() {
        let unit = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\n";
        let error = format!("{:#}", parse(unit).unwrap_err());
        assert_eq!(
            error,
            "the unit's setting `Restart=on-failure`: the laboratory does not know it"
        );
    }

    #[test]
    fn the_commands_of_a_unit_are_read_in_their_order() {
        let unit =
            parse("[Service]\nExecStartPre=-/a b\nExecStart=/c\nExecStartPost=/d\nRestartSec=5\n");
        let unit = unit.unwrap();
        assert!(unit.pre[0].may_fail);
        assert_eq!(unit.pre[0].words, ["/a", "b"]);
        assert_eq!(unit.main, ["/c"]);
        assert!(!unit.post[0].may_fail);
        assert_eq!(unit.restart_after.as_secs(), 5);
    }
}

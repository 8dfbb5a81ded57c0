//! Checks inside a running node, made through ssh(1) as the operator would log in.

use std::time::Duration;

use anyhow::Result;
use lab::qemu::{Login, SshOutcome};
use serde::{Deserialize, Serialize};

use super::node::BootNode;
use super::retry;
use super::setup::Setup;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// The observation, or the reason why the check was skipped.
    pub seen: String,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// The check was not possible; never counts as passed.
    Skipped,
}

impl Check {
    fn new(name: &str, good: bool, seen: impl Into<String>) -> Self {
        let outcome = if good {
            CheckOutcome::Passed
        } else {
            CheckOutcome::Failed
        };
        let (name, seen) = (name.to_owned(), seen.into());
        Self {
            name,
            outcome,
            seen,
        }
    }

    fn skipped(name: &str, why: &str) -> Self {
        let (name, seen) = (name.to_owned(), why.to_owned());
        Self {
            name,
            outcome: CheckOutcome::Skipped,
            seen,
        }
    }
}

/// The names of the checks inside the node, in the order of [`PROBE`].
const INSIDE: [&str; 6] = [
    "host name",
    "address",
    "time",
    "failed units",
    "swap",
    "etcd's exposure",
];

/// How long to wait for a node's SSH server to accept or refuse a login.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(3);

/// The highest accepted exposure of etcd's unit in `systemd-analyze security`, out of 10.
const EXPOSURE: f64 = 2.0;

/// Prints one line per check, whatever fails in between, after everything has started.
const PROBE: &str = "timeout 120 systemctl is-system-running --wait >/dev/null 2>&1; \
    hostname; \
    ip -oneline address show scope global | awk '{print $4}' | paste -sd' '; \
    date +%s; \
    systemctl list-units --failed --plain --no-legend | awk '{print $1}' | paste -sd' '; \
    tail -n +2 /proc/swaps | awk '{print $1}' | paste -sd' '; \
    systemd-analyze security --no-pager etcd.service | sed -n 's/.*Overall exposure.*: \\([0-9.]*\\) .*/\\1/p'";

/// Runs all checks of one node.
pub(super) fn check(setup: &Setup, node: &BootNode) -> Result<Vec<Check>> {
    let keyless = run_until_decided(setup, node, Login::Nobody, "true")?;
    let mut checks = before_login(&keyless.stderr);
    let login = run_until_decided(setup, node, Login::Person, PROBE)?;
    checks.extend(after_login(setup, node, &login));
    Ok(checks)
}

/// Returns the checks of a user's login. It fails only if a key that the node authorizes does not work: otherwise the only
/// matching key may be in an agent, or not on this machine.
fn after_login(setup: &Setup, node: &BootNode, login: &SshOutcome) -> Vec<Check> {
    const KEY: &str = "user key";
    let must_log_in = setup.nodes_with_login.contains(&node.name);
    match (login.succeeded, must_log_in) {
        (true, _) => {
            let key = Check::new(KEY, true, format!("{} logs in", setup.user));
            [vec![key], inside(node, &login.stdout)].concat()
        }
        (false, true) => vec![Check::new(KEY, false, last_line(&login.stderr))],
        (false, false) => {
            let why = "none of your private keys can be used without a passphrase; name one with `--ssh-identity`, or add one to ssh-agent";
            let names = [KEY].into_iter().chain(INSIDE);
            names.map(|name| Check::skipped(name, why)).collect()
        }
    }
}

/// Returns the end of the node's journal, if the login works.
pub(super) fn journal(setup: &Setup, node: &BootNode) -> Option<String> {
    let command = "sudo journalctl --no-pager --boot --unit etcd --lines 20 --output cat";
    let said = setup.ssh().run(node.address, Login::Person, command).ok()?;
    said.succeeded.then_some(said.stdout)
}

/// Returns the checks of what a server shows a client without a key: its host key and the login methods.
fn before_login(text: &str) -> Vec<Check> {
    let methods = text
        .rsplit_once("Permission denied (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(methods, _)| methods);
    let Some(methods) = methods else {
        return vec![Check::new("host key", false, last_line(text))];
    };
    vec![
        Check::new("host key", true, "as in client/known_hosts"),
        Check::new(
            "keys only",
            methods == "publickey",
            format!("offers {methods}"),
        ),
    ]
}

/// Parses the output of [`PROBE`].
fn inside(node: &BootNode, out: &str) -> Vec<Check> {
    let mut lines = out.lines().map(str::trim);
    let mut next = || lines.next().unwrap_or("(nothing)");
    let [name, address, time, failed, swap, exposure] = std::array::from_fn(|_| next());
    let wanted = format!("{}/{}", node.address, node.prefix);
    let now: i64 = time.parse().unwrap_or(0);
    let clock = format!(
        "{now}, certificate valid {} to {}",
        node.valid.0, node.valid.1
    );
    let listed = |names: &str| match names {
        "" => "none".to_owned(),
        names => names.to_owned(),
    };
    vec![
        Check::new(INSIDE[0], name == node.name, name),
        Check::new(
            INSIDE[1],
            address.split(' ').any(|found| found == wanted),
            address,
        ),
        Check::new(
            INSIDE[2],
            (node.valid.0..node.valid.1).contains(&now),
            clock,
        ),
        Check::new(INSIDE[3], failed.is_empty(), listed(failed)),
        Check::new(INSIDE[4], swap.is_empty(), listed(swap)),
        Check::new(
            INSIDE[5],
            exposure.parse().is_ok_and(|level: f64| level <= EXPOSURE),
            format!("{exposure} of 10, at most {EXPOSURE}"),
        ),
    ]
}

fn last_line(text: &str) -> String {
    text.trim().lines().last().unwrap_or("no answer").to_owned()
}

/// Retries until the login works or is refused: etcd may start before sshd, and a busy node drops connections that it
/// handles too late.
fn run_until_decided(
    setup: &Setup,
    node: &BootNode,
    login: Login,
    command: &str,
) -> Result<SshOutcome> {
    let ssh = setup.ssh();
    let is_decided = |said: &Result<SshOutcome>| said.as_ref().map_or(true, SshOutcome::is_decided);
    retry::until(LOGIN_TIMEOUT, is_decided, || {
        ssh.run(node.address, login, command)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::node::tests::node;

    fn outcomes(checks: &[Check]) -> Vec<CheckOutcome> {
        checks.iter().map(|check| check.outcome).collect()
    }

    #[test]
    fn a_server_that_takes_keys_only_passes() {
        let checks = before_login("pi@192.168.0.50: Permission denied (publickey).\n");
        assert_eq!(
            outcomes(&checks),
            [CheckOutcome::Passed, CheckOutcome::Passed]
        );
    }

    #[test]
    fn a_server_that_takes_passwords_fails() {
        let checks = before_login("Permission denied (publickey,password).");
        assert_eq!(checks[1].outcome, CheckOutcome::Failed);
        assert_eq!(checks[1].seen, "offers publickey,password");
    }

    #[test]
    fn another_host_key_fails() {
        let checks = before_login("@@@@\nHost key verification failed.\n");
        assert_eq!(outcomes(&checks), [CheckOutcome::Failed]);
        assert_eq!(checks[0].seen, "Host key verification failed.");
    }

    /// Returns the outcomes of a failed login, depending on whether the node authorizes one of our keys.
    fn locked_out(known: bool) -> Vec<CheckOutcome> {
        let node = node("etcd1", "192.168.0.50/24");
        let mut setup = crate::boot::setup::tests::setup(node.clone());
        setup
            .nodes_with_login
            .extend(known.then(|| node.name.clone()));
        let login = SshOutcome {
            succeeded: false,
            stdout: String::new(),
            stderr: "pi@192.168.0.50: Permission denied (publickey).".to_owned(),
        };
        outcomes(&after_login(&setup, &node, &login))
    }

    #[test]
    fn a_known_key_that_does_not_open_is_a_fault() {
        assert_eq!(locked_out(true), [CheckOutcome::Failed]);
    }

    #[test]
    fn a_person_whose_keys_are_elsewhere_is_told_what_was_skipped() {
        assert_eq!(locked_out(false), [CheckOutcome::Skipped; 7]);
    }

    #[test]
    fn a_sound_node_passes_inside() {
        let node = BootNode {
            valid: (100, 200),
            ..node("etcd1", "192.168.0.50/24")
        };
        let checks = inside(&node, "etcd1\n192.168.0.50/24\n150\n\n\n1.5\n");
        assert!(
            checks
                .iter()
                .all(|check| check.outcome == CheckOutcome::Passed),
            "{checks:#?}"
        );
    }

    #[test]
    fn every_fault_is_found_by_its_own_check() {
        let node = BootNode {
            valid: (100, 200),
            ..node("etcd1", "192.168.0.50/24")
        };
        let faults = [
            "debian\n192.168.0.50/24\n150\n\n\n1.5\n",
            "etcd1\n192.168.0.5/24\n150\n\n\n1.5\n",
            "etcd1\n192.168.0.50/24\n99\n\n\n1.5\n",
            "etcd1\n192.168.0.50/24\n150\netcd.service\n\n1.5\n",
            "etcd1\n192.168.0.50/24\n150\n\n/swap\n1.5\n",
            "etcd1\n192.168.0.50/24\n150\n\n\n9.6\n",
        ];
        for (number, out) in faults.iter().enumerate() {
            let found = inside(&node, out);
            let failed: Vec<_> = (0..found.len())
                .filter(|n| found[*n].outcome == CheckOutcome::Failed)
                .collect();
            assert_eq!(failed, [number], "{found:#?}");
        }
        assert!(
            inside(&node, "")
                .iter()
                .take(3)
                .all(|check| check.outcome == CheckOutcome::Failed)
        );
    }
}

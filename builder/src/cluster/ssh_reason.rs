//! Why a command over ssh has failed, and the next step.

use std::process::ExitStatus;

use crate::failure::Kind;

/// The reason of a host key that another machine has, or another image.
const OTHER_HOST_KEY: &str = "its host key is not the one in known_hosts";

/// The reason of a command whose node has stopped answering, about which ssh says nothing.
const LOST: &str = "the node has stopped answering";

/// The beginning of the reason of a command that took too long.
pub(super) const TOO_LATE: &str = "it did not end within";

/// The next step for a node that cannot be reached.
pub(super) const UNREACHABLE: &str = "check its power and network";

/// Returns the failure of a login before anything was restarted.
pub(super) fn no_login(name: &str, reason: &str) -> anyhow::Error {
    Kind::Unhealthy.error(format!("logging in on {name}: {reason}"), hint(reason))
}

/// Returns the next step after a command on a node has failed for this reason.
pub(super) fn hint(reason: &str) -> &'static str {
    let says = |words: &str| reason.contains(words);
    if reason == OTHER_HOST_KEY {
        "name the state directory with which the node's image was built; if it is this one, another machine answers at the \
         node's address"
    } else if says(TOO_LATE) || reason == LOST {
        "check its power and network, or give a slow node more time with `--ssh-timeout`"
    } else if says("Permission denied") {
        "log in with a key of [ssh] in the node's image; --ssh-identity names it"
    } else if says("`ssh` is not installed") {
        "install the OpenSSH client on this machine"
    } else if says("sudo:") {
        "make sudo work without a password for the login user of the node"
    } else if says("No space left on device") || says("no space left on device") {
        "make room on its data partition: delete what nobody needs in aside/ and backups/ beside its data"
    } else if says("the state directory is an older copy") {
        "name the newest state directory of this cluster with `--state`"
    } else if says("by this node's CA and clock") {
        "compare the clock of the node with that of this machine (`etcd-image cluster status` shows the difference)"
    } else if says("its image is too old for this")
        || says("its names are not those of this node's image")
    {
        "build the image of the node again and flash it"
    } else if says("it has received its certificates") {
        "`etcd-image cluster logs NODE` shows what its etcd waits for"
    } else {
        UNREACHABLE
    }
}

/// Returns the line of ssh's messages that names the reason why it ended with this status.
pub(super) fn reason(status: ExitStatus, errors: &str) -> String {
    /// The exit status of ssh itself.
    const OF_SSH: i32 = 255;
    let changed = "Host key verification failed.";
    if errors.lines().any(|line| line == changed) {
        return OTHER_HOST_KEY.to_owned();
    }
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => line.trim().escape_debug().to_string(),
        None if status.code() == Some(OF_SSH) => LOST.to_owned(),
        None => "its command gave no reason".to_owned(),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "starts a shell for an exit status"
)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_last_line_of_ssh_names_the_reason() {
        let ended = |code: &str| {
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("exit {code}")]).status().unwrap()
        };
        let reason = |errors: &str| reason(ended("255"), errors);
        let refused = "pi@192.168.0.50: Permission denied (publickey).\r\n";
        assert_eq!(
            reason(refused),
            "pi@192.168.0.50: Permission denied (publickey)."
        );
        let changed = "@@@\nOffending key in /x:1\nHost key verification failed.\n";
        assert_eq!(
            reason(changed),
            "its host key is not the one in known_hosts"
        );
        assert_eq!(reason(""), LOST);
        assert_eq!(super::reason(ended("1"), ""), "its command gave no reason");
    }

    #[test]
    fn the_next_step_fits_the_reason() {
        for (reason, words) in [
            (OTHER_HOST_KEY, "another machine answers"),
            (
                "pi@192.168.0.50: Permission denied (publickey).",
                "--ssh-identity names it",
            ),
            ("it did not end within 30 s", "--ssh-timeout"),
            (LOST, "--ssh-timeout"),
            ("`ssh` is not installed", "install the OpenSSH client"),
            ("sudo: a password is required", "make sudo work"),
            (
                "cat: write error: No space left on device",
                "make room on its data partition",
            ),
            (
                "this node refuses the server certificate: it is not valid here, by this node's CA and clock (2026-11-27 10:00 UTC)",
                "compare the clock of the node",
            ),
            (
                "this node refuses the peer certificate: its names are not those of this node's image",
                "build the image of the node again",
            ),
            (
                "its image is too old for this: build and flash it once",
                "build the image of the node again",
            ),
            (
                "it has received its certificates, but etcd does not serve clients: no answer within 5 s",
                "`etcd-image cluster logs NODE`",
            ),
            (
                "ssh: connect to host 192.168.0.50 port 22: No route to host",
                "check its power",
            ),
        ] {
            assert!(hint(reason).contains(words), "{reason}");
        }
    }
}

//! Access to a node through ssh(1), as its administrator.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::program::SSH;

/// Messages of ssh(1) after which a retry would not help.
const REFUSALS: [&str; 2] = ["Permission denied", "Host key verification failed"];

/// How to reach the nodes of one cluster.
#[derive(Debug)]
pub struct Ssh {
    /// The file with their host keys.
    pub known_hosts: PathBuf,
    /// The user name for the login.
    pub user: String,
    /// Private keys to try, in addition to the agent's.
    pub identities: Vec<PathBuf>,
}

/// The identity used to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// A client without a key.
    Nobody,
    /// The user, with agent and keys.
    Person,
}

/// The result of a command run through ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshOutcome {
    /// Whether the command ran and succeeded.
    pub succeeded: bool,
    /// The command's standard output.
    pub stdout: String,
    /// Standard error, of the command and of ssh.
    pub stderr: String,
}

impl SshOutcome {
    /// Returns whether a retry would give the same result: access was granted or refused.
    pub fn is_decided(&self) -> bool {
        self.succeeded || REFUSALS.iter().any(|words| self.stderr.contains(words))
    }
}

impl Ssh {
    /// Runs a command on a node, with one attempt.
    pub fn run(&self, address: IpAddr, login: Login, command: &str) -> Result<SshOutcome> {
        let mut words = options(&self.known_hosts, login);
        if login == Login::Person {
            let keys = self.identities.iter();
            words.extend(keys.flat_map(|key| ["-i".into(), key.into()]));
        }
        let person = format!("{}@{address}", self.user);
        words.extend([person, "--".to_owned(), command.to_owned()].map(OsString::from));
        let output = SSH.output(&words)?;
        Ok(SshOutcome {
            succeeded: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Returns the options of ssh, which ignore the user's configuration, use only the files of `build`, and disable all prompts.
fn options(hosts: &Path, login: Login) -> Vec<OsString> {
    let mut known_hosts = OsString::from("UserKnownHostsFile=\"");
    known_hosts.push(hosts);
    known_hosts.push("\"");
    let methods = match login {
        Login::Nobody => "PreferredAuthentications=none",
        Login::Person => "PreferredAuthentications=publickey",
    };
    let mut words: Vec<OsString> = vec!["-F".into(), "none".into(), "-o".into(), known_hosts];
    let fixed = [
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        "ConnectTimeout=30",
        // Without these options, a node that freezes would block this process indefinitely.
        "ServerAliveInterval=15",
        "ServerAliveCountMax=8",
        "LogLevel=ERROR",
        methods,
    ];
    words.extend(fixed.iter().flat_map(|option| ["-o".into(), option.into()]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_or_a_login_is_a_decision() {
        let said = |succeeded, stderr: &str| SshOutcome {
            succeeded,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        assert!(said(true, "").is_decided());
        assert!(said(false, "Host key verification failed.").is_decided());
        assert!(said(false, "pi@192.168.0.50: Permission denied (publickey).").is_decided());
        let late = "Connection timed out during banner exchange";
        assert!(!said(false, late).is_decided());
    }
}

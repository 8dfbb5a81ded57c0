//! A node from inside, through ssh(1), as the person who will look after it.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::program::SSH;

/// What ssh(1) says when asking again would not help.
const REFUSALS: [&str; 2] = ["Permission denied", "Host key verification failed"];

/// How to reach the nodes of one cluster.
#[derive(Debug)]
pub struct Ssh {
    /// The file with their host keys.
    pub known_hosts: PathBuf,
    /// Who logs in.
    pub user: String,
    /// Private keys to try, besides those of the agent.
    pub identities: Vec<PathBuf>,
}

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// A stranger without a key.
    Nobody,
    /// The person, with agent and keys.
    Person,
}

/// What ssh said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether the command was run and succeeded.
    pub done: bool,
    /// The command's standard output.
    pub out: String,
    /// Standard error, of the command and of ssh.
    pub text: String,
}

impl Said {
    /// Whether asking again would bring the same: we were let in, or refused.
    pub fn is_decided(&self) -> bool {
        self.done || REFUSALS.iter().any(|words| self.text.contains(words))
    }
}

impl Ssh {
    /// Runs a command on a node; one attempt.
    pub fn run(&self, address: IpAddr, login: Login, command: &str) -> Result<Said> {
        let mut words = options(&self.known_hosts, login);
        if login == Login::Person {
            let keys = self.identities.iter();
            words.extend(keys.flat_map(|key| ["-i".into(), key.into()]));
        }
        let person = format!("{}@{address}", self.user);
        words.extend([person, "--".to_owned(), command.to_owned()].map(OsString::from));
        let output = SSH.output(&words)?;
        Ok(Said {
            done: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            text: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Nothing of the person's configuration counts, only what `build` wrote; nothing is asked.
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
        // A node that freezes does not hold us for ever.
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
        let said = |done, text: &str| Said {
            done,
            out: String::new(),
            text: text.to_owned(),
        };
        assert!(said(true, "").is_decided());
        assert!(said(false, "Host key verification failed.").is_decided());
        assert!(said(false, "pi@192.168.0.50: Permission denied (publickey).").is_decided());
        let late = "Connection timed out during banner exchange";
        assert!(!said(false, late).is_decided());
    }
}

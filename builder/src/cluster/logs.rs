//! Reads the messages of a node over ssh.

use std::num::NonZeroU32;

use anyhow::Result;
use serde::Serialize;

use super::access::Access;
use super::ssh_reason;
use crate::failure::Kind;
use crate::printable::printable;

/// Which messages to read.
#[derive(Clone, Copy, Debug)]
pub struct LogScope {
    /// The number of newest lines.
    pub lines: NonZeroU32,
    /// Whether to wait for new ones until this process is stopped.
    pub follow: bool,
    /// Whether to read the messages of the whole system, not only those of etcd.
    pub everything: bool,
}

/// The messages of a node. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Logs {
    /// Version of this format.
    pub format: u32,
    /// Node name.
    pub node: String,
    /// The lines, the oldest first, with control characters escaped.
    pub lines: Vec<String>,
}

/// Passes every line of a node's messages on, with control characters escaped.
pub fn logs(
    access: &Access,
    node: &str,
    scope: LogScope,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let address = access.node(node)?.address;
    let command = scope.command();
    let read = access
        .ssh
        .follow(address, &command, |line| each(&printable(line)))?;
    read.map_err(|reason| {
        let hint = ssh_reason::hint(&reason);
        Kind::Unhealthy.error(format!("reading the messages of {node}: {reason}"), hint)
    })
}

/// Reads the messages of a node as one value.
pub fn all_logs(access: &Access, node: &str, scope: LogScope) -> Result<Logs> {
    let mut lines = Vec::new();
    logs(access, node, scope, |line| {
        lines.push(line.to_owned());
        Ok(())
    })?;
    Ok(Logs {
        format: 1,
        node: node.to_owned(),
        lines,
    })
}

impl LogScope {
    /// Returns the command on the node. Its user needs sudo to read the messages of others.
    fn command(self) -> String {
        let mut words = vec!["sudo -n journalctl --no-pager --quiet --output=short-iso".to_owned()];
        words.push(format!("--lines={}", self.lines));
        if !self.everything {
            words.push("--unit=etcd --unit=etcd-node-data --unit=etcd-node-grow".to_owned());
        }
        if self.follow {
            words.push("--follow".to_owned());
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_asks_for_what_was_wanted() {
        let lines = NonZeroU32::new(5).unwrap();
        let scope = LogScope {
            lines,
            follow: false,
            everything: false,
        };
        let begin = "sudo -n journalctl --no-pager --quiet --output=short-iso --lines=5";
        assert_eq!(
            scope.command(),
            format!("{begin} --unit=etcd --unit=etcd-node-data --unit=etcd-node-grow")
        );
        let scope = LogScope {
            lines,
            follow: true,
            everything: true,
        };
        assert_eq!(scope.command(), format!("{begin} --follow"));
    }
}

//! The etcd that a node has received over ssh (`overlays/etcd/programs`).

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::access::Access;
use super::{node_program, ssh_reason};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::fetch::EtcdBinaries;
use crate::shared_bytes::SharedBytes;

/// How long a node may take to write a program to a slow card after it has received it.
const WRITE: Duration = Duration::from_mins(10);
/// How long it may take for everything else.
const ANSWER: Duration = Duration::from_mins(1);

/// The MiB that stay free for etcd's logs.
const LOGS: u64 = 200;

/// The facts that a node reports about its etcd.
#[derive(Debug, Default, PartialEq)]
pub(super) struct NodeEtcd {
    /// MiB on the data partition.
    free: u64,
    /// The version of the C library.
    glibc: Option<(u32, u32)>,
    /// The SHA-256 of the server that it has received last.
    sha256: Option<String>,
    /// The SHA-256 of the server that runs. Older images do not report it.
    running: Option<String>,
    /// Why it does not run what it has received last.
    pub(super) failed: Option<String>,
    /// The error of etcd, which is not ready.
    pub(super) error: Option<String>,
}

/// Asks a node about its etcd.
pub(super) fn ask(access: &Access, member: &DescribedMember) -> Result<NodeEtcd> {
    let lines = run(access, member, "list", &[]).map_err(|reason| {
        let message = format!("asking {} about its etcd: {reason}", member.name);
        let hint = format!("nothing was changed on it; {}", ssh_reason::hint(&reason));
        Kind::Unhealthy.error(message, hint)
    })?;
    Ok(parse(&lines))
}

/// Sends the programs to a node, which uses them from the next start of etcd. An interrupted transfer leaves nothing behind.
pub(super) fn give(access: &Access, member: &DescribedMember, etcd: &EtcdBinaries) -> Result<()> {
    let failure = |what: &str| {
        let message = format!("{what} {}", member.name);
        move |reason: String| {
            let step = ssh_reason::hint(&reason);
            let hint = format!("the running etcd is unchanged; {step}, then run the command again");
            Kind::Unhealthy.error(format!("{message}: {reason}"), hint)
        }
    };
    for (name, program) in programs(etcd) {
        let words = format!("take {name} {}", program.sha256());
        run(access, member, &words, program).map_err(failure("sending etcd's programs to"))?;
    }
    let words = format!("use {}", etcd.version);
    run(access, member, &words, &[]).map_err(failure("changing etcd on"))?;
    Ok(())
}

/// Returns the programs in the order in which a node takes them.
fn programs(etcd: &EtcdBinaries) -> impl Iterator<Item = (&'static str, &SharedBytes)> {
    let all = [
        ("etcd", Some(&etcd.etcd)),
        ("etcdctl", Some(&etcd.etcdctl)),
        ("etcdutl", etcd.etcdutl.as_ref()),
    ];
    all.into_iter()
        .filter_map(|(name, program)| Some((name, program?)))
}

/// Runs the node's own program.
fn run(
    access: &Access,
    member: &DescribedMember,
    words: &str,
    input: &[u8],
) -> Result<Vec<String>, String> {
    let command = node_program::command("programs", words);
    let limit = if input.is_empty() { ANSWER } else { WRITE };
    let said = access
        .ssh
        .run_within(member.address, &command, input, limit)?;
    Ok(said.lines)
}

impl NodeEtcd {
    /// Returns whether the node has received these programs and has not given them up.
    pub(super) fn has(&self, etcd: &EtcdBinaries) -> bool {
        self.sha256.as_deref() == Some(etcd.etcd.sha256())
    }

    /// Returns whether another server than this one runs, even if its version is the same.
    pub(super) fn runs_another(&self, etcd: &EtcdBinaries) -> bool {
        let running = self.running.as_deref();
        running.is_some_and(|sha256| sha256 != etcd.etcd.sha256())
    }

    /// Refuses a node on which these programs would not run.
    pub(super) fn check(&self, name: &str, etcd: &EtcdBinaries) -> Result<()> {
        let context = || format!("{name} cannot run etcd {}", etcd.version);
        if let Some(libc) = etcd.libc.as_ref().filter(|_| self.glibc.is_some()) {
            libc.check(self.glibc).with_context(context)?;
        }
        let bytes: usize = programs(etcd).map(|(_, program)| program.len()).sum();
        let needed = (u64::try_from(bytes).unwrap_or(u64::MAX) >> 20).saturating_add(LOGS);
        if self.free >= needed || self.has(etcd) {
            return Ok(());
        }
        let message = format!(
            "{}: its data partition has {} MiB free, and {needed} MiB are needed",
            context(),
            self.free
        );
        let hint =
            "delete what nobody needs in aside/ and backups/ beside its data; nothing was changed";
        Err(Kind::Unhealthy.error(message, hint))
    }
}

fn parse(lines: &[String]) -> NodeEtcd {
    let value = |name: &str| {
        let mut values = lines.iter().filter_map(|line| line.split_once('='));
        let found = values.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim().escape_debug().to_string())
    };
    let pair = |text: String| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let free: Option<u64> = value("free").and_then(|text| text.parse().ok());
    NodeEtcd {
        free: free.unwrap_or_default() >> 10,
        glibc: value("glibc").and_then(pair),
        sha256: value("current"),
        running: value("running"),
        failed: value("failed"),
        error: value("error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{EtcdOrigin, LockedEtcd};

    /// Returns an etcd of 2 MiB.
    fn etcd() -> EtcdBinaries {
        let version = "3.5.16".to_owned();
        EtcdBinaries {
            version: version.clone(),
            etcd: vec![1; 1 << 20].into(),
            etcdctl: vec![2; 1 << 20].into(),
            etcdutl: None,
            source: String::new(),
            sha256: String::new(),
            libc: None,
            learned: None,
            locked: LockedEtcd {
                origin: EtcdOrigin::Local,
                version,
                url: None,
                sha256: String::new(),
                packages: Vec::new(),
                files: Vec::new(),
            },
        }
    }

    #[test]
    fn a_node_without_room_is_named_unless_it_has_the_programs() {
        let with = |free| NodeEtcd {
            free,
            ..NodeEtcd::default()
        };
        with(202).check("etcd1", &etcd()).unwrap();
        let error = with(201).check("etcd1", &etcd()).unwrap_err();
        let wanted = "etcd1 cannot run etcd 3.5.16: its data partition has 201 MiB free, and 202 MiB are needed";
        assert_eq!(error.to_string(), wanted);
        let received = NodeEtcd {
            sha256: Some(etcd().etcd.sha256().to_owned()),
            ..with(0)
        };
        received.check("etcd1", &etcd()).unwrap();
    }

    /// Debian builds a release again with the same version.
    #[test]
    fn another_build_of_the_same_version_is_another_etcd() {
        let running = |sha256: Option<&str>| NodeEtcd {
            running: sha256.map(str::to_owned),
            ..NodeEtcd::default()
        };
        assert!(running(Some("ab")).runs_another(&etcd()));
        assert!(!running(Some(etcd().etcd.sha256())).runs_another(&etcd()));
        // An older image does not report it, and its version has to do.
        assert!(!running(None).runs_another(&etcd()));
    }

    #[test]
    fn a_node_s_facts_are_read() {
        let lines = [
            "free=921600",
            "glibc=2.36",
            "current=ab",
            "running=cd",
            "failed=etcd 3.5.17 did not become ready in 3 starts: x=\u{1b}y",
            "error=",
        ];
        let wanted = NodeEtcd {
            free: 900,
            glibc: Some((2, 36)),
            sha256: Some("ab".to_owned()),
            running: Some("cd".to_owned()),
            failed: Some("etcd 3.5.17 did not become ready in 3 starts: x=\\u{1b}y".to_owned()),
            error: Some(String::new()),
        };
        assert_eq!(parse(&lines.map(str::to_owned)), wanted);
        assert_eq!(parse(&[]), NodeEtcd::default());
    }
}

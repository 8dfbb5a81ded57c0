//! What a node answers to its program `restore` (`overlays/etcd/restore`), and whether it can begin with a snapshot.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use super::super::access::Access;
use super::super::{node_program, ssh_reason};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::snapshot::Snapshot;

/// The MiB that a node needs besides the snapshot and its copy: for etcd's logs.
const LOGS: u64 = 200;
/// The sets of data that a node keeps at most (`MOST` of `overlays/etcd/join`).
const MOST_ASIDE: u64 = 3;

/// The facts that a node reports.
#[derive(Debug, Default, PartialEq)]
pub(super) struct NodeFacts {
    /// MiB on the data partition.
    pub(super) free: u64,
    /// MiB of the snapshot that it has received, which the next one replaces. Older images do not report it.
    pub(super) replaced: u64,
    pub(super) aside: u64,
    pub(super) etcd: String,
    pub(super) raises: bool,
    /// Whether it skips as many revisions as a vow says. Older images always skip as many as the first time.
    pub(super) raises_any: bool,
    /// The digest of the snapshot that it has received.
    pub(super) sha256: Option<String>,
    /// The new cluster that it would begin at the next start of etcd.
    pub(super) wanted: Option<String>,
    /// The members of that cluster, as etcd reads them: `NAME=URL,…`.
    pub(super) members: Option<String>,
    /// The other members that it saw last: `NAME=URL,…`. Older images do not report them.
    pub(super) others: Option<String>,
    /// The node as a member: `NAME=URL`. Older images do not report it.
    pub(super) url: Option<String>,
    /// The restore with which its data began.
    pub(super) restored: Option<Restored>,
}

/// A restore that a node has completed.
#[derive(Debug, PartialEq)]
pub(super) struct Restored {
    /// The digest of the snapshot.
    pub(super) sha256: String,
    /// What distinguishes the cluster that it began.
    pub(super) vow: String,
    /// When, in seconds since 1970 by the clock of the node.
    pub(super) time: i64,
    /// The members with which it began: `NAME=URL,…`. Older images do not report them.
    pub(super) members: Option<String>,
}

impl Restored {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let sha256 = words.next().filter(|text| is_hexadecimal(text, 64))?;
        let vow = words.next().filter(|text| is_vow(text))?;
        let time = words.next()?.parse().ok()?;
        let members = words.next().filter(|text| is_list(text));
        Some(Self {
            sha256: sha256.to_owned(),
            vow: vow.to_owned(),
            time,
            members: members.map(str::to_owned),
        })
    }
}

/// Refuses a node that could not begin with the snapshot. Free space is not checked on a node that is prepared for this vow, because
/// the restore may already occupy it.
pub(super) fn check(name: &str, facts: &NodeFacts, snapshot: &Snapshot, vow: &str) -> Result<()> {
    let series = |text: &str| -> Option<(u32, u32)> {
        let mut numbers = text.split('.').map(|part| part.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    let refuse = |why: String, hint: &str| {
        let message = format!("{name} cannot restore the snapshot: {why}");
        Err(Kind::Unhealthy.error(message, format!("{hint}; nothing was changed")))
    };
    if let Some(version) = &snapshot.version
        && series(version) > series(&facts.etcd)
    {
        let why = format!("it is of etcd {version}, and the node has {}", facts.etcd);
        return refuse(why, "flash images with the newer etcd first");
    }
    if !facts.raises {
        let why = format!("etcdutl of etcd {} cannot raise revisions", facts.etcd);
        return refuse(why, "flash images with a newer etcd first");
    }
    if is_repeated(vow) && !facts.raises_any {
        let why = "its image is too old for a cluster that was restored before".to_owned();
        return refuse(why, "build its image again and flash it");
    }
    let is_prepared = facts.wanted.as_deref() == Some(vow);
    if facts.aside >= MOST_ASIDE && !is_prepared {
        let why = format!("it has set aside {} sets of data already", facts.aside);
        return refuse(why, "delete what nobody needs in aside/ beside its data");
    }
    let (copies, free) = match facts.sha256.as_ref() == Some(&snapshot.sha256) {
        true => (1, facts.free),
        false => (2, facts.free.saturating_add(facts.replaced)),
    };
    let size = u64::try_from(snapshot.bytes.reveal().len()).unwrap_or(u64::MAX) >> 20;
    let needed = size.saturating_mul(copies).saturating_add(LOGS);
    if free < needed && !is_prepared {
        let why = format!("its data partition has {free} MiB free, and {needed} MiB are needed");
        return refuse(why, "delete what nobody needs in aside/ beside its data");
    }
    Ok(())
}

/// Runs the node's own program; the error names the step.
pub(super) fn ask(
    access: &Access,
    member: &DescribedMember,
    words: &str,
    input: &[u8],
    limit: Duration,
) -> Result<Vec<String>> {
    let command = node_program::command("restore", words);
    let address: IpAddr = member.address;
    let said = access.ssh.run_within(address, &command, input, limit);
    let said = said.map_err(|reason| {
        let step = words.split(' ').next().unwrap_or_default();
        let what = match step {
            "facts" => "asking",
            "take" => "sending the snapshot to",
            "stop" => "stopping etcd on",
            "want" => "preparing",
            _ => "starting etcd on",
        };
        let hint = match step {
            "facts" | "take" => format!("nothing was changed; {}", ssh_reason::hint(&reason)),
            "stop" => format!(
                "run the command again, which continues; {}",
                ssh_reason::hint(&reason)
            ),
            "want" => format!(
                "etcd is stopped, and its data is unchanged until it starts; run the command again, which continues; {}",
                ssh_reason::hint(&reason)
            ),
            _ => format!(
                "etcd is stopped there, and the others begin with the snapshot; run the command again without `--again`, which \
                 continues; {}",
                ssh_reason::hint(&reason)
            ),
        };
        Kind::Unhealthy.error(format!("{what} {}: {reason}", member.name), hint)
    })?;
    Ok(said.lines)
}

pub(super) fn parse(lines: &[String]) -> NodeFacts {
    let value = |name: &str| {
        let mut values = lines.iter().filter_map(|line| line.split_once('='));
        let found = values.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim().escape_debug().to_string())
    };
    // They become words of a command for all nodes.
    let digits = |name, count| value(name).filter(|text| is_hexadecimal(text, count));
    let urls = |name| value(name).filter(|text| is_list(text));
    let number = |name| -> Option<u64> { value(name).and_then(|text| text.parse().ok()) };
    NodeFacts {
        free: number("free").unwrap_or_default() >> 10,
        replaced: number("replaced").unwrap_or_default() >> 10,
        aside: number("aside").unwrap_or_default(),
        etcd: value("etcd").unwrap_or_default(),
        raises: value("raises").is_some(),
        raises_any: value("raises").as_deref() == Some("any"),
        sha256: digits("sha256", 64),
        wanted: value("wanted").filter(|text| is_vow(text)),
        members: urls("members"),
        others: urls("others"),
        url: urls("url").filter(|text| !text.contains(',')),
        restored: value("restored").and_then(|text| Restored::parse(&text)),
    }
}

/// Returns whether a text has the form of `NAME=URL,…`.
fn is_list(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]=,".contains(c);
    text.chars().all(is_plain) && text.split(',').all(|member| member.contains("=http"))
}

/// Returns whether a text has the form of a vow: 16 hexadecimal digits, and how often to skip revisions if not once.
fn is_vow(text: &str) -> bool {
    let (digits, often) = text.split_once('-').unwrap_or((text, "1"));
    let is_number = (1..10).contains(&often.len()) && often.bytes().all(|it| it.is_ascii_digit());
    is_hexadecimal(digits, 16) && is_number
}

/// Returns whether a cluster with this vow skips revisions more than once.
fn is_repeated(vow: &str) -> bool {
    vow.contains('-')
}

/// Returns whether a text consists of this many hexadecimal digits in lower case.
fn is_hexadecimal(text: &str, count: usize) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == count && text.bytes().all(is_digit)
}

//! Frees the unused space in the databases, one member at a time and the leader last.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::access::Access;
use super::operation::Operation;
use super::quorum::works;
use super::report::ClusterReport;
use super::table::bytes;
use super::{catch_up, order};
use crate::failure::Kind;

/// How long a member may take to catch up after it has paused.
const CATCH_UP: Duration = Duration::from_mins(5);

/// The members whose databases were rewritten. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Defragmentation {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The members in the order in which they were defragmented.
    pub members: Vec<DefragmentedMember>,
}

/// A member whose database was rewritten.
#[derive(Clone, Debug, Serialize)]
pub struct DefragmentedMember {
    /// Member name.
    pub name: String,
    /// Bytes of its database before.
    pub before: u64,
    /// Bytes of its database after.
    pub after: u64,
    /// Seconds for which the member paused.
    pub seconds: f64,
}

/// Defragments the named members, or all of them. Each pauses only while a majority works without it.
pub fn defragment(operation: &Operation<'_>, names: &[String]) -> Result<Defragmentation> {
    let Operation { access, now, .. } = *operation;
    let mut report = operation.survey()?;
    let mut waiting = access.named(names)?;
    for name in &waiting {
        answers(&report, name)?;
        report.can_spare(name)?;
    }
    let mut done = Vec::new();
    while let Some(name) = order::next(&report, &mut waiting) {
        operation.lock.must_be_kept()?;
        report.can_spare(&name)?;
        operation.progress.note(&format!("defragmenting {name}"));
        done.push(rewrite(access, &report, &name)?);
        report = catch_up::wait(access, &name, CATCH_UP, now)?;
    }
    Ok(Defragmentation {
        format: 1,
        cluster: report.cluster,
        members: done,
    })
}

/// Checks that a member answers.
fn answers(report: &ClusterReport, name: &str) -> Result<()> {
    let member = report.member(name);
    if member.is_some_and(works) {
        return Ok(());
    }
    let reason = member.and_then(|member| member.trouble.as_deref());
    let message = format!(
        "{name} does not answer: {}",
        reason.unwrap_or("it is not a member")
    );
    Err(Kind::Unhealthy.error(message, report.hint()))
}

fn rewrite(access: &Access, report: &ClusterReport, name: &str) -> Result<DefragmentedMember> {
    let context = || {
        let hint = "run the command again: members that were defragmented stay so";
        Kind::Unhealthy.context(format!("defragmenting {name}"), hint)
    };
    let address = report.member(name).and_then(|member| member.address);
    let session = access
        .client
        .connect(address.with_context(context)?)
        .with_context(context)?;
    let before = session.status().with_context(context)?.db_size;
    let started = Instant::now();
    session.defragment().with_context(context)?;
    let seconds = started.elapsed().as_secs_f64();
    let after = session.status().with_context(context)?.db_size;
    Ok(DefragmentedMember {
        name: name.to_owned(),
        before,
        after,
        seconds,
    })
}

impl fmt::Display for Defragmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.members.iter().try_for_each(|member| {
            let (before, after) = (bytes(member.before), bytes(member.after));
            let (name, seconds) = (&member.name, member.seconds);
            writeln!(
                f,
                "{name}: {before} before, {after} after, paused for {seconds:.1} s"
            )
        })
    }
}

//! Steps that all nodes carry out at the same time.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::super::access::Access;
use super::begun::is_of_another;
use super::node::{NodeFacts, ask, parse};
use crate::description::DescribedMember;
use crate::failure::Kind;

/// How long a node may take to stop etcd.
const STOP: Duration = Duration::from_mins(3);

/// Returns the facts of all nodes, each of which must answer.
pub(super) fn facts_of_all(access: &Access) -> Result<Vec<NodeFacts>> {
    let members: Vec<_> = access.description.members.iter().collect();
    let answers = on_each(access, &members, "facts").into_iter();
    let (known, errors): (Vec<_>, Vec<_>) = answers
        .map(|answer| answer.map(|lines| parse(&lines)))
        .partition(Result::is_ok);
    let known: Vec<NodeFacts> = known.into_iter().flatten().collect();
    match errors.into_iter().next() {
        None => Ok(known),
        Some(Err(error)) if known.iter().any(|facts| facts.wanted.is_some()) => {
            let hint = "an interrupted restore is not complete: make the node answer, then run the command again, which \
                        continues; until then, etcd may be stopped";
            Err(Kind::Unhealthy.error(error.to_string(), hint))
        }
        Some(error) => error.map(|_| known),
    }
}

/// Stops etcd on all nodes. If this fails on one, nothing is restored and the others start again, unless an interrupted
/// command has prepared some of them: those would begin the new cluster when they start.
pub(super) fn stop(access: &Access, members: &[&DescribedMember], is_prepared: bool) -> Result<()> {
    let Err(error) = first_failure(on_each(access, members, "stop")) else {
        return Ok(());
    };
    if is_prepared {
        return Err(error);
    }
    let started = on_each(access, members, "start");
    let left: Vec<_> = members
        .iter()
        .zip(&started)
        .filter(|(_, started)| started.is_err())
        .map(|(member, _)| member.name.as_str())
        .collect();
    let hint = match left.is_empty() {
        true => "nothing was changed, and etcd was started again on all nodes; run the command again once the node answers".to_owned(),
        false => format!(
            "nothing was changed, and etcd was started again where it was stopped, but not on {}: run the command again once the \
             node answers, or start it there with `sudo systemctl start etcd`",
            left.join(", ")
        ),
    };
    Err(Kind::Unhealthy.error(error.to_string(), hint))
}

/// Refuses to report success if another command has restored another snapshot meanwhile: without a majority, no lock keeps two
/// commands apart.
pub(super) fn must_be_ours(access: &Access, members: &[&DescribedMember], vow: &str) -> Result<()> {
    let answers = on_each(access, members, "facts");
    let is_other = |answer: &Result<Vec<String>>| {
        let lines = answer.as_ref();
        lines.is_ok_and(|lines| is_of_another(&parse(lines), vow))
    };
    let mut asked = members.iter().zip(&answers);
    let Some((member, _)) = asked.find(|(_, answer)| is_other(answer)) else {
        return Ok(());
    };
    let message = format!(
        "{} begins with the snapshot of another command, which ran at the same time",
        member.name
    );
    let hint = "look at the cluster with `etcd-image cluster status`, and agree with the other operator about the snapshot";
    Err(Kind::Refused.error(message, hint))
}

/// Fails with the first failure of a node, if there is one.
pub(super) fn first_failure(outcomes: Vec<Result<Vec<String>>>) -> Result<()> {
    let mut outcomes = outcomes.into_iter();
    outcomes.try_for_each(|outcome| outcome.map(drop))
}

/// Runs the program `restore` with these words on the nodes, at the same time.
pub(super) fn on_each(
    access: &Access,
    members: &[&DescribedMember],
    words: &str,
) -> Vec<Result<Vec<String>>> {
    let ended = || Err(anyhow::anyhow!("a thread of this program has ended"));
    thread::scope(|threads| {
        let started: Vec<_> = members
            .iter()
            .map(|member| threads.spawn(|| ask(access, member, words, &[], STOP)))
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| ended()))
            .collect()
    })
}

//! Row 18 of the table in issue 12: a card gets an old copy of its data back.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;

const A_WHILE: Duration = Duration::from_secs(3);

/// The members that have the later writes run: the leader knows that the member once had more, or sends it what it lacks.
pub(super) fn among_the_others(lab: &mut Lab) -> Result<()> {
    let copy = copied(lab)?;
    lab.pass(A_WHILE)?;
    lab.put(&copy, 2)?;
    lab.start(2)?;
    lab.settle(&Wanted::everyone())
}

/// The same, and the members that have the later writes restart as well, one of them with the old copy.
pub(super) fn with_a_restart(lab: &mut Lab) -> Result<()> {
    let copy = copied(lab)?;
    lab.pass(A_WHILE)?;
    lab.put(&copy, 2)?;
    lab.cut_all()?;
    lab.settle(&Wanted::everyone())
}

/// Only members without the later writes run. Nobody present can notice it, so writes are lost.
pub(super) fn without_the_others(lab: &mut Lab) -> Result<()> {
    let copy = copied(lab)?;
    // Only etcd1 and etcd3 hold the writes acknowledged from now on.
    lab.cut(1)?;
    lab.pass(A_WHILE)?;
    lab.put(&copy, 2)?;
    lab.cut(0)?;
    lab.start(1)?;
    lab.start(2)?;
    lab.pass(A_WHILE)?;
    lab.settle(&Wanted::everyone())
}

/// Forms a cluster and copies the data of etcd3, which then takes part again.
fn copied(lab: &mut Lab) -> Result<PathBuf> {
    form(lab)?;
    let copy = lab.set_aside(2)?;
    lab.start(2)?;
    lab.wait_for_members(&Wanted::everyone())?;
    Ok(copy)
}

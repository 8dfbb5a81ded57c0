//! A cluster begins again with a snapshot that its images contain.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::images;
use super::lab::Lab;
use super::model::Wanted;
use super::moves::flash_all;
use super::scenarios::form;
use super::violation::{Invariant, violated};

/// The least revision of a cluster that began with a snapshot.
const RAISED: i64 = 1_000_000_000;
/// The time for clients to write something.
const A_WHILE: Duration = Duration::from_secs(2);

/// A backup is saved, all cards are wiped, and the images contain the snapshot: every key is there. A later reboot and a second
/// flashing restore nothing, so that no later write is lost.
pub(super) fn all_wiped(lab: &mut Lab) -> Result<()> {
    let set = begin_again(lab)?;
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    is_raised(lab)?;
    lab.pass(A_WHILE)?;
    lab.cut_all()?;
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.pass(A_WHILE)?;
    flash_all(lab, &set)?;
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.pass(A_WHILE)?;
    // A member that loses its card takes the data of the others, not the snapshot.
    lab.wipe(1)?;
    lab.settle(&Wanted::everyone())
}

/// The power is cut again and again while the nodes restore the snapshot.
pub(super) fn cuts(lab: &mut Lab) -> Result<()> {
    begin_again(lab)?;
    for round in 0..9 {
        lab.start_all()?;
        lab.pass_up_to(1500)?;
        lab.cut(round % 3)?;
        if round % 3 == 2 {
            lab.cut_all()?;
        }
    }
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    is_raised(lab)?;
    lab.settle(&Wanted::everyone())
}

/// One node's image does not contain the snapshot: the nodes say it, and no cluster begins.
pub(super) fn without_one(lab: &mut Lab) -> Result<()> {
    begin_again(lab)?;
    lab.reflash(2, "three", "etcd3")?;
    lab.start_all()?;
    lab.says(
        0,
        "waiting for etcd3: its image and this node's begin with different content",
    )?;
    lab.says(
        2,
        "waiting for etcd1 etcd2: its image and this node's begin with different content",
    )?;
    lab.settle(&Wanted::nobody())
}

/// Saves a snapshot, wipes all cards, and flashes images with the snapshot. Returns the set of these images.
fn begin_again(lab: &mut Lab) -> Result<String> {
    form(lab)?;
    lab.pass(A_WHILE)?;
    let snapshot = Path::new("/run/lab/snapshot.db");
    let node = lab.nodes[1].address();
    let kept = lab.retry(|client| {
        lab.traffic.paused(|ledger| {
            // A member that answers a read has applied every write that was acknowledged before.
            client.get(node, "probe")?;
            client.save(node, snapshot)?;
            Ok(ledger.acknowledged.clone())
        })
    })?;
    for node in lab.all() {
        lab.wipe(node)?;
    }
    // What was acknowledged after the snapshot is lost with the cards.
    lab.traffic.paused(|ledger| ledger.acknowledged = kept);
    let set = images::build_restoring(&lab.images, "three", snapshot)?;
    flash_all(lab, &set)?;
    Ok(set)
}

/// Checks that no revision is used again that clients have seen.
fn is_raised(lab: &Lab) -> Result<()> {
    let (header, _) = lab.retry(|client| client.get(lab.nodes[0].address(), "probe"))?;
    match header.revision > RAISED {
        true => Ok(()),
        false => violated(
            Invariant::Expectation,
            format!("the restored cluster is at revision {}", header.revision),
        ),
    }
}

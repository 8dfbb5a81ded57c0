//! A wrong card, board or clock.

use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::links::Links;
use super::model::Wanted;
use super::reported::{foreign, stays_out};
use super::scenarios::form;
use super::twice::{FORCE, GIVE_UP};
use super::violation::{Invariant, violated};

/// The answer of an operator to data of another member.
const USE: &str = "sudo touch /var/lib/etcd/use-this-data";
/// A time before every certificate.
pub(super) const LONG_AGO: &str = "@2020-01-01 12:00:00";

/// The card of another cluster's only node is flashed with an image of a cluster that has not begun.
pub(super) fn foreign_card_in_a_new_cluster(lab: &mut Lab) -> Result<()> {
    let foreign = foreign(lab)?;
    lab.put(&foreign, 2)?;
    lab.start_all()?;
    lab.says(
        2,
        "refused the data on this node: it belongs to etcd1 of another cluster",
    )?;
    for node in [0, 1] {
        lab.says(node, "waiting for etcd3: a new cluster begins only")?;
    }
    lab.settle(&Wanted::nobody())
}

/// A member's card has another cluster's data, and an operator wants to use it: the list of members never changes.
pub(super) fn foreign_card_in_a_cluster(lab: &mut Lab) -> Result<()> {
    let foreign = foreign(lab)?;
    form(lab)?;
    lab.put(&foreign, 1)?;
    lab.start(1)?;
    lab.says(
        1,
        "refused the data on this node: it belongs to etcd1 of another cluster",
    )?;
    lab.type_at(1, USE)?;
    lab.says(
        1,
        "refused to use the data on this node: etcd1 etcd3 already has",
    )?;
    lab.count_changes(Duration::from_secs(8))?;
    lab.settle(&Wanted::all_but(&[1]))
}

/// Every node has another node's data. An operator goes on with what etcd1 has, and gives the rest up.
pub(super) fn rotated_cards_in_use(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.write_and_pause(20)?;
    lab.swap(0, 1)?;
    lab.swap(1, 2)?;
    lab.start_all()?;
    for node in lab.all() {
        lab.says(node, "refused the data on this node: it belongs to ")?;
    }
    lab.type_at(0, USE)?;
    lab.says(0, "waiting for a majority: the addresses of the members")?;
    lab.type_at(1, USE)?;
    lab.says(1, "refused to use the data on this node: etcd1 already has")?;
    for node in [1, 2] {
        lab.type_at(node, GIVE_UP)?;
    }
    for node in [1, 2] {
        lab.says(node, "waiting for etcd1, which has the cluster's data")?;
    }
    lab.type_at(0, FORCE)?;
    lab.says(0, "beginning anew with this node's data")?;
    lab.settle(&Wanted::everyone())
}

/// The same as with IPv4, where the kernel asks, and keeps the address from use.
pub(super) fn ipv6_twins(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let twin = lab.add_board("ipv6", "etcd2", None)?;
    Links::detect(twin, &lab.nodes[twin].addresses)?;
    stays_out(
        lab,
        twin,
        "refused to start: another board uses this node's address fd00:7::51. ",
    )
}

/// To a board without a time server, no certificate is valid yet. It says so, and becomes a member once its clock is right.
pub(super) fn clock(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.set_clock(1, Some(LONG_AGO))?;
    lab.start(1)?;
    let line = lab.says(1, "Rejected certificates: ")?;
    let parts = [
        " etcd1 (certificate is not yet valid; this node's clock says 2020-01-01 12:0",
        " etcd3 (certificate is not yet valid; ",
        " UTC, its certificate is valid from ",
    ];
    if let Some(part) = parts.into_iter().find(|part| !line.contains(part)) {
        let text = format!("`{part}` is missing: {line}");
        return violated(Invariant::Expectation, text);
    }
    lab.count_changes(Duration::from_secs(4))?;
    lab.set_clock(1, None)?;
    lab.settle(&Wanted::everyone())
}

/// No board of a new cluster has the time: openssl checks on both sides, so that nobody begins until the clocks are right.
pub(super) fn all_clocks(lab: &mut Lab) -> Result<()> {
    for node in lab.all() {
        lab.set_clock(node, Some(LONG_AGO))?;
    }
    lab.start_all()?;
    for node in lab.all() {
        lab.says(node, "certificate is not yet valid")?;
    }
    for node in lab.all() {
        lab.set_clock(node, None)?;
    }
    lab.settle(&Wanted::everyone())
}

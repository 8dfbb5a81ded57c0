//! An operator restarts etcd before it is ready. That says nothing about etcd, its data or its programs.

use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::received;
use super::scenarios::form;
use super::violation::{Invariant, violated};

const RESTART: &str = "sudo systemctl restart etcd";
/// More than the failures after which a node reports etcd's error or returns to other programs.
const TIMES: usize = 4;

/// A member waits for the majority.
pub(super) fn of_a_member(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut_all()?;
    lab.start(0)?;
    restart(lab, 0, "etcd has failed")?;
    lab.settle(&Wanted::everyone())
}

/// A member waits for the majority with the etcd that it has just received.
pub(super) fn of_a_received_etcd(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut(0)?;
    lab.cut(2)?;
    received::receive(lab, 1)?;
    lab.says(1, "using etcd 3.5")?;
    restart(lab, 1, "did not become ready")?;
    lab.settle(&Wanted::everyone())
}

/// Restarts etcd each time when it waits, and checks that the node draws no conclusion.
fn restart(lab: &mut Lab, node: usize, conclusion: &str) -> Result<()> {
    let known = waits(lab, node);
    for time in 1..=TIMES {
        let start = lab.history.elapsed();
        while waits(lab, node) < known + time {
            if lab.is_over(start) {
                let text = "etcd does not wait for a majority";
                return violated(Invariant::Expectation, text.to_owned());
            }
            lab.pass(Duration::from_millis(50))?;
        }
        lab.type_at(node, RESTART)?;
    }
    lab.pass(Duration::from_secs(3))?;
    let said = lab.nodes[node].said();
    match said.into_iter().find(|line| line.contains(conclusion)) {
        Some(line) => violated(Invariant::Expectation, line),
        None => Ok(()),
    }
}

/// Returns how often etcd has begun to wait. Each start says so once.
fn waits(lab: &Lab, node: usize) -> usize {
    let said = lab.nodes[node].said();
    let waits = |line: &&String| line.contains("waiting for a majority");
    said.iter().filter(waits).count()
}

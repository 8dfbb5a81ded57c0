//! A node finds no room in `/run`, which is in memory.

use std::time::Duration;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::violation::{Invariant, violated};

/// The time for the last programs of a start to end.
const A_WHILE: Duration = Duration::from_secs(1);
/// Fills `/run` when it holds nothing that the next start would remove first.
const FILL: &str = "rm -f /run/etcd/*; dd if=/dev/zero of=/run/full bs=4k 2>/dev/null";
const START: &str = "sudo systemctl start etcd";
const FREE: &str = "rm /run/full";
const LOSE: &str = "rm -r /var/lib/etcd/member /var/lib/etcd/node";

/// A member with data, and then one without, decide nothing before there is room.
pub(super) fn full(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for (node, before, has_data) in [(1, ":", true), (2, LOSE, false)] {
        lab.stop_etcd(&[node])?;
        lab.pass(A_WHILE)?;
        let name = lab.nodes[node].name();
        lab.fault(&format!("fill /run of {name}"));
        lab.type_at(node, &format!("{before}; {FILL}; {START}"))?;
        lab.says(node, "waiting for room in /run/etcd, which is in memory")?;
        lab.count_changes(Duration::from_secs(4))?;
        let data = lab.nodes[node].data();
        if data.join("member/wal").exists() != has_data || data.join("aside").exists() {
            let text = format!("{name} has decided without knowing the facts");
            return violated(Invariant::Expectation, text);
        }
        lab.type_at(node, FREE)?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    lab.settle(&Wanted::everyone())
}

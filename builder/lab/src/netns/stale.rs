//! A node whose image is older than its cluster.

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::violation::{Invariant, violated};

/// etcd4 has taken the place of etcd3, which later takes the place of etcd2. etcd4 loses its card and still has its first
/// image, which says that it replaces etcd3.
pub(super) fn replaces_a_member_again(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for (set, names, wiped) in [
        ("replaced", ["etcd1", "etcd2", "etcd4"], 2),
        ("again", ["etcd1", "etcd3", ""], 1),
    ] {
        for (node, name) in names
            .into_iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
        {
            lab.reflash(node, set, name)?;
            if node == wiped {
                lab.wipe(node)?;
            }
            lab.start(node)?;
            if node == 0 {
                lab.says(0, "init: etcd is ready")?;
            }
        }
        lab.wait_for_members(&Wanted::everyone())?;
    }
    let id = |lab: &Lab| -> Result<Option<String>> {
        let (_, members) = lab.retry(|client| client.members(lab.nodes[0].address()))?;
        let mut ids = members.into_iter().filter(|member| member.name == "etcd3");
        Ok(ids.next().map(|member| member.id))
    };
    let before = id(lab)?;
    lab.wipe(2)?;
    lab.start(2)?;
    lab.wait_for_members(&Wanted::everyone())?;
    let after = id(lab)?;
    if before != after {
        let text = format!("etcd4 has removed a member: etcd3 was {before:?} and is {after:?}");
        return violated(Invariant::Membership, text);
    }
    lab.settle(&Wanted::everyone())
}

/// A member of a cluster of 3.5 is flashed with an image that has etcd 3.4: it keeps its data, and says what it needs.
pub(super) fn old_binary(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.reflash(1, "old", "etcd2")?;
    lab.start(1)?;
    lab.says(1, "The etcd of this node's image is older than the cluster")?;
    lab.pass(super::operate::SOON)?;
    if lab.nodes[1].data().join("aside").exists() {
        return violated(Invariant::Expectation, "etcd2 has set its data aside");
    }
    lab.reflash(1, "three", "etcd2")?;
    lab.settle(&Wanted::everyone())
}

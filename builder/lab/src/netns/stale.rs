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
        let members = lab.client.members(lab.nodes[0].address())?.1;
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

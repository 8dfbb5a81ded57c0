//! A cluster that moves to other addresses.

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;

/// All nodes move to another subnet at once, with their previous addresses.
pub(super) fn all_at_once(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut_all()?;
    flash_all(lab, "moving")?;
    arrive_and_settle(lab, "moved")
}

/// The nodes move one after another, while the cluster serves.
pub(super) fn one_by_one(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for node in lab.all() {
        let name = lab.nodes[node].name();
        lab.reflash(node, "moving", &name)?;
        lab.start(node)?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    arrive_and_settle(lab, "moved")
}

pub(super) fn from_ipv4_to_ipv6(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut_all()?;
    flash_all(lab, "to-ipv6")?;
    arrive_and_settle(lab, "ipv6")
}

/// The nodes move without their previous addresses, and the console's advice is followed.
pub(super) fn unprepared(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut_all()?;
    flash_all(lab, "moved")?;
    lab.start_all()?;
    for node in lab.all() {
        lab.says(
            node,
            "Give each [[node]] its old address as previous-address",
        )?;
    }
    flash_all(lab, "moving")?;
    arrive_and_settle(lab, "moved")
}

/// One member loses its data while the cluster moves.
pub(super) fn wiped_on_the_way(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut_all()?;
    flash_all(lab, "moving")?;
    lab.wipe(1)?;
    arrive_and_settle(lab, "moved")
}

fn arrive_and_settle(lab: &mut Lab, set: &str) -> Result<()> {
    arrive(lab, set)?;
    lab.settle(&Wanted::everyone())
}

/// Waits until the members know their new addresses, and takes the previous ones away.
pub(super) fn arrive(lab: &mut Lab, set: &str) -> Result<()> {
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.wait_for_new_addresses()?;
    flash_all(lab, set)
}

/// Flashes the images of another set onto all cards.
pub(super) fn flash_all(lab: &mut Lab, set: &str) -> Result<()> {
    lab.all().into_iter().try_for_each(|node| {
        let name = lab.nodes[node].name();
        lab.reflash(node, set, &name)
    })
}

//! Checks that there is space for the edits, and for the data after the image.

use anyhow::Result;

use super::model::{Action, Plan};
use crate::failure::Kind;
use crate::inspect::{Layout, Part, System, Volume};
use crate::overlay::FileTree;
use crate::spec::DATA_PARTITION;

/// Refuses a base without space for the data after the system, on the card or in the partition table.
pub(super) fn check_size(layout: &Layout, tree: &FileTree) -> Result<()> {
    let mut numbers = layout
        .parts()
        .map(|part| part.number)
        .chain(layout.other_numbers());
    let is_taken = numbers.any(|number| number == DATA_PARTITION);
    match tree.ends_before {
        Some(_) if is_taken => Err(Kind::Refused.error(format!(
                "the base has a partition {DATA_PARTITION}, whose entry a node needs for its data"
            ),
            "use a stock image, put the data on a disk of its own with `[appliance] data`, or set `read-only = false`",
        )),
        Some(start) if layout.size > start => Err(Kind::Refused.error(format!(
                "the base has {} bytes and would cover the data partition, which begins at {start}",
                layout.size
            ),
            "use a smaller base, put the data on a disk of its own with `[appliance] data`, or set `read-only = false`",
        )),
        _ => Ok(()),
    }
}

/// Limit for our command line: the arm64 kernel accepts 2048 bytes (`COMMAND_LINE_SIZE`), including those that the firmware
/// and snapd add.
const COMMAND_LINE: usize = 1900;

/// Refuses a command line that is too long: the kernel would truncate it silently.
pub(super) fn check_command_line(tree: &FileTree, plan: &Plan) -> Result<()> {
    let too_long = plan.steps.iter().find_map(|step| match &step.action {
        Action::WriteFile { content, .. } if step.path == tree.command_line => {
            Some(content.bytes().len()).filter(|length| *length > COMMAND_LINE)
        }
        _ => None,
    });
    match too_long {
        None => Ok(()),
        Some(length) => Err(Kind::Refused.error(format!(
                "node {}: cmdline.txt would have {length} bytes; a kernel is only guaranteed to accept {COMMAND_LINE}",
                plan.node
            ),
            "name fewer arguments in `cmdline` of [firmware] and fewer name servers, or use a stock image",
        )),
    }
}

/// Reports a partition that is too full before anything is copied; `diskimg` would report it halfway.
pub(super) fn check_room(layout: &Layout, plan: &Plan) -> Result<()> {
    let boot = (Volume::Boot, "boot", &layout.boot);
    let root = layout
        .system
        .part()
        .map(|part| (Volume::Root, "root", part));
    for (volume, name, part) in std::iter::once(boot).chain(root) {
        if let Some((lack, which)) = lack(layout, plan, (volume, part)) {
            let (node, number) = (&plan.node, part.number);
            let message =
                format!("node {node}: no room in the {name} partition ({number}): {lack}");
            let hint = match layout.system {
                System::Root(_) => format!(
                    "use a stock image, which has 200 MB to spare, or leave out {which} `[[file]]` and `[[archive]]` entries"
                ),
                System::Writable(_) | System::Seed(_) => {
                    "use a stock image: nothing that a node of Ubuntu Core needs can be left out"
                        .to_owned()
                }
            };
            return Err(Kind::Refused.error(message, hint));
        }
    }
    Ok(())
}

/// Returns what a partition needs and has, if it has too little, and which entries could be left out.
fn lack(
    layout: &Layout,
    plan: &Plan,
    (volume, part): (Volume, &Part),
) -> Option<(String, &'static str)> {
    let (need, free) = (plan.bytes(volume), part.free_bytes);
    let keep = match layout.system.node_location().volume == volume {
        true => layout.system.reserve(),
        false => 0,
    };
    if need.saturating_add(keep) > free {
        let kept = match keep {
            0 => String::new(),
            keep => format!(" and {keep} for snapd's refreshes"),
        };
        let lack = format!("{need} bytes needed{kept}, {free} free");
        return Some((lack, "large"));
    }
    let files = plan.files(volume);
    let free = part
        .free_files
        .and_then(|free| usize::try_from(free).ok())?;
    let lack = || format!("{files} inodes needed for new files, {free} free");
    (files > free).then(|| (lack(), "some"))
}

//! The power fails while a member sets its data aside.

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::twice::GIVE_UP;
use super::violation::{Invariant, violated};

/// The member takes its place again with an empty log, and all data that is kept says whose it is.
pub(super) fn cuts(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for _ in 0..3 {
        lab.type_at(2, GIVE_UP)?;
        lab.says(2, "operator: done, exit status: 0")?;
        lab.pass_up_to(3000)?;
        lab.cut(2)?;
        lab.start(2)?;
    }
    lab.settle(&Wanted::everyone())?;
    for set in fs_err::read_dir(lab.nodes[2].data().join("aside"))? {
        let set = set?.path();
        if set.join("member").exists() && !set.join("node/identity").is_file() {
            let text = format!("nothing says whose data is in {}", set.display());
            return violated(Invariant::Expectation, text);
        }
    }
    Ok(())
}

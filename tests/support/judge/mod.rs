//! Strangers who judge what was written: nothing here shares code with the program.
//!
//! Every judge has a test in `tests/project/checkers.rs` that it rejects a known-bad input.

mod certificate;
pub(crate) mod cloud;
mod disk;
mod ext4;
mod fat;
#[cfg(target_os = "linux")]
pub(crate) mod snapd;

pub(crate) use certificate::{Leaf, chain, key_fits, leaf};
pub(crate) use disk::{Disk, table};
pub(crate) use ext4::{Ext4, Kind, Stat, ext4, header};
pub(crate) use fat::{Fat, fat};

/// Nothing to say, or what is wrong in the judge's own words.
pub(crate) type Verdict = Result<(), String>;

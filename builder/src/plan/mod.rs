//! Computes every edit of one image, before and after, from layout and wanted state. Pure: no I/O, no clock, printable.

mod account_rows;
mod accounts;
mod demands;
mod edit;
mod files;
mod model;
mod print;
mod references;
mod room;
mod steps;

#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod needed_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;

pub(crate) use files::plan;
pub(crate) use model::{Action, Plan, Step};

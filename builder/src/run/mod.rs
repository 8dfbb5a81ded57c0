//! One run of a command that builds, plans or fetches: its options, its inputs, and the steps that these commands share.

mod attachments;
mod base;
mod caches;
mod fleet;
mod images;
mod inputs;
mod job;
mod lock;
pub(crate) mod overwrite;
mod prepared;
mod snapshot;

pub(crate) use caches::{local_cache, no_cache};
pub(crate) use job::Job;
pub(crate) use prepared::Prepared;

//! The directories in the cache where images wait on their way to a store and from one.
//!
//! ```text
//! outgoing/<key>.lock      held while a build sends to this address; never removed
//! outgoing/<key>/address   the address; the key is its digest
//! outgoing/<key>/images    the output directory of the build
//! outgoing/<key>/sealed    <digest>.age, an encrypted file   <digest>.upload, the parts of it that the store has
//!                          <digest>.age.sent, what it was, once the store has it
//! incoming.lock            held while a command reads from a store; never removed
//! incoming/<…>             the files of stores, until the command ends
//! ```
//! All directories are closed to other users: images hold private keys.

mod incoming;
mod journal;
mod leftovers;
mod outgoing;
mod place;

pub(super) use incoming::Incoming;
pub(super) use journal::Journal;
pub(crate) use leftovers::{leftovers, remove_leftover};
pub(super) use outgoing::Staging;

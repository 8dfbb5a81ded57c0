//! Machines in QEMU that boot node images on a private network, without root privileges and without leaving traces.
//!
//! The images are only read: each machine writes into an overlay in memory. Everything runs inside namespaces that end with
//! the process ([`enclosed`]).
//!
//! The caller knows nodes, this module knows machines; a [`Guest`] contains everything that the caller passes.

mod console;
mod cpio;
mod fault;
mod guest;
mod kernel;
mod machine;
mod machines;
mod modules;
mod namespace;
mod network;
mod program;
mod qcow2;
mod scratch;
mod ssh;

pub use console::{Console, Stage};
pub use fault::{Fault, FaultKind};
pub use guest::{Guest, LockedImage};
pub use kernel::kernel;
pub use machine::Machine;
pub use machines::Machines;
pub use modules::modules;
pub use namespace::{enclosed, enter_command};
pub use network::GuestInterface;
pub use program::check_installed;
pub use scratch::Scratch;
pub use ssh::{Login, Ssh, SshOutcome};

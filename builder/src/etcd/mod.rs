//! A client of running clusters: health, members, reads and writes over mutual TLS.

mod client;
mod wire;

pub use client::{Client, Trouble};
pub use wire::{Member, Status};

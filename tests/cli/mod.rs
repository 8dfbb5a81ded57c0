//! What the commands print and accept.

mod fetch;
mod plan;
mod verify;

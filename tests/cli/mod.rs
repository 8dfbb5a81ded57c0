//! Tests what the commands accept and print.

mod fetch;
mod plan;
mod verify;

//! Tests what the commands accept and print.

mod diff;
mod fetch;
#[cfg(target_os = "linux")]
mod flash;
mod init;
mod plan;
mod signature;
mod verify;

//! Tests what is refused, with which exit code and message, and that nothing is changed.

mod bases;
#[cfg(target_os = "linux")]
mod boot;
mod downloads;
mod etcd;
mod input;
mod restore;
mod upgrade;

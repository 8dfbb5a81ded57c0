//! Builds while system calls fail or the process is killed. See `cargo xtask faults`.

mod check;
mod file_limits;
mod point;
mod run;

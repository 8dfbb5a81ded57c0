//! Tests Ubuntu Core: which images are refused, what is written to the others, and what their first boot does.

#[cfg(target_os = "linux")]
mod core_like;
mod nodes;
#[cfg(unix)]
mod provision;
mod refusals;
#[cfg(target_os = "linux")]
mod snapd;

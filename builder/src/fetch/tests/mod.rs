//! Tests of `fetch` with a local server, damaged files and killed runs.

mod cache;
mod download;
mod follow;
mod hostile;
mod images;
mod locked;
mod make;
#[cfg(target_os = "linux")]
mod mutated;
pub(super) mod scene;
mod shared;

//! Tests of `fetch` with a local server, damaged files and killed runs.

mod cache;
mod download;
mod images;
mod make;
pub(super) mod scene;
mod shared;

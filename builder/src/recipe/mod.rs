//! Which base: `recipes/*.toml` as typed data.

mod model;

pub use model::{Download, Family, Recipe, Source};

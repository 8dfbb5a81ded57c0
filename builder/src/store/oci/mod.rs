//! Builds as artifacts in a registry of container images (OCI distribution and image specifications, version 1.1).
//!
//! ```text
//! tag, or digest ─▶ manifest ─┬─▶ config: index.json, as in any other store
//!                             └─▶ layers: one for each file, named by its title
//! ```

mod address;
mod answer;
mod challenge;
mod client;
mod login;
mod manifest;
mod registry;
mod store;
mod upload;

pub(super) use address::Reference;
pub(super) use registry::Registry;

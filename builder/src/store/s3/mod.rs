//! Stores in S3: the objects of a build, and `index.json`, lie below one prefix.

mod address;
mod client;
mod environment;
mod error;
mod object;
mod store;
#[cfg(test)]
mod tests;
mod upload;
mod watched;

pub(super) use address::Bucket;
pub(super) use client::S3;
pub(super) use object::{ObjectWriter, unsent};

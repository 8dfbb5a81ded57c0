//! The promises of etcd-image, one file each.
//!
//! Files that wait for the program lie here but are not yet named below; a line `mod …;` turns each of them on, best in
//! this order: `build` `node` `calm` `refuse` `plan` `killed`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests start foreign programs and write files; the product does not"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "some of it is used only by the files that wait")]
mod support;

mod ground;
mod judges;
mod nothing_else;
mod tree;

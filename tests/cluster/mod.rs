//! Looks after running clusters: real members with the certificates of a build, in namespaces.

mod backup;
mod client;
mod status;

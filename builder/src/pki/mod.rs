//! Keys and certificates of a cluster, kept in its state folder.

mod certs;

pub use certs::{Certificate, Certs, KeyPair, NodeIdentity};

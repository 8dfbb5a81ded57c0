//! The description of a node: one JSON file in every image that identifies the node and lists its files. A similar file
//! beside the keys describes the cluster.
//!
//! A build writes it; every later command reads it instead of the files that only the node's own programs understand.

mod certificates;
mod cluster;
mod format;
mod member;
mod read;

pub(crate) use certificates::CertificateOfNode;
pub use cluster::{CLUSTER, ClusterDescription, DescribedMember};
pub(crate) use format::without_control_characters;
pub use format::{
    BaseFacts, DescribedFile, EtcdFacts, FileRole, IssuedFile, LoginUser, NetworkFacts,
    NodeDescription,
};
pub use member::MemberUrls;
pub(crate) use member::{host, scheme};
pub use read::{location, read, required};

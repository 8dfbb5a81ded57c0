//! Looks after a running cluster, from the operator's machine.
//!
//! Everything needed is in the state directory, or in the directory `client` beside the images: the addresses, the
//! administrator's certificate and the host keys ([`Access`]).

mod access;
mod backup;
mod certificate;
mod digest;
mod facts;
mod gather;
mod judge;
mod output;
mod prometheus;
mod report;
mod rotation;
mod ssh;
mod table;

pub use access::Access;
pub use backup::{Backup, backup};
pub use gather::status;
pub use output::replace;
pub use report::{
    CertificateReport, ClusterReport, DatabaseReport, MemberReport, NodeReport, Role, Verdict,
};

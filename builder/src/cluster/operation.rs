//! A command that changes a running cluster: what each of its steps needs.

use anyhow::Result;

use super::access::Access;
use super::gather::{Scope, survey};
use super::lock::OperatorLock;
use super::report::ClusterReport;
use crate::progress::Progress;

/// A command that changes a running cluster.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// The cluster.
    pub access: &'a Access,
    /// The time in seconds since 1970.
    pub now: i64,
    /// The lock, without which no further step begins.
    pub lock: &'a OperatorLock,
    /// Tells the operator about the steps.
    pub progress: &'a dyn Progress,
}

impl Operation<'_> {
    /// Asks every member for its state.
    pub(super) fn survey(&self) -> Result<ClusterReport> {
        survey(self.access, self.now, Scope::Etcd)
    }
}

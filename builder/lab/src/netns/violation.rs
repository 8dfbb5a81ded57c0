//! The invariants of a cluster, and how a violation of one is reported.

use std::fmt;

/// A property that every cluster must have, whatever happens to its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invariant {
    /// At most one cluster serves.
    OneCluster,
    /// Every acknowledged write remains readable.
    NoLostWrite,
    /// All members hold the same data.
    SameData,
    /// Every possible member is a member within a bound.
    Membership,
    /// Every nonmember reports the reason on its console.
    Reason,
    /// An expectation of one scenario only.
    Expectation,
}

/// A violated invariant and its evidence.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) invariant: Invariant,
    pub(super) text: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, text: String) -> Self {
        Self { invariant, text }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.text)
    }
}

impl std::error::Error for Violation {}

/// Returns a violation as an error.
pub(super) fn violated<T>(invariant: Invariant, text: impl Into<String>) -> anyhow::Result<T> {
    Err(Violation::new(invariant, text.into()).into())
}

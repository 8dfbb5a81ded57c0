//! The ways in which a cluster can break its promises.

use std::fmt;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invariant {
    /// At most one cluster serves.
    OneCluster,
    /// Every acknowledged write is there.
    NoLostWrite,
    /// All members hold the same data.
    SameData,
    /// Whoever can be a member is one within a bound.
    Membership,
    /// Whoever is not a member says why on its console.
    Reason,
    /// What one scenario expects beyond the others.
    Expectation,
}

/// A broken promise, and how it showed.
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

/// Fails with a violation.
pub(super) fn violated<T>(invariant: Invariant, text: impl Into<String>) -> anyhow::Result<T> {
    Err(Violation::new(invariant, text.into()).into())
}

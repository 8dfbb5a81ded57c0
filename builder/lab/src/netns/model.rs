//! The expected final state of a scenario, given the faults in it.

/// The nodes that must be members after everything repairable is repaired.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Nodes that cannot be members, and must have reported the reason.
    pub(super) excluded: Vec<usize>,
    /// Whether no node can serve at all; then all others are excluded as well.
    pub(super) nobody: bool,
    /// Nodes that stay switched off.
    pub(super) off: Vec<usize>,
}

impl Wanted {
    pub(super) fn everyone() -> Self {
        Self::default()
    }

    pub(super) fn all_but(excluded: &[usize]) -> Self {
        Self {
            excluded: excluded.to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn nobody() -> Self {
        Self {
            nobody: true,
            ..Self::default()
        }
    }

    /// Returns the same expectation with some nodes switched off permanently.
    #[must_use]
    pub(super) fn without(mut self, off: &[usize]) -> Self {
        self.off = off.to_vec();
        self
    }

    pub(super) fn is_member(&self, index: usize) -> bool {
        !self.nobody && !self.excluded.contains(&index) && !self.off.contains(&index)
    }
}

//! What must be true in the end, given what was done.

/// Who must be a member when everything that can be repaired is repaired.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Nodes that cannot be members, and must have said why.
    pub(super) excluded: Vec<usize>,
    /// Whether nobody can serve at all: then all others are excluded, too.
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

    /// The same with some nodes switched off for good.
    #[must_use]
    pub(super) fn without(mut self, off: &[usize]) -> Self {
        self.off = off.to_vec();
        self
    }

    pub(super) fn is_member(&self, index: usize) -> bool {
        !self.nobody && !self.excluded.contains(&index) && !self.off.contains(&index)
    }
}

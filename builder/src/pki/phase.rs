//! The phase of a change of the CA, as the state directory remembers it.

use anyhow::Result;

use super::refused;
use super::store::StateReader;

/// The file that names the phase.
pub(super) const FILE: &str = "rotation";

/// The phase of a change of the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The next CA is trusted beside the one that signs.
    Trust,
    /// The next CA signs, and the previous one is still trusted.
    Issue,
    /// Only the next CA is trusted.
    Finish,
}

impl Phase {
    const NAMES: [(&'static str, Self); 3] = [
        ("trust", Self::Trust),
        ("issue", Self::Issue),
        ("finish", Self::Finish),
    ];

    pub(super) fn name(self) -> &'static str {
        let mut all = Self::NAMES.iter();
        all.find(|(_, phase)| *phase == self)
            .map_or("", |(name, _)| name)
    }

    /// Returns the phase of a state directory, or `None` if its CA does not change.
    pub(super) fn read(reader: &StateReader) -> Result<Option<Self>> {
        let Some(text) = reader.public(FILE)? else {
            return Ok(None);
        };
        let mut all = Self::NAMES.iter();
        match all.find(|(name, _)| *name == text.trim()) {
            Some((_, phase)) => Ok(Some(*phase)),
            None => Err(refused(
                &reader.path(FILE),
                "is not a phase of a change of the CA",
                "restore it from your backup",
            )),
        }
    }
}

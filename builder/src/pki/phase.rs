//! The phase of a change of the CA, as the state directory remembers it, and the files of the CAs.

use anyhow::Result;

use super::refused;
use super::store::StateReader;
use crate::spec::Named;

/// The names in the state directory.
pub(super) const CERTIFICATE: &str = "ca.crt";
pub(super) const KEY: &str = "ca.key";
/// Those of the next CA, while the CA changes.
pub(super) const NEXT_CERTIFICATE: &str = "next-ca.crt";
pub(super) const NEXT_KEY: &str = "next-ca.key";

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

impl Named for Phase {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("trust", Self::Trust),
        ("issue", Self::Issue),
        ("finish", Self::Finish),
    ];
}

impl Phase {
    /// Returns the number of the phase, from 1 to 3.
    pub fn number(self) -> usize {
        let mut all = Self::NAMES.iter();
        all.position(|(_, phase)| *phase == self)
            .map_or(0, |at| at + 1)
    }

    /// Returns the phase of a state directory, or `None` if its CA does not change.
    pub(super) fn read(reader: &StateReader) -> Result<Option<Self>> {
        let Some(text) = reader.public(FILE)? else {
            return Ok(None);
        };
        let phase = Self::named(text.trim()).ok_or_else(|| {
            refused(
                &reader.path(FILE),
                "is not a phase of a change of the CA",
                "restore it from your backup",
            )
        })?;
        Ok(Some(phase))
    }
}

/// Returns the certificate and key that sign in a phase, and the certificate that is trusted beside it.
pub(super) fn files_in(
    phase: Option<Phase>,
    reader: &StateReader,
) -> anyhow::Result<((&'static str, &'static str), Option<&'static str>)> {
    let next_if_exists = |next: &'static str, current: &'static str| {
        anyhow::Ok(match fs_err::exists(reader.path(next))? {
            true => next,
            false => current,
        })
    };
    Ok(match phase {
        None => ((CERTIFICATE, KEY), None),
        Some(Phase::Trust) => ((CERTIFICATE, KEY), Some(NEXT_CERTIFICATE)),
        Some(Phase::Issue) => ((NEXT_CERTIFICATE, NEXT_KEY), Some(CERTIFICATE)),
        // The next CA may have taken its place already.
        Some(Phase::Finish) => (
            (
                next_if_exists(NEXT_CERTIFICATE, CERTIFICATE)?,
                next_if_exists(NEXT_KEY, KEY)?,
            ),
            None,
        ),
    })
}

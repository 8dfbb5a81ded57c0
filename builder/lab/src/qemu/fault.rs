//! Failures of the laboratory: what failed, who has to act, and the next step.

use std::fmt;

/// The party that has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The request or the setup of this computer is wrong; the user corrects it.
    Usage,
    /// The image is valid, but no machine of the laboratory can boot it.
    Unsupported,
    /// A disk or a program of this computer failed.
    Storage,
}

/// A failure with its kind and the next step: the root of an `anyhow` chain.
#[derive(Debug)]
pub struct Fault {
    /// The party that has to act.
    pub kind: FaultKind,
    /// What failed and where, without a full stop.
    pub message: String,
    /// The next step.
    pub hint: String,
}

impl Fault {
    #[allow(clippy::new_ret_no_self, reason = "always used as an anyhow error")]
    pub(super) fn new(
        kind: FaultKind,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> anyhow::Error {
        anyhow::Error::new(Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

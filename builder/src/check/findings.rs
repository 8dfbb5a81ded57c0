//! The faults of an image, in the order in which they were found.

use anyhow::Result;

use crate::failure::Kind;
use crate::printable::printable;

/// Faults, one line each.
#[derive(Debug, Default)]
pub struct Findings(Vec<String>);

impl Findings {
    /// Adds a fault. Names from the image are escaped, because the fault is printed on a terminal.
    pub(super) fn add(&mut self, fault: impl AsRef<str>) {
        let fault = printable(fault.as_ref());
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    /// Adds a fault unless something holds.
    pub(super) fn expect(&mut self, holds: bool, fault: impl AsRef<str>) {
        if !holds {
            self.add(fault);
        }
    }

    /// Returns the faults.
    pub fn into_lines(self) -> Vec<String> {
        self.0
    }

    /// Returns an error with all faults, if there are any.
    pub fn settle(self) -> Result<()> {
        let message = match self.0.as_slice() {
            [] => return Ok(()),
            [only] => format!("the finished image would not work: {only}"),
            faults => format!(
                "the finished image would not work, for {} reasons\n  {}",
                faults.len(),
                faults.join("\n  ")
            ),
        };
        Err(Kind::Refused.error(message,
            "correct the setting, `[[file]]`, `[[unit]]` or base that it names, then build again; nothing was written",
        ))
    }
}

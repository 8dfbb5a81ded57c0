//! The faults of an image, in the order in which they were found.

use anyhow::Result;

use crate::failure::Kind;
use crate::printable::printable;

/// Faults and limits, one line each.
#[derive(Debug, Default)]
pub struct Findings {
    faults: Vec<String>,
    limits: Vec<String>,
}

impl Findings {
    /// Adds a fault. Names from the image are escaped, because the fault is printed on a terminal.
    pub(super) fn add(&mut self, fault: impl AsRef<str>) {
        let fault = printable(fault.as_ref());
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Adds something that the node cannot do, although it works. No build makes such an image anymore.
    pub(super) fn limit(&mut self, limit: impl AsRef<str>) {
        self.limits.push(printable(limit.as_ref()));
    }

    /// Adds a fault unless something holds.
    pub(super) fn expect(&mut self, holds: bool, fault: impl AsRef<str>) {
        if !holds {
            self.add(fault);
        }
    }

    /// Returns the faults and the limits.
    pub fn into_lines(self) -> (Vec<String>, Vec<String>) {
        (self.faults, self.limits)
    }

    /// Returns an error with all faults and limits, if there are any.
    pub fn settle(mut self) -> Result<()> {
        self.faults.append(&mut self.limits);
        let message = match self.faults.as_slice() {
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

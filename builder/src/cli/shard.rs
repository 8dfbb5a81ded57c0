//! `--shard I/N`: the part of a fleet that one of several workers builds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of `count` parts of a fleet, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The number of this part, from 1 to `count`.
    pub index: u64,
    /// The number of parts.
    pub count: u64,
}

impl Shard {
    /// Returns whether the number is one of those from 1 to `count`, which a record that was changed by hand need not have.
    pub(crate) fn is_in_range(self) -> bool {
        (1..=self.count).contains(&self.index)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse::<u64>().ok();
        let parts = text.split_once('/');
        let (index, count) = parts.ok_or("write it as I/N, as in 2/8")?;
        match (number(index), number(count)) {
            (Some(index), Some(count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err("write it as I/N, as in 2/8, with I from 1 to N"),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_a_number_in_its_range() {
        let shard: Shard = "2/8".parse().unwrap();
        assert_eq!((shard.index, shard.count), (2, 8));
        assert_eq!(shard.to_string(), "2/8");
        for wrong in ["", "2", "0/8", "9/8", "1/0", "-1/8", "a/8", "1/8/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}

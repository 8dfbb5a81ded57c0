//! The inputs of a build, and their records.

use serde::{Deserialize, Serialize};

use crate::fetch::EtcdBinaries;
use crate::overlay::NodeInputs;
use crate::without_login::without_login;

/// The inputs of a build.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// What the files of its nodes are made from.
    pub nodes: NodeInputs<'a>,
    /// The record of the base.
    pub base: InputRecord,
}

/// An input of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputRecord {
    /// Recipe or version.
    pub name: String,
    /// Address or path it came from, without a login.
    pub source: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl InputRecord {
    /// Creates the record of an input that came from this address or path. Records are published.
    pub(crate) fn new(name: String, source: &str, sha256: &str) -> Self {
        Self {
            name,
            source: without_login(source),
            sha256: sha256.to_owned(),
        }
    }

    pub(super) fn etcd(etcd: &EtcdBinaries) -> Self {
        Self::new(etcd.version.clone(), &etcd.source, &etcd.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_an_input_has_no_login() {
        for (source, recorded) in [
            ("https://ada:a@b@a.org/a@1.img", "https://a.org/a@1.img"),
            ("https://token@a.org", "https://a.org"),
            ("https://a.org/a@1.img", "https://a.org/a@1.img"),
            ("/srv/ada@a.org/a.img", "/srv/ada@a.org/a.img"),
        ] {
            let record = InputRecord::new("a".to_owned(), source, "b");
            assert_eq!(record.source, recorded);
        }
    }
}

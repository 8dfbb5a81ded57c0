//! Starts the laboratory: nodes' own files with real etcd in network namespaces.

use crate::command::{self, Outcome, root};
use crate::setup;

/// The laboratory's program.
const PROGRAM: &str = "target/debug/lab";
/// Each series of etcd in the scenarios, and the Debian release that contains it. No Debian release contains etcd 3.6.
const ETCD: [(&str, &str); 2] = [("3.5", "trixie"), ("3.4", "bookworm")];

/// Installs the laboratory's requirements, builds it and runs it with these arguments.
pub(crate) fn run(words: &[&str]) -> Outcome {
    setup::lab()?;
    etcd()?;
    command::run("cargo", &["build", "--quiet", "--bin", "etcd-image"])?;
    command::run("cargo", &["build", "--quiet", "--package", "lab"])?;
    command::run(PROGRAM, words)
}

/// Fetches etcd for this machine, which the tests of running clusters need as well.
pub(crate) fn etcd() -> Outcome {
    for (series, suite) in ETCD {
        let folder = format!("target/lab/etcd/{series}");
        if !root().join(&folder).join("etcd").is_file() {
            setup::lab()?;
            command::persist(|| command::run("sh", &["builder/lab/etcd.sh", suite, &folder]))?;
        }
    }
    Ok(())
}

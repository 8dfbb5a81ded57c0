//! Checks files for Prometheus with its own promtool.

use std::path::{Path, PathBuf};

use super::Verdict;
use crate::support::tool::{Said, tool};

/// Returns a program of Prometheus that is installed, or unpacked by `cargo xtask quick`.
pub(crate) fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers/usr/bin");
    let all = [Path::new("/usr/bin").join(name), unpacked.join(name)];
    let found = all.into_iter().find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask quick`"))
}

fn promtool() -> PathBuf {
    program("promtool")
}

/// Checks a configuration with the files that it names, or a file of alert rules.
pub(crate) fn prometheus(kind: &str, file: &Path) -> Verdict {
    let words = ["check", kind, file.to_str().unwrap()];
    verdict(&tool(promtool().to_str().unwrap(), &words))
}

/// Checks metrics in the text format.
pub(crate) fn metrics(file: &Path) -> Verdict {
    let script = format!(
        "exec '{}' check metrics <'{}'",
        promtool().display(),
        file.display()
    );
    verdict(&tool("sh", &["-c", &script]))
}

fn verdict(said: &Said) -> Verdict {
    match said.code {
        Some(0) => Ok(()),
        _ => Err(said.words()),
    }
}

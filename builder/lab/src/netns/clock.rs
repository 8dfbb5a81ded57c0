//! The clock of a node: libfaketime shows its programs in C another time.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The variable by which a node's process 1 learns the time.
pub(super) const VARIABLE: &str = "LAB_CLOCK";
/// The library inside a node.
pub(super) const LIBRARY: &str = "/run/lab/faketime.so";

/// Returns whether this node's clock is wrong.
pub(super) fn is_wrong() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Returns the variables of a node's programs.
pub(super) fn settings() -> Vec<(&'static str, String)> {
    let settings = |time| {
        vec![
            ("LD_PRELOAD", LIBRARY.to_owned()),
            ("FAKETIME", time),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    };
    std::env::var(VARIABLE).map(settings).unwrap_or_default()
}

/// Returns the library on this machine.
pub(super) fn library() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/checkers/usr/lib");
    let entries = fs_err::read_dir(folder)?.flatten();
    let mut all = entries.map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    all.find(|library| library.is_file())
        .context("libfaketime is missing: run `cargo xtask lab`, which fetches it")
}

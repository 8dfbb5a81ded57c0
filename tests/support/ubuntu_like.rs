//! Makes a base from Debian packages that the program and cloud-init take for Ubuntu Server.
//!
//! It replaces the official images, which are not available to the tests: `tests/fixtures/ubuntu-like.sh` on the real
//! debian-trixie base.

use std::fs;
use std::path::Path;

use super::fixture::script;
use super::pi_like::debian;

/// Writes an image like that of 24.04.
pub(crate) fn make(image: &Path) {
    like("24.04", image);
}

/// Writes an image like that of 26.04, which has two places for its kernel.
pub(crate) fn make_26(image: &Path) {
    like("26.04", image);
}

fn like(release: &str, image: &Path) {
    if image.exists() {
        fs::remove_file(image).unwrap();
    }
    let base = debian();
    script("ubuntu-like.sh", &[base.to_str().unwrap(), release], image);
}

//! Makes a base from Debian packages that the program and cloud-init take for Ubuntu Server.
//!
//! It replaces the official images, which are not available to the tests: `tests/fixtures/ubuntu-like.sh` on the real
//! debian-trixie base.

use std::fs;
use std::path::Path;

use super::fixture::script;
use super::pi_like::debian;

/// Writes the image.
pub(crate) fn make(image: &Path) {
    if image.exists() {
        fs::remove_file(image).unwrap();
    }
    script("ubuntu-like.sh", &[debian().to_str().unwrap()], image);
}

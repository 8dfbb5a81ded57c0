//! Makes a base from Debian packages that the program and cloud-init take for Ubuntu Core.
//!
//! It replaces the official images, which are not available to the tests: `tests/fixtures/core-like.sh` on the real
//! debian-trixie base.

use std::fs;
use std::path::Path;

use super::fixture::script;
use super::pi_like::debian;

/// Writes the image of a model with this grade.
pub(crate) fn make(grade: &str, image: &Path) {
    if image.exists() {
        fs::remove_file(image).unwrap();
    }
    script("core-like.sh", &[grade, debian().to_str().unwrap()], image);
}

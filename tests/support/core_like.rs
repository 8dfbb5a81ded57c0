//! A base that is Ubuntu Core to the program and to cloud-init, made of Debian's packages, since no official image can be had here:
//! `tests/fixtures/core-like.sh` on the real debian-trixie base.

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

//! A base that is Ubuntu Server to the program and to cloud-init, made of Debian's packages, since no official image can be had
//! here: `tests/fixtures/ubuntu-like.sh` on the real debian-trixie base.

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

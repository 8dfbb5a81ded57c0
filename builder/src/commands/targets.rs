//! Refuses paths that a command cannot work on, such as a text instead of an image.

use std::path::Path;

use anyhow::Result;

use crate::failure::Kind;
use crate::file;

/// Reports a mistyped path as such, not as a broken image.
pub(super) fn must_exist(path: &Path, hint: &str) -> Result<()> {
    match fs_err::exists(path)? {
        true => Ok(()),
        false => Err(Kind::Usage.error(format!("{} does not exist", path.display()), hint)),
    }
}

/// The next step for an image or a directory of images that does not exist.
pub(super) const BUILD_FIRST: &str =
    "check the path, or write the images with `etcd-image build` first";

/// Refuses a directory in place of an image.
pub(super) fn must_be_one_image(path: &Path) -> Result<()> {
    match path.is_dir() {
        false => Ok(()),
        true => Err(Kind::Usage.error(format!("`{}` is a directory", path.display()), ONE_IMAGE)),
    }
}

/// The next step for a path that `inspect` cannot use.
pub(super) const ONE_IMAGE: &str = "name one image, as in `etcd-image inspect images/etcd1.img`";

/// Refuses a text in place of an image, such as a manifest.
pub(super) fn must_be_no_text(path: &Path, hint: &str) -> Result<()> {
    match file::is_pipe(path) || file::begins_with_text(path)? {
        false => Ok(()),
        true => Err(Kind::Usage.error(format!("{} is not a disk image", path.display()), hint)),
    }
}

//! The sources of overlay files: those embedded in the program and the directory given with `--overlays`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use include_dir::{Dir, include_dir};

use crate::failure::Kind;

static OVERLAYS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/overlays");
static FIRMWARE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/firmware");

/// The overlay files. A directory with the same layout adds overlays to the embedded ones; an overlay of the same name
/// replaces the embedded one.
#[derive(Clone, Debug, Default)]
pub struct Overlays {
    folder: Option<PathBuf>,
}

impl Overlays {
    /// Returns the embedded files, over which those of the directory take precedence.
    pub fn new(folder: Option<&Path>) -> Result<Self> {
        match folder {
            Some(folder) if !folder.is_dir() => Err(Kind::Usage.error(
                format!("`--overlays {}` is not a directory", folder.display()),
                "name a directory that has one directory per overlay",
            )),
            folder => Ok(Self {
                folder: folder.map(Path::to_owned),
            }),
        }
    }

    /// Returns the text of `overlays/<overlay>/<name>`, or of `overlays/<name>` if the name contains a directory.
    pub(super) fn text(&self, overlay: &str, name: &str) -> Result<Cow<'static, str>> {
        let relative = match name.contains('/') {
            true => Path::new(name).to_owned(),
            false => Path::new(overlay).join(name),
        };
        let own = relative.iter().next().map(Path::new);
        let folder = self.folder.as_ref().zip(own);
        match folder.filter(|(folder, own)| folder.join(own).exists()) {
            Some((folder, _)) => {
                let path = folder.join(&relative);
                let text = fs_err::read_to_string(&path).context("reading an overlay file")?;
                Ok(Cow::Owned(text))
            }
            None => embedded(&OVERLAYS, &relative),
        }
    }
}

/// Returns the text of `firmware/<name>.toml`.
pub(super) fn firmware(name: &str) -> Result<Cow<'static, str>> {
    embedded(&FIRMWARE, Path::new(&format!("{name}.toml")))
}

fn embedded(dir: &'static Dir<'static>, path: &Path) -> Result<Cow<'static, str>> {
    let file = dir.get_file(path).ok_or_else(|| {
        Kind::Usage.error(
            format!("no file `{}` in {}", path.display(), dir.path().display()),
            "the recipe names overlays and firmware files; check their spelling",
        )
    })?;
    file.contents_utf8()
        .map(Cow::Borrowed)
        .with_context(|| format!("reading `{}` as UTF-8", path.display()))
}

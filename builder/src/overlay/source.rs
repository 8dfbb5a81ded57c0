//! The sources of overlay files: those embedded in the program and the directory given with `--overlays`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

use crate::failure::Kind;
use crate::{file, hex};

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
        let overlay = relative.iter().next().map(Path::new);
        let folder = match self.folder.as_ref().zip(overlay) {
            // An overlay in the directory that cannot be read is an error: the embedded one of that name would be another.
            Some((folder, overlay)) if fs_err::exists(folder.join(overlay))? => Some(folder),
            _ => None,
        };
        match folder {
            Some(folder) => {
                let path = folder.join(&relative);
                let text = file::read_text(&path).context("reading an overlay file")?;
                Ok(Cow::Owned(text))
            }
            None => embedded(&OVERLAYS, &relative),
        }
    }

    /// Returns the SHA-256 over the paths and contents of all overlays and firmware settings, sorted by path.
    pub fn sha256(&self) -> Result<String> {
        let mut files = BTreeMap::new();
        for (prefix, dir) in [("overlays", &OVERLAYS), ("firmware", &FIRMWARE)] {
            collect(dir, &mut |path, bytes| {
                files.insert(Path::new(prefix).join(path), Cow::Borrowed(bytes));
            });
        }
        if let Some(folder) = &self.folder {
            collect_from_disk(folder, Path::new("own overlays"), &mut files)?;
        }
        let mut hash = Sha256::new();
        for (path, bytes) in &files {
            let path = path
                .components()
                .map(|part| part.as_os_str().to_string_lossy());
            let path = path.collect::<Vec<_>>().join("/");
            for part in [path.as_bytes(), bytes] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        Ok(hex::encode(&hash.finalize()))
    }
}

/// Calls `add` with the path and content of every embedded file.
fn collect(dir: &'static Dir<'static>, add: &mut impl FnMut(&'static Path, &'static [u8])) {
    dir.files()
        .for_each(|file| add(file.path(), file.contents()));
    dir.dirs().for_each(|inner| collect(inner, add));
}

/// Adds every file below a directory.
fn collect_from_disk(
    folder: &Path,
    below: &Path,
    files: &mut BTreeMap<PathBuf, Cow<'static, [u8]>>,
) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        match path.is_dir() {
            true => collect_from_disk(&path, &name, files)?,
            false => drop(files.insert(name, Cow::Owned(file::read(&path)?))),
        }
    }
    Ok(())
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

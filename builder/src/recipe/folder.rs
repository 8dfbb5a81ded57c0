//! The sources of recipe texts: the embedded files and the user's directory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use include_dir::{Dir, include_dir};

use crate::failure::Kind;
use crate::file;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/recipes");

/// The directory of the public keys.
const KEYS: &str = "keys";

/// Returns every `*.toml` by its name without the extension.
pub(super) fn all(dir: Option<&Path>) -> Result<BTreeMap<String, String>> {
    let mut texts = embedded(&EMBEDDED, "toml");
    if let Some(dir) = dir {
        texts.extend(
            from_folder(dir, "toml")
                .with_context(|| format!("reading the recipes of {}", dir.display()))?,
        );
    }
    Ok(texts)
}

/// Returns every `keys/*.asc` by its name without the extension.
pub(super) fn keys(dir: Option<&Path>) -> Result<BTreeMap<String, String>> {
    let mut texts = EMBEDDED
        .get_dir(KEYS)
        .map_or_else(BTreeMap::new, |keys| embedded(keys, "asc"));
    if let Some(dir) = dir.map(|dir| dir.join(KEYS))
        && fs_err::exists(&dir)?
    {
        texts.extend(
            from_folder(&dir, "asc")
                .with_context(|| format!("reading the keys of {}", dir.display()))?,
        );
    }
    Ok(texts)
}

fn embedded(dir: &Dir<'_>, ending: &str) -> BTreeMap<String, String> {
    let files = dir.files().filter(|file| ends(file.path(), ending));
    files
        .filter_map(|file| Some((stem(file.path())?, file.contents_utf8()?.to_owned())))
        .collect()
}

fn from_folder(dir: &Path, ending: &str) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for entry in fs_err::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let (true, Some(name)) = (ends(&path, ending), stem(&path)) {
            texts.insert(name, file::read_text(&path).map_err(unreadable)?);
        }
    }
    Ok(texts)
}

fn ends(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn stem(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_str()?.to_owned())
}

/// Converts an error of fs-err, whose message already names the path.
#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn unreadable(error: std::io::Error) -> anyhow::Error {
    Kind::Usage.error(
        error.to_string(),
        "give `--recipes` a directory of readable `.toml` files",
    )
}

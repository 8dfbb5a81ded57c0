//! A recipe as written in its file. Strict: an unknown key is an error, so a misspelt digest cannot go unnoticed.

use anyhow::Result;
use serde::Deserialize;

use super::{Download, Family, Recipe, Source, is_sha256};
use crate::failure::{Failure, Kind, parse_toml};
use crate::spec::Board;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    title: String,
    release: String,
    family: Family,
    overlays: Vec<String>,
    firmware: Vec<String>,
    boards: Vec<Board>,
    download: Option<Download>,
    made_by: Option<Maker>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Maker {
    Mmdebstrap,
}

/// The recipe in `text`, the content of `{name}.toml`.
pub(super) fn parse(name: &str, text: &str) -> Result<Recipe> {
    let file: File = parse_toml(text).map_err(|what| wrong(name, &what))?;
    if file.boards.is_empty() {
        return Err(wrong(name, "`boards` is empty"));
    }
    Ok(Recipe {
        name: name.to_owned(),
        source: source(name, file.download, file.made_by)?,
        title: file.title,
        release: file.release,
        family: file.family,
        overlays: file.overlays,
        firmware: file.firmware,
        boards: file.boards,
    })
}

fn source(name: &str, download: Option<Download>, maker: Option<Maker>) -> Result<Source> {
    match (download, maker) {
        (Some(table), None) => Ok(Source::Download(published(name, table)?)),
        (None, Some(Maker::Mmdebstrap)) => Ok(Source::Debian),
        _ => Err(wrong(
            name,
            "exactly one of `[download]` and `made-by` is needed",
        )),
    }
}

fn published(name: &str, table: Download) -> Result<Download> {
    if !(table.url.starts_with("https://") || table.url.starts_with("http://")) {
        return Err(wrong(name, "`url` must start with https:// or http://"));
    }
    for digest in [Some(&table.sha256), table.raw_sha256.as_ref()]
        .into_iter()
        .flatten()
    {
        if !is_sha256(digest) {
            return Err(wrong(
                name,
                &format!("`{digest}` is not a SHA-256 in 64 lower-case hexadecimal digits"),
            ));
        }
    }
    Ok(table)
}

fn wrong(name: &str, what: &str) -> anyhow::Error {
    let hint =
        "see recipes/raspios-trixie.toml for every key; keys below `[download]` belong to it";
    Failure::new(Kind::Usage, format!("recipe {name}.toml: {what}"), hint)
}

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
    family: FamilyName,
    overlays: Vec<String>,
    firmware: Vec<String>,
    boards: Vec<BoardName>,
    download: Option<DownloadTable>,
    made_by: Option<Maker>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DownloadTable {
    url: String,
    sha256: String,
    size: Option<u64>,
    raw_sha256: Option<String>,
    raw_size: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Maker {
    Mmdebstrap,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FamilyName {
    RaspiosTrixie,
    RaspiosBookworm,
    DebianTrixie,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BoardName {
    Pi3,
    Zero2W,
    Pi4,
    Cm4,
    Pi5,
    Cm5,
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
        family: family(file.family),
        overlays: file.overlays,
        firmware: file.firmware,
        boards: file.boards.into_iter().map(board).collect(),
    })
}

fn source(name: &str, download: Option<DownloadTable>, maker: Option<Maker>) -> Result<Source> {
    match (download, maker) {
        (Some(table), None) => Ok(Source::Download(published(name, table)?)),
        (None, Some(Maker::Mmdebstrap)) => Ok(Source::Debian),
        _ => Err(wrong(
            name,
            "exactly one of `[download]` and `made-by` is needed",
        )),
    }
}

fn published(name: &str, table: DownloadTable) -> Result<Download> {
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
    Ok(Download {
        url: table.url,
        sha256: table.sha256,
        size: table.size,
        raw_sha256: table.raw_sha256,
        raw_size: table.raw_size,
    })
}

fn wrong(name: &str, what: &str) -> anyhow::Error {
    let hint =
        "see recipes/raspios-trixie.toml for every key; keys below `[download]` belong to it";
    Failure::new(Kind::Usage, format!("recipe {name}.toml: {what}"), hint)
}

fn family(name: FamilyName) -> Family {
    match name {
        FamilyName::RaspiosTrixie => Family::RaspiosTrixie,
        FamilyName::RaspiosBookworm => Family::RaspiosBookworm,
        FamilyName::DebianTrixie => Family::DebianTrixie,
    }
}

fn board(name: BoardName) -> Board {
    match name {
        BoardName::Pi3 => Board::Pi3,
        BoardName::Zero2W => Board::Zero2W,
        BoardName::Pi4 => Board::Pi4,
        BoardName::Cm4 => Board::Cm4,
        BoardName::Pi5 => Board::Pi5,
        BoardName::Cm5 => Board::Cm5,
    }
}

//! A recipe as written in its file. Parsing is strict: an unknown key is an error, so a misspelled digest is always noticed.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::model::{BoardWarning, OptionalSetting, Recognize};
use super::{BaseSource, DigestSource, Download, Grade, Recipe, SignedList, TrustedKey, is_sha256};
use crate::failure::{Kind, parse_toml};
use crate::spec::Board;

/// The public keys in ASCII armor, by name.
type Keys = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RecipeFile {
    title: String,
    release: String,
    provisioned_by: String,
    boot_label: Option<String>,
    #[serde(default = "command_line")]
    command_line: String,
    systemd: u32,
    glibc: Option<String>,
    overlays: Vec<String>,
    firmware: Vec<String>,
    boards: Vec<Board>,
    grade: Option<Grade>,
    download: Option<DownloadTable>,
    made_by: Option<Maker>,
    recognize: Recognize,
    #[serde(default)]
    unsupported: BTreeMap<OptionalSetting, String>,
    #[serde(default, rename = "warning")]
    warnings: Vec<BoardWarning>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DownloadTable {
    url: String,
    sha256: Option<String>,
    signed: Option<SignedTable>,
    size: Option<u64>,
    raw_sha256: Option<String>,
    raw_size: Option<u64>,
}

/// A signed list of digests, which is published with its signature beside the image.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedTable {
    list: String,
    signature: String,
    key: String,
    fingerprint: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Maker {
    Mmdebstrap,
}

/// Parses the recipe in `text`, the content of `{name}.toml`.
pub(super) fn parse(name: &str, text: &str, keys: &Keys) -> Result<Recipe> {
    let file: RecipeFile = parse_toml(text).map_err(|what| wrong(name, &what))?;
    if file.boards.is_empty() {
        return Err(wrong(name, "`boards` is empty"));
    }
    if has_control_character(&file) {
        return Err(wrong(name, "it contains a control character"));
    }
    let has_overlay = file.overlays.iter().any(|name| name == "appliance");
    if has_overlay == file.unsupported.contains_key(&OptionalSetting::Appliance) {
        let what =
            "exactly one of the overlay `appliance` and `appliance` of `[unsupported]` is needed";
        return Err(wrong(name, what));
    }
    Ok(Recipe {
        name: name.to_owned(),
        source: base_source(name, file.download, file.made_by, keys)?,
        title: file.title,
        release: file.release,
        provisioned_by: file.provisioned_by,
        recognize: file.recognize,
        boot_label: file.boot_label,
        command_line: file.command_line,
        systemd: file.systemd,
        glibc: file.glibc.map(|text| version(name, &text)).transpose()?,
        grade: file.grade,
        overlays: file.overlays,
        firmware: file.firmware,
        boards: file.boards,
        unsupported: file.unsupported,
        warnings: file.warnings,
    })
}

/// Returns where the firmware reads the kernel's command line unless `config.txt` says otherwise.
fn command_line() -> String {
    "/cmdline.txt".to_owned()
}

/// Returns whether a printed text contains a control character, which could command the terminal.
fn has_control_character(file: &RecipeFile) -> bool {
    let sentences = file.warnings.iter().map(|warning| &warning.text);
    let mut texts = [&file.title, &file.release, &file.provisioned_by]
        .into_iter()
        .chain(file.unsupported.values())
        .chain(sentences);
    texts.any(|text| text.contains(char::is_control))
}

/// Parses a version of glibc, e.g. `2.39`.
fn version(name: &str, text: &str) -> Result<(u32, u32)> {
    let parts = text.split_once('.');
    let numbers = parts.and_then(|(major, minor)| major.parse().ok().zip(minor.parse().ok()));
    numbers.ok_or_else(|| {
        wrong(
            name,
            &format!("`glibc` is `{text}`, not a version such as `2.39`"),
        )
    })
}

fn base_source(
    name: &str,
    download: Option<DownloadTable>,
    maker: Option<Maker>,
    keys: &Keys,
) -> Result<BaseSource> {
    match (download, maker) {
        (Some(table), None) => Ok(BaseSource::Download(published(name, table, keys)?)),
        (None, Some(Maker::Mmdebstrap)) => Ok(BaseSource::Debian),
        _ => Err(wrong(
            name,
            "exactly one of `[download]` and `made-by` is needed",
        )),
    }
}

fn published(name: &str, table: DownloadTable, keys: &Keys) -> Result<Download> {
    if !(table.url.starts_with("https://") || table.url.starts_with("http://")) {
        return Err(wrong(name, "`url` must start with https:// or http://"));
    }
    let (folder, last_part) = table.url.rsplit_once('/').unwrap_or_default();
    let stars = (
        table.url.matches('*').count(),
        last_part.matches('*').count(),
    );
    if !matches!((stars, &table.signed), ((0, 0), _) | ((1, 1), Some(_))) {
        let what = "`url` may contain one `*`, in its last part, with `[download.signed]`";
        return Err(wrong(name, what));
    }
    for digest in [table.sha256.as_ref(), table.raw_sha256.as_ref()]
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
    let digest_source = match (table.sha256, table.signed) {
        (Some(sha256), None) => DigestSource::Sha256(sha256),
        (None, Some(signed)) => DigestSource::Signed(signed_list(name, folder, signed, keys)?),
        _ => {
            return Err(wrong(
                name,
                "exactly one of `sha256` and `[download.signed]` is needed",
            ));
        }
    };
    Ok(Download {
        url: table.url,
        digest_source,
        size: table.size,
        raw_sha256: table.raw_sha256,
        raw_size: table.raw_size,
    })
}

fn signed_list(name: &str, folder: &str, table: SignedTable, keys: &Keys) -> Result<SignedList> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    if table.fingerprint.len() < 40 || !table.fingerprint.bytes().all(is_hex) {
        let what = "`fingerprint` is not 40 or more upper-case hexadecimal digits";
        return Err(wrong(name, what));
    }
    let key = keys.get(&table.key).ok_or_else(|| {
        let what = format!("there is no key keys/{}.asc beside the recipes", table.key);
        wrong(name, &what)
    })?;
    Ok(SignedList {
        list: format!("{folder}/{}", table.list),
        signature: format!("{folder}/{}", table.signature),
        signer: TrustedKey {
            name: table.key,
            fingerprint: table.fingerprint,
            key: key.clone(),
        },
    })
}

fn wrong(name: &str, what: &str) -> anyhow::Error {
    let hint =
        "see recipes/raspios-trixie.toml for every key; keys below `[download]` belong to it";
    Kind::Usage.error(format!("recipe {name}.toml: {what}"), hint)
}

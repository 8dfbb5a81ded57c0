//! `fleet.toml`: the template, and the table of clusters or the name of a file that contains it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use toml::Spanned;

use super::row::WrittenRow;
use super::spreadsheet;
use crate::failure::{Kind, parse_toml};
use crate::spec::named_text;

/// A fleet as described.
pub(super) struct Description {
    /// The path of the template.
    pub(super) template: PathBuf,
    /// One for each cluster.
    pub(super) rows: Vec<WrittenRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetFile {
    template: PathBuf,
    table: Option<PathBuf>,
    #[serde(default)]
    cluster: Vec<Spanned<toml::Table>>,
}

/// Reads the description. Its paths are relative to its own directory.
pub(super) fn read(path: &Path) -> Result<Description> {
    let text = named_text(path, "name a readable fleet.toml with `--fleet`")?.text;
    let wrong = |what: String| {
        let hint =
            "a fleet names a `template` and either a `table` or one [[cluster]] for each cluster";
        Kind::Usage.error(format!("reading {}: {what}", path.display()), hint)
    };
    if describes_one_cluster(&text) {
        let shown = path.display();
        return Err(Kind::Usage.error(
            format!("{shown} describes one cluster; --fleet needs a file with `template`"),
            format!("use `--config {shown}`, or name a fleet.toml with `--fleet`"),
        ));
    }
    let file: FleetFile = parse_toml(&text).map_err(wrong)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let rows = match (file.table, file.cluster) {
        (None, clusters) if !clusters.is_empty() => rows(path, &text, clusters),
        (Some(table), clusters) if clusters.is_empty() => {
            let table = folder.join(table);
            let hint = format!("correct `table` in {}", path.display());
            let spreadsheet = named_text(&table, &hint)?;
            let rows = spreadsheet::rows(&table.display().to_string(), &spreadsheet.text);
            rows.map_err(|what| {
                Kind::Usage.error(what, "correct it and run again; nothing was written")
            })?
        }
        (None, _) => return Err(wrong("it describes no cluster".to_owned())),
        (Some(_), _) => return Err(wrong("it has both `table` and [[cluster]]".to_owned())),
    };
    Ok(Description {
        template: folder.join(file.template),
        rows,
    })
}

/// Returns whether a text is a cluster.toml in place of the description of a fleet.
fn describes_one_cluster(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else {
        return false;
    };
    let has = |key: &str| table.contains_key(key);
    let cluster = table.get("cluster").is_some_and(toml::Value::is_table);
    !has("template") && (cluster || ["node", "network", "etcd", "ssh"].into_iter().any(has))
}

fn rows(path: &Path, text: &str, clusters: Vec<Spanned<toml::Table>>) -> Vec<WrittenRow> {
    let written = |cluster: Spanned<toml::Table>| {
        let before = text.get(..cluster.span().start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        WrittenRow {
            place: format!("{}:{line}", path.display()),
            settings: cluster.into_inner(),
            wrong: Vec::new(),
        }
    };
    clusters.into_iter().map(written).collect()
}

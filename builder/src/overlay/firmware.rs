//! `firmware/*.toml`: lines of `config.txt`, each for all boards or for some of them.

use anyhow::Result;

use super::manifest::FirmwareFile;
use super::source;
use super::tree::{Change, DesiredPath, Edit};
use crate::failure::{Kind, parse_toml};
use crate::inspect::Volume;
use crate::spec::{Board, Firmware};

/// Returns the edits of `config.txt` in one firmware file for a node with this board, or `None` for any board.
///
/// A line for some boards applies only to a node that names one of them, because a card for any board must boot on all.
pub(super) fn entries(name: &str, board: Option<Board>) -> Result<Vec<DesiredPath>> {
    let text = source::firmware(name)?;
    let file: FirmwareFile = parse_toml(&text).map_err(|what| {
        Kind::Usage.error(
            format!("reading firmware/{name}.toml: {what}"),
            "correct the file and build etcd-image again",
        )
    })?;
    let wanted =
        |boards: &[Board]| boards.is_empty() || board.is_some_and(|board| boards.contains(&board));
    let settings = file.settings.into_iter().filter(|s| wanted(&s.boards));
    let entries = settings.map(|setting| config_txt(vec![setting.line], &setting.why));
    Ok(entries.collect())
}

/// Returns the edits for `[firmware]`, which come after those of this program and may replace their values.
pub(super) fn own_entries(firmware: &Firmware) -> Vec<DesiredPath> {
    let why = "[firmware] of cluster.toml";
    let (config, add) = (firmware.config.clone(), firmware.cmdline.clone());
    let config = (!config.is_empty()).then(|| config_txt(config, why));
    let arguments = Edit::KernelArguments {
        remove: Vec::new(),
        add,
    };
    let cmdline = !firmware.cmdline.is_empty();
    let cmdline = cmdline.then(|| edited("/cmdline.txt", arguments, why));
    config.into_iter().chain(cmdline).collect()
}

fn config_txt(ensure: Vec<String>, why: &str) -> DesiredPath {
    edited("/config.txt", Edit::FirmwareSettings { ensure }, why)
}

fn edited(path: &str, edit: Edit, why: &str) -> DesiredPath {
    DesiredPath::new(Volume::Boot, path.to_owned(), Change::Edited(edit), why)
}

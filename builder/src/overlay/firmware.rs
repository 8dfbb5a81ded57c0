//! `firmware/*.toml`: lines of `config.txt`, each for all boards or for some of them.

use anyhow::Result;

use super::manifest::FirmwareFile;
use super::source;
use super::tree::{Change, Edit, Entry};
use crate::failure::{Kind, parse_toml};
use crate::inspect::Place;
use crate::spec::Board;

/// Returns the edits of `config.txt` in one firmware file for a node with this board, or `None` for any board.
///
/// A line for some boards applies only to a node that names one of them, because a card for any board must boot on all.
pub(super) fn entries(name: &str, board: Option<Board>) -> Result<Vec<Entry>> {
    let text = source::firmware(name)?;
    let file: FirmwareFile = parse_toml(&text).map_err(|what| {
        Kind::Usage.error(
            format!("reading firmware/{name}.toml: {what}"),
            "correct the file and build etcd-image again",
        )
    })?;
    let wanted =
        |boards: &[Board]| boards.is_empty() || board.is_some_and(|board| boards.contains(&board));
    let entry = |setting: super::manifest::SettingItem| Entry {
        place: Place::Boot,
        path: "/config.txt".to_owned(),
        change: Change::Edited(Edit::FirmwareSettings {
            ensure: vec![setting.line],
        }),
        role: None,
        why: setting.why,
        origin: None,
    };
    let settings = file.settings.into_iter().filter(|s| wanted(&s.boards));
    Ok(settings.map(entry).collect())
}

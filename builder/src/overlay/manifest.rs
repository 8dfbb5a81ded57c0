//! The format of `overlay.toml`: the desired changes for one purpose, as written. Strings may be templates.

use serde::Deserialize;

use crate::description::FileRole;
use crate::spec::Board;

/// The manifest of one overlay directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverlayFile {
    /// Purpose of the overlay.
    #[serde(rename = "why")]
    pub(super) _why: String,
    #[serde(default)]
    pub(super) needed: Vec<NeededItem>,
    #[serde(default, rename = "account")]
    pub(super) accounts: Vec<AccountItem>,
    #[serde(default, rename = "folder")]
    pub(super) folders: Vec<FolderItem>,
    #[serde(default, rename = "file")]
    pub(super) files: Vec<FileItem>,
    #[serde(default, rename = "link")]
    pub(super) links: Vec<LinkItem>,
    #[serde(default)]
    pub(super) absent: Vec<AbsentItem>,
    #[serde(default, rename = "edit")]
    pub(super) edits: Vec<EditItem>,
}

/// `[[needed]]`: a program of the base that the added files depend on, or a line of a text file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeededItem {
    #[serde(default)]
    pub(super) place: PlaceItem,
    pub(super) path: String,
    pub(super) line: Option<String>,
    pub(super) when: Option<String>,
    /// The setting whose value names the path or the line, so that the user corrects it if the base lacks that.
    pub(super) setting: Option<String>,
    pub(super) why: String,
}

/// `[[account]]`: an account that must exist.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum AccountItem {
    /// A system user that owns a service.
    System {
        name: String,
        home: String,
        comment: String,
        why: String,
    },
    /// The login user of `[ssh]`.
    Login { why: String },
}

/// `[[folder]]`: a directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FolderItem {
    pub(super) path: String,
    pub(super) mode: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[file]]`: a file with exactly one of `template`, `blob` and `sums`, or one file for each item of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileItem {
    #[serde(default)]
    pub(super) place: PlaceItem,
    pub(super) path: String,
    /// A file next to `overlay.toml`, or `<overlay>/<file>` for a file of another overlay.
    pub(super) template: Option<String>,
    /// A named value of the node: a binary, a certificate, a key.
    pub(super) blob: Option<String>,
    /// Whether the content is the digests of earlier files in its directory, in the format of `sha256sum`.
    #[serde(default)]
    pub(super) sums: bool,
    pub(super) mode: Option<String>,
    pub(super) owner: Option<String>,
    /// Role of a template in the node's description; a blob has a fixed role.
    pub(super) role: Option<FileRole>,
    /// Whether the rendered text contains a password.
    #[serde(default)]
    pub(super) secret: bool,
    /// A list: the file is written for each item, which `path` and `template` know as `each`.
    #[serde(rename = "for-each")]
    pub(super) for_each: Option<String>,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[link]]`: a symbolic link.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkItem {
    pub(super) path: String,
    pub(super) target: String,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[absent]]`: a file or symbolic link to remove.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentItem {
    pub(super) path: String,
    pub(super) why: String,
}

/// `[[edit]]`: a change to a text file of the base.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditItem {
    pub(super) kind: EditKind,
    #[serde(default)]
    pub(super) place: PlaceItem,
    pub(super) path: String,
    #[serde(default)]
    pub(super) remove: Vec<String>,
    #[serde(default)]
    pub(super) add: Vec<String>,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// The rule that changes a file.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EditKind {
    DiskId,
    KernelArguments,
}

/// The partition of a path, by default the root.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PlaceItem {
    Boot,
    #[default]
    Root,
    /// The partition from which the first boot installs files (`paths.payload`).
    Payload,
    /// The read-only system that Ubuntu Core stores in a snap.
    Base,
}

/// A file of `firmware/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirmwareFile {
    /// Purpose of the file.
    #[serde(rename = "why")]
    pub(super) _why: String,
    #[serde(default, rename = "setting")]
    pub(super) settings: Vec<SettingItem>,
}

/// A line of `config.txt`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingItem {
    pub(super) line: String,
    /// Boards that the line applies to; empty for every board.
    #[serde(default)]
    pub(super) boards: Vec<Board>,
    pub(super) why: String,
}

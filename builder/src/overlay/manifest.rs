//! `overlay.toml`: the wanted changes of one concern, as written. Strings may be templates.

use serde::Deserialize;

use crate::description::Role;
use crate::spec::Board;

/// One overlay folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// What the overlay is for.
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

/// `[[needed]]`: a program of the base that what we add cannot do without.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeededItem {
    #[serde(default)]
    pub(super) place: PlaceItem,
    pub(super) path: String,
    pub(super) why: String,
}

/// `[[account]]`
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

/// `[[folder]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FolderItem {
    pub(super) path: String,
    pub(super) mode: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[file]]`: exactly one of `template`, `blob` and `sums`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileItem {
    #[serde(default)]
    pub(super) place: PlaceItem,
    pub(super) path: String,
    /// A file beside `overlay.toml`, or with its folder one of another overlay.
    pub(super) template: Option<String>,
    /// A named value of the node: a binary, a certificate, a key.
    pub(super) blob: Option<String>,
    /// Digests of the files in its folder that stand before it, as `sha256sum` writes them.
    #[serde(default)]
    pub(super) sums: bool,
    pub(super) mode: Option<String>,
    pub(super) owner: Option<String>,
    /// What the node's description says that the file is for; a blob has a role of its own.
    pub(super) role: Option<Role>,
    /// The rendered text holds a password.
    #[serde(default)]
    pub(super) secret: bool,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[link]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkItem {
    pub(super) path: String,
    pub(super) target: String,
    pub(super) when: Option<String>,
    pub(super) why: String,
}

/// `[[absent]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentItem {
    pub(super) path: String,
    pub(super) why: String,
}

/// `[[edit]]`
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

/// Which rule changes the file.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EditKind {
    DiskId,
    KernelArguments,
}

/// Which partition; the root unless said.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PlaceItem {
    Boot,
    #[default]
    Root,
    /// Where the base takes what its first boot installs (`paths.payload`).
    Payload,
    /// The read-only system that Ubuntu Core keeps in a snap.
    Base,
}

/// A file of `firmware/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirmwareFile {
    /// What the file is for.
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
    /// Boards it is for; empty means every board.
    #[serde(default)]
    pub(super) boards: Vec<Board>,
    pub(super) why: String,
}

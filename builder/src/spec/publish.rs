//! `[publish]`: where published images are found, and who signs them.

use std::path::{Path, PathBuf};

use super::cluster::Publish;
use super::identity;
use super::input::Input;
use super::table::Table;
use crate::cli;

/// Reads the table.
pub(super) fn read(table: &Table, input: &Input) -> Publish {
    let folder = identity::config_folder(input);
    Publish {
        url: table.owned("url"),
        sign: table
            .optional("sign")
            .map(|key| joined_path(folder, key.value)),
    }
}

/// Returns a path below the configuration's directory, unless it is absolute or in a home directory.
fn joined_path(folder: &Path, text: &str) -> PathBuf {
    match text.starts_with("~/") {
        true => PathBuf::from(text),
        false => folder.join(text),
    }
}

/// Checks the address of a directory. The complaint does not repeat it, since it may contain a password.
pub(super) fn url(text: &str) -> Result<(), String> {
    match cli::directory_url(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("this is not the address of a directory: {why}")),
    }
}

//! What an entry demands of the base: a text to edit, a program, or a path that is no folder.

use anyhow::Result;

use crate::failure::Kind;
use crate::inspect::Before;
use crate::overlay::Entry;

pub(super) fn text_of(entry: &Entry, before: &Before) -> Result<String> {
    let text = match before {
        Before::File {
            content: Some(bytes),
            ..
        } => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    text.map(str::to_owned).ok_or_else(|| {
        Kind::Unsupported.error(
            format!("the base has no text file {}", entry.path),
            "is this a stock Raspberry Pi OS or Debian image?",
        )
    })
}

pub(super) fn needed(entry: &Entry, before: &Before) -> Result<()> {
    match before {
        Before::Missing => Err(Kind::Unsupported.error(
            format!("the base has no {}: {}", entry.path, entry.why),
            "use a stock image of a base that `etcd-image recipes` lists, and correct the setting if it names the file",
        )),
        _ => Ok(()),
    }
}

pub(super) fn refuse_folder(entry: &Entry, before: &Before) -> Result<()> {
    match before {
        Before::Folder { .. } | Before::Other => Err(Kind::Refused.error(
            format!("the base has a folder or device at {}", entry.path),
            "is this a stock image?",
        )),
        _ => Ok(()),
    }
}

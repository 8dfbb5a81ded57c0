//! What an entry demands of the base: a text to edit, a program, or a path that is no folder.

use anyhow::Result;

use crate::failure::Kind;
use crate::inspect::Before;
use crate::overlay::Entry;

pub(super) fn text_of(entry: &Entry, before: &Before) -> Result<String> {
    let Before::File {
        content: Some(bytes),
        ..
    } = before
    else {
        return Err(Kind::Unsupported.error(
            format!("the base has no text file {}", entry.path),
            "is this a stock Raspberry Pi OS or Debian image?",
        ));
    };
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        Kind::Unsupported.error(
            format!("line {line} of {} in the base is not UTF-8", entry.path),
            "convert the file in the base to UTF-8, or use a stock image",
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

//! What an entry demands of the base: a text to edit, a program, a line, or a path that is no directory.

use anyhow::Result;

use crate::failure::{Kind, STOCK};
use crate::inspect::Before;
use crate::overlay::DesiredPath;

pub(super) fn text_of(entry: &DesiredPath, before: &Before) -> Result<String> {
    let Before::File {
        content: Some(bytes),
        ..
    } = before
    else {
        return Err(
            Kind::Unsupported.error(format!("the base has no text file {}", entry.path), STOCK)
        );
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

/// Refuses a base without what an entry needs. What the user named with a setting is a file.
pub(super) fn needed(entry: &DesiredPath, before: &Before) -> Result<()> {
    match before {
        Before::Folder { .. } | Before::Other if entry.origin.is_some() => Err(Kind::Unsupported
            .error(
                format!("{} of the base is not a file: {}", entry.path, entry.why),
                "use a base that has it",
            )),
        Before::Missing => Err(Kind::Unsupported.error(
            format!("the base has no {}: {}", entry.path, entry.why),
            "use a stock image of a base that `etcd-image recipes` lists",
        )),
        _ => Ok(()),
    }
}

pub(super) fn needed_line(entry: &DesiredPath, before: &Before, line: &str) -> Result<()> {
    let text = text_of(entry, before)?;
    match text.lines().any(|found| found.trim() == line) {
        true => Ok(()),
        false => Err(Kind::Unsupported.error(
            format!("the base has no `{line}` in {}: {}", entry.path, entry.why),
            "use a base that has it",
        )),
    }
}

pub(super) fn refuse_folder(entry: &DesiredPath, before: &Before) -> Result<()> {
    match before {
        Before::Folder { .. } | Before::Other => Err(Kind::Refused.error(
            format!("the base has a directory or device at {}", entry.path),
            STOCK,
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::inspect::Attributes;
    use crate::overlay::Change;
    use crate::plan::tests::entry;

    #[test]
    fn a_line_is_needed_as_a_whole() {
        let line = "en_GB.UTF-8 UTF-8";
        let change = Change::NeededLine {
            line: line.to_owned(),
        };
        let entry = entry("/etc/locale.gen", change);
        let with = |text: &str| {
            let before = Before::File {
                attributes: Attributes {
                    mode: 0o644,
                    uid: 0,
                    gid: 0,
                },
                size: text.len() as u64,
                content: Some(Arc::from(text.as_bytes())),
            };
            needed_line(&entry, &before, line).map_err(|error| error.to_string())
        };
        assert_eq!(with("# all\nen_GB.UTF-8 UTF-8  \n"), Ok(()));
        let refused = "the base has no `en_GB.UTF-8 UTF-8` in /etc/locale.gen: because";
        assert_eq!(with("# en_GB.UTF-8 UTF-8\n"), Err(refused.to_owned()));
    }

    #[test]
    fn a_base_that_is_not_stock_is_refused_with_a_next_step() {
        let entry = entry("/etc/fstab", Change::Needed);
        let hint = |error: anyhow::Error| crate::failure::explain(&error).1;
        let no_text = text_of(&entry, &Before::Missing).unwrap_err();
        assert_eq!(hint(no_text), STOCK);
        let device = refuse_folder(&entry, &Before::Other).unwrap_err();
        assert_eq!(hint(device), STOCK);
    }
}

//! A plan as text: every path with its content before and after, and the reason. Secrets are shown as fingerprints.

use std::fmt::{self, Display, Formatter};

use super::model::{Action, Plan, Step};
use crate::inspect::{Attributes, Before};
use crate::overlay::FileContent;
use crate::secret::FingerprintKey;

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "node {}", self.node)?;
        match self.disk_id {
            (before, after) if before == after => writeln!(f, "  disk id {before:08x} stays")?,
            (before, after) => writeln!(f, "  disk id {before:08x} → {after:08x}")?,
        }
        self.steps
            .iter()
            .try_for_each(|step| step.print(&self.fingerprints, f))
    }
}

impl Step {
    fn print(&self, key: &FingerprintKey, f: &mut Formatter<'_>) -> fmt::Result {
        let volume = self.volume.name();
        writeln!(f, "  {volume} {}    # {}", self.path, self.why)?;
        if let Some((old, new)) = texts(self) {
            return write_changed_lines(f, &old, &new);
        }
        write!(f, "      {} → ", self.before)?;
        match &self.action {
            Action::WriteFile {
                content,
                attributes,
            } => {
                let size = content.bytes().len();
                writeln!(
                    f,
                    "file {attributes}, {size} bytes, {}",
                    shown_digest(content, key),
                    attributes = Shown(*attributes)
                )
            }
            Action::MakeFolder { attributes } | Action::SetAttributes { attributes } => {
                writeln!(f, "directory {}", Shown(*attributes))
            }
            Action::MakeSymlink { target } => writeln!(f, "link to {target}"),
            Action::Remove => writeln!(f, "nothing"),
        }
    }
}

impl Display for Before {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nothing"),
            Self::File {
                attributes, size, ..
            } => write!(f, "file {}, {size} bytes", Shown(*attributes)),
            Self::Folder { attributes } => write!(f, "directory {}", Shown(*attributes)),
            Self::Symlink { target } => write!(f, "link to {target}"),
            Self::Other => f.write_str("device"),
        }
    }
}

/// Attributes as `0644 0:0`.
struct Shown(Attributes);

impl Display for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o} {}:{}", self.0.mode, self.0.uid, self.0.gid)
    }
}

fn shown_digest(content: &FileContent, key: &FingerprintKey) -> String {
    match content {
        FileContent::Plain(bytes) => format!("sha256 {}", bytes.sha256()),
        FileContent::Secret(secret) => format!("secret {}", secret.fingerprint(key)),
    }
}

/// Returns the texts before and after an edit of an existing text file, unless it contains secrets.
fn texts(step: &Step) -> Option<(String, String)> {
    let Before::File {
        content: Some(old), ..
    } = &step.before
    else {
        return None;
    };
    let Action::WriteFile {
        content: FileContent::Plain(new),
        ..
    } = &step.action
    else {
        return None;
    };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some((text(old)?, text(new)?))
}

/// Prints the removed and the added lines.
fn write_changed_lines(f: &mut Formatter<'_>, old: &str, new: &str) -> fmt::Result {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    if old == new {
        return writeln!(f, "      same content, new timestamp");
    }
    for line in old.iter().filter(|line| !new.contains(line)) {
        writeln!(f, "      - {line}")?;
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        writeln!(f, "      + {line}")?;
    }
    Ok(())
}

//! A unit as systemd finds it (systemd.unit(5)): the directories by precedence, masks, drop-ins and settings.

use anyhow::Result;

use super::tree::Tree;

/// The directories of units that an image can hold, by precedence.
pub(super) const FOLDERS: [&str; 6] = [
    "/etc/systemd/system.control",
    OWN_FOLDER,
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The directory of the units that a build writes.
pub(super) const OWN_FOLDER: &str = "/etc/systemd/system";

/// What systemd finds under the name of a unit.
pub(super) enum Unit {
    Missing,
    /// The path that masks it.
    Masked(String),
    Found {
        path: String,
        text: String,
    },
}

/// Looks up a unit by name.
pub(super) fn find(name: &str, root: &mut Tree<'_>) -> Result<Unit> {
    for folder in FOLDERS {
        let path = format!("{folder}/{name}");
        if root
            .link(&path)?
            .is_some_and(|target| target == "/dev/null")
        {
            return Ok(Unit::Masked(path));
        }
        match root.resolve(&path)? {
            Some((_, found)) if found.size == 0 => return Ok(Unit::Masked(path)),
            Some((real, _)) => {
                let text = root.text(&real)?.unwrap_or_default();
                return Ok(Unit::Found { path: real, text });
            }
            None => {}
        }
    }
    Ok(Unit::Missing)
}

/// Returns the drop-ins of a unit by name; one hides those of the same name in later directories.
pub(super) fn drop_ins(name: &str, root: &mut Tree<'_>) -> Result<Vec<String>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        let folder = format!("{folder}/{name}.d");
        for file in root.names(&folder)? {
            if file.strip_suffix(".conf").is_some()
                && !found.iter().any(|(known, _)| *known == file)
            {
                let path = format!("{folder}/{file}");
                found.push((file, path));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Returns the values of a key in all sections; an empty value removes the earlier ones.
pub(super) fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let mut values = Vec::new();
    for line in text.lines() {
        let value = line
            .trim()
            .strip_prefix(key)
            .and_then(|it| it.trim_start().strip_prefix('='));
        match value.map(str::trim) {
            Some("") => values.clear(),
            Some(value) => values.push(value),
            None => {}
        }
    }
    values
}

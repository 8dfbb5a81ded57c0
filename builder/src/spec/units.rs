//! `[[unit]]`: units of systemd that the user adds to the nodes.

use super::complaints::{Complaints, Place};
use super::files::{self, Surroundings};
use super::identity;
use super::machine::{Archive, ExtraContent, ExtraFile};
use super::table::Table;

/// The directory of an administrator's units.
const FOLDER: &str = "/etc/systemd/system";

/// Kinds of units that a file can describe and a boot can start.
const KINDS: [&str; 6] = ["service", "timer", "path", "socket", "mount", "target"];

/// Reads the tables: every file and link, with the place of its unit.
pub(super) fn read(
    tables: &[&Table],
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Vec<(Place, ExtraFile)> {
    let mut all = Vec::new();
    for table in tables {
        let place = table
            .optional("name")
            .map_or(table.place, |name| name.place);
        let added = read_unit(table, surroundings, log).into_iter();
        all.extend(added.map(|file| (place, file)));
    }
    all
}

/// Reads a table: the unit's file, and the links that enable it.
fn read_unit(
    table: &Table,
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Vec<ExtraFile> {
    let node = table
        .optional("node")
        .map(|node| files::known_node(node, surroundings.nodes, log));
    let text = unit_text(table, surroundings, log);
    let (Some(name), Some(text)) = (table.optional("name"), text) else {
        return Vec::new();
    };
    log.check(name.place, check_mount(name.value, &text));
    let origin = log.located(name.place);
    let made = |path, content, mode| ExtraFile {
        path,
        content,
        mode,
        owner: "root:root".to_owned(),
        node: node.clone(),
        is_of_unit: true,
        origin: origin.clone(),
    };
    let own = format!("{FOLDER}/{}", name.value);
    let mut added = vec![made(
        own.clone(),
        ExtraContent::File(text.as_bytes().to_vec()),
        0o644,
    )];
    if table.switch("enable") {
        let links = links(name.value, &text);
        if links.is_empty() {
            log.add(
                name.place,
                format!(
                    "`{}` cannot be enabled: its text has no WantedBy= in [Install]; add one, or set `enable = false`",
                    name.value
                ),
            );
        }
        let link = |path| made(path, ExtraContent::Link(own.clone()), 0o777);
        added.extend(links.into_iter().map(link));
    }
    added
}

/// Returns the text of the unit, from `content` or `source`.
fn unit_text(
    table: &Table,
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Option<String> {
    match (table.optional("source"), table.optional("content")) {
        (None, Some(text)) => Some(text.value.to_owned()),
        (Some(source), None) => {
            let path = identity::config_folder(surroundings.input).join(source.value);
            let text = files::read_source(&path, surroundings.input).and_then(|bytes| {
                String::from_utf8(bytes)
                    .map_err(|_| format!("{} is not text in UTF-8", path.display()))
            });
            log.check(source.place, text)
        }
        _ => {
            let message = "[[unit]] needs `source` or `content`, and only one of them";
            log.add(table.place, message);
            None
        }
    }
}

/// Returns the paths of the links that `systemctl enable` would make (systemd.unit(5), `[Install]`).
fn links(name: &str, text: &str) -> Vec<String> {
    let mut section = "";
    let mut links = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| section == "[Install]") else {
            continue;
        };
        let folder = match key.trim() {
            "WantedBy" => ".wants/",
            "RequiredBy" => ".requires/",
            "UpheldBy" => ".upholds/",
            _ => continue,
        };
        let targets = value
            .split_whitespace()
            .filter(|target| check_name(target).is_ok());
        links.extend(targets.map(|target| format!("{FOLDER}/{target}{folder}{name}")));
    }
    links.sort();
    links.dedup();
    links
}

/// Returns warnings about units of `[[file]]` that ask to be enabled, and that no other file enables or names.
pub(super) fn warnings(files: &[ExtraFile], archives: &[Archive]) -> Vec<String> {
    let unstarted = files.iter().filter(|file| is_unstarted(file, files));
    // What archives contain is not known yet.
    let others = match archives.is_empty() {
        true => "the base",
        false => "the base or an archive",
    };
    let warning = |file: &ExtraFile| {
        let (origin, path) = (&file.origin, &file.path);
        format!(
            "{origin}: no boot starts `{path}`, unless {others} enables it; write it as a [[unit]]"
        )
    };
    unstarted.map(warning).collect()
}

fn is_unstarted(file: &ExtraFile, all: &[ExtraFile]) -> bool {
    let (Some((folder, name)), ExtraContent::File(bytes)) =
        (file.path.rsplit_once('/'), &file.content)
    else {
        return false;
    };
    if file.is_of_unit || !folder.ends_with("/systemd/system") || check(name).is_err() {
        return false;
    }
    let is_named = |other: &ExtraFile| match &other.content {
        ExtraContent::File(bytes) => {
            let names = || String::from_utf8_lossy(bytes).contains(name);
            other.path != file.path && (triggers(&other.path, name) || names())
        }
        ExtraContent::Link(target) => other.path.ends_with(name) || target.ends_with(name),
        ExtraContent::Folder => false,
    };
    !links(name, &String::from_utf8_lossy(bytes)).is_empty() && !all.iter().any(is_named)
}

/// Returns whether a file is a unit that starts the service of this name unless its text names another (systemd.timer(5)).
fn triggers(path: &str, service: &str) -> bool {
    let Some(stem) = service.strip_suffix(".service") else {
        return false;
    };
    let name = path.rsplit('/').next();
    let kind = name.and_then(|name| name.strip_prefix(stem));
    matches!(kind, Some(".path" | ".socket" | ".timer"))
}

/// Refuses a mount that is not named after its directory, which systemd does not start (systemd.mount(5)).
fn check_mount(name: &str, text: &str) -> Result<(), String> {
    let mut last_first = text.lines().rev();
    let place = last_first.find_map(|line| line.trim().strip_prefix("Where="));
    // Without the setting, the name tells the directory; systemd replaces specifiers in it.
    let place = place.map(str::trim).filter(|place| !place.contains('%'));
    let (Some(place), Some((_, "mount"))) = (place, name.rsplit_once('.')) else {
        return Ok(());
    };
    let wanted = format!("{}.mount", escaped(place));
    match name == wanted {
        true => Ok(()),
        false => Err(format!(
            "`{name}` mounts {place}: systemd requires `name = '{wanted}'`"
        )),
    }
}

/// Returns a path as the name of a unit contains it (systemd-escape(1)).
fn escaped(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut out = String::new();
    for byte in parts.join("/").bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b":_.".contains(&byte);
        match byte {
            b'/' => out.push('-'),
            b'.' if out.is_empty() => out.push_str("\\x2e"),
            _ if is_plain => out.push(char::from(byte)),
            _ => {
                let code = format!("\\x{byte:02x}");
                out.push_str(&code);
            }
        }
    }
    out
}

/// Checks the name of a unit.
pub(super) fn check(name: &str) -> Result<(), String> {
    if files::OUR_UNITS.contains(&name) {
        return Err(format!(
            "`{name}` is a unit of this program; add a drop-in in {FOLDER}/{name}.d with [[file]] instead"
        ));
    }
    match name.split_once('@') {
        Some((stem, rest)) if rest.starts_with('.') => Err(format!(
            "`{name}` is a template, which cannot be started: name an instance, as in \"{stem}@1{rest}\", or write the template with \
             [[file]]"
        )),
        _ => check_name(name),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:\\@".contains(c);
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    match KINDS.contains(&kind)
        && !stem.is_empty()
        && !stem.starts_with(['.', '@'])
        && name.len() <= 255
        && stem.chars().all(allowed)
    {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is not the name of a unit, such as \"app.service\"; its kind is one of {}",
            KINDS.join(", ")
        )),
    }
}

//! `[[file]]`: files, directories and links that the user adds to the nodes.

use std::io::ErrorKind;
use std::path::Path;

use super::cluster::Network;
use super::complaints::{Complaints, Place, Placed};
use super::input::{Input, Walked, WalkedKind};
use super::machine::{ExtraContent, ExtraFile};
use super::nodes::NodeSettings;
use super::table::Table;
use super::{identity, nearest, placement, skipped};
use crate::file;

/// Units that this program writes.
pub(super) const OUR_UNITS: [&str; 3] = [
    "etcd.service",
    "etcd-node-data.service",
    "etcd-node-grow.service",
];

/// What decides whether a file can be added.
pub(super) struct Surroundings<'a> {
    pub(super) input: &'a Input,
    pub(super) nodes: &'a [NodeSettings],
    /// The login user, whose `authorized_keys` this program writes.
    pub(super) user: &'a str,
    /// The directory of etcd's data.
    pub(super) data: &'a str,
    pub(super) network: &'a Network,
}

/// Reads the tables, and adds the files of the units, each with the place of its unit.
pub(super) fn read(
    files: &[&Table],
    units: Vec<(Place, ExtraFile)>,
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Vec<ExtraFile> {
    let mut all: Vec<ExtraFile> = Vec::new();
    for table in files {
        let added = added(table, surroundings, log);
        let Some(path) = table.optional("path") else {
            continue;
        };
        for file in added {
            refuse_ours(&file.path, path.place, surroundings, log);
            log.check(path.place, refuse_ifupdown(&file, surroundings.network));
            log.check(path.place, refuse_windows_program(&file));
            add_file(file, path.place, &mut all, log);
        }
    }
    for (place, file) in units {
        add_file(file, place, &mut all, log);
    }
    all
}

/// Adds a file, and complains if another one has its path on the same node.
fn add_file(file: ExtraFile, place: Place, all: &mut Vec<ExtraFile>, log: &mut Complaints) {
    let same = |other: &ExtraFile| {
        let both = other.node.is_none() || file.node.is_none() || other.node == file.node;
        let folders = other.content == ExtraContent::Folder && file.content == ExtraContent::Folder;
        other.path == file.path && both && !folders
    };
    if all.iter().any(same) {
        log.add(
            place,
            format!("another [[file]] also writes `{}`", file.path),
        );
    }
    all.push(file);
}

/// Refuses paths that depend on other settings.
pub(super) fn refuse_ours(
    path: &str,
    place: Place,
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) {
    log.check(place, placement::refuse_data(path, surroundings.data));
    if path == format!("/home/{}/.ssh/authorized_keys", surroundings.user) {
        let message =
            format!("`{path}` is written by this program: set `authorized-keys` in [ssh]");
        log.add(place, message);
    }
}

/// Refuses interfaces(5) of an interface of the nodes, which `NetworkManager` would then ignore.
fn refuse_ifupdown(file: &ExtraFile, network: &Network) -> Result<(), String> {
    let (path, ExtraContent::File(bytes)) = (&file.path, &file.content) else {
        return Ok(());
    };
    let is_read =
        path == "/etc/network/interfaces" || path.starts_with("/etc/network/interfaces.d/");
    let others = network.interfaces.iter().map(|other| other.name.as_str());
    let own: Vec<&str> = others.chain([network.interface_name()]).collect();
    let taken = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        let is_stanza = words.next() == Some("iface");
        let name = words.next().filter(|name| is_stanza && own.contains(name));
        name.map(str::to_owned)
    };
    let mut lines = bytes.split(|byte| *byte == b'\n');
    match lines.find_map(taken).filter(|_| is_read) {
        None => Ok(()),
        Some(name) => Err(format!(
            "`{path}` configures {name}, which NetworkManager would then ignore; set [network] instead"
        )),
    }
}

/// Refuses a program that names its interpreter on a line with the end of Windows, which the kernel takes for a part of the name.
fn refuse_windows_program(file: &ExtraFile) -> Result<(), String> {
    let ExtraContent::File(bytes) = &file.content else {
        return Ok(());
    };
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    match file.mode & 0o111 != 0 && first.starts_with(b"#!") && first.ends_with(b"\r") {
        false => Ok(()),
        true => Err(format!(
            "`{}` is a program with the line ends of Windows, which no node can run; save it with those of Unix (LF)",
            file.path
        )),
    }
}

/// Returns what a `[[file]]` adds: a file or a link, or everything in a directory.
fn added(table: &Table, surroundings: &Surroundings<'_>, log: &mut Complaints) -> Vec<ExtraFile> {
    let node = table
        .optional("node")
        .map(|node| known_node(node, surroundings.nodes, log));
    let Some(path) = table.optional("path") else {
        return Vec::new();
    };
    let file = |path: String, content, mode| ExtraFile {
        path,
        content,
        mode,
        owner: table.text("owner").value.to_owned(),
        node: node.clone(),
        is_of_unit: false,
        origin: log.located(
            table
                .optional("path")
                .map_or(table.place, |path| path.place),
        ),
    };
    let own = path.value.to_owned();
    let sources = ["source", "content", "link"].map(|name| table.optional(name));
    match sources {
        [Some(source), None, None] => {
            let found = copied(table, own, source.value, surroundings.input);
            let files = found.map(|found| {
                let made = found
                    .into_iter()
                    .map(|(path, content, mode)| file(path, content, mode));
                made.collect::<Vec<_>>()
            });
            let files = log.check(source.place, files).unwrap_or_default();
            for added in files.iter().skip(1) {
                log.check(source.place, placement::path(&added.path));
            }
            files
        }
        [None, Some(text), None] => {
            let bytes = text.value.as_bytes().to_vec();
            vec![file(own, ExtraContent::File(bytes), table.mode("mode"))]
        }
        [None, None, Some(target)] => {
            let made = file(own, ExtraContent::Link(target.value.to_owned()), 0o777);
            refuse_attributes(table, log);
            vec![made]
        }
        _ => {
            log.add(
                table.place,
                "[[file]] needs `source`, `content` or `link`, and only one of them",
            );
            Vec::new()
        }
    }
}

/// Returns the entries that a source adds to the node, each with its path and mode: one file, or a directory and its content.
fn copied(
    table: &Table,
    path: String,
    source: &str,
    input: &Input,
) -> Result<Vec<(String, ExtraContent, u16)>, String> {
    let from = identity::config_folder(input).join(source);
    let mode = table.mode("mode");
    match (input.walk)(&from) {
        Ok(Some(walked)) => {
            let mode = table.has("mode").then_some(mode);
            in_folder(&path, &from, walked, mode, input)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(format!("reading {}: {error}", from.display()))
        }
        _ => {
            let bytes = read_source(&from, input)?;
            Ok(vec![(path, ExtraContent::File(bytes), mode)])
        }
    }
}

/// Refuses settings that a link cannot have.
fn refuse_attributes(table: &Table, log: &mut Complaints) {
    for name in ["mode", "owner"].into_iter().filter(|name| table.has(name)) {
        let message = format!("a link has no `{name}` of its own; remove it");
        log.add(table.place_of(name), message);
    }
}

/// The largest total size of the files of a directory, which are kept in memory.
const MOST_FOLDER_BYTES: usize = 64 << 20;

/// Returns a directory and everything in it, as paths on the node. Without an explicit mode, executable files stay so.
fn in_folder(
    path: &str,
    folder: &Path,
    walked: Vec<Walked>,
    mode: Option<u16>,
    input: &Input,
) -> Result<Vec<(String, ExtraContent, u16)>, String> {
    // Who may read a file may look into its directory.
    let folder_mode = mode.map_or(0o755, |mode| mode | (mode & 0o444) >> 2);
    let mut found = vec![(path.to_owned(), ExtraContent::Folder, folder_mode)];
    let mut size = 0;
    for entry in walked {
        let (content, mode) = match entry.kind {
            WalkedKind::Folder => (ExtraContent::Folder, folder_mode),
            WalkedKind::Link(target) => (ExtraContent::Link(target), 0o777),
            WalkedKind::File { executable } => {
                let bytes = read_source(&folder.join(&entry.path), input)?;
                size += bytes.len();
                if size > MOST_FOLDER_BYTES {
                    return Err(format!(
                        "reading {}: its files are larger than 64 MiB together; use [[archive]]",
                        folder.display()
                    ));
                }
                let usual = if executable { 0o755 } else { 0o644 };
                (ExtraContent::File(bytes), mode.unwrap_or(usual))
            }
        };
        found.push((format!("{path}/{}", entry.path), content, mode));
    }
    Ok(found)
}

pub(super) fn read_source(path: &Path, input: &Input) -> Result<Vec<u8>, String> {
    (input.read)(path).map_err(|error| {
        let advice = match error.kind() == ErrorKind::NotFound && file::is_for_a_shell(path) {
            true => format!("; {}", file::FOR_A_SHELL),
            false => String::new(),
        };
        format!("reading {}: {error}{advice}", path.display())
    })
}

/// Files of other network programs, which no base has.
const WITHOUT_PROGRAM: [(&str, &str); 2] = [
    ("/etc/dhcpcd.conf", "dhcpcd"),
    (
        "/etc/wpa_supplicant/wpa_supplicant.conf",
        "a wpa_supplicant of its own",
    ),
];

/// Returns warnings about files that cannot have an effect.
pub(super) fn warnings(files: &[ExtraFile]) -> Vec<String> {
    let warning = |file: &ExtraFile| {
        let unit = ["/lib/systemd/system/", "/usr/lib/systemd/system/"]
            .iter()
            .find_map(|folder| file.path.strip_prefix(folder));
        let program = WITHOUT_PROGRAM.iter().find(|(path, _)| *path == file.path);
        let why = match (unit, program) {
            (Some(unit), _) if OUR_UNITS.contains(&unit) => {
                format!("/etc/systemd/system/{unit} of this program comes before it")
            }
            (_, Some((_, program))) => {
                format!("no base has {program}; set [network] instead")
            }
            _ => skipped::why(file)?,
        };
        Some(format!(
            "{}: `{}` has no effect: {why}",
            file.origin, file.path
        ))
    };
    files.iter().filter_map(warning).collect()
}

/// Returns the name, and complains if there is no such node.
pub(super) fn known_node(
    node: Placed<&str>,
    nodes: &[NodeSettings],
    log: &mut Complaints,
) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.value.as_str()).collect();
    if !names.contains(&node.value) {
        let advice = nearest::advice(node.value, &names);
        log.add(
            node.place,
            format!("there is no node `{}`; {advice}", node.value),
        );
    }
    node.value.to_owned()
}

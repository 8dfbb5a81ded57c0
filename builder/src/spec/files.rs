//! `[[file]]`: files, directories and links that the user adds to the nodes.

use std::io::ErrorKind;
use std::path::Path;

use super::complaints::{Complaints, Place, Placed};
use super::input::{Input, Walked, WalkedKind};
use super::machine::{ExtraContent, ExtraFile};
use super::nodes::NodeSettings;
use super::table::Table;
use super::{identity, names, nearest};

/// Paths that the program writes itself or that a mount hides, after the reason; each includes everything below it.
const REFUSED: [(&str, &[&str]); 15] = [
    (
        "the certificates are kept there",
        &["/etc/etcd/pki", "/etc/etcd/client"],
    ),
    (
        "set [etcd] or [etcd.extra] instead",
        &["/etc/etcd/etcd.conf.yml", "/etc/default/etcd"],
    ),
    (
        "add a drop-in in etcd.service.d instead",
        &["/etc/systemd/system/etcd.service"],
    ),
    (
        "choose the release with `version` in [etcd]",
        &[
            "/usr/local/bin/etcd",
            "/usr/local/bin/etcdctl",
            "/usr/local/bin/etcdutl",
        ],
    ),
    ("the node's name is written there", &["/etc/hostname"]),
    ("set [hosts] instead", &["/etc/hosts"]),
    (
        "every node has its own",
        &[
            "/etc/machine-id",
            "/etc/ssh/ssh_host_ed25519_key",
            "/etc/ssh/ssh_host_ed25519_key.pub",
        ],
    ),
    ("it is rewritten for the node's disk", &["/etc/fstab"]),
    (
        "the accounts are written there",
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/subuid",
            "/etc/subgid",
        ],
    ),
    ("the boot partition is mounted over it", &["/boot"]),
    ("a mount hides it", &["/dev", "/proc", "/run", "/sys"]),
    (
        "it is a link into /run, which a mount hides",
        &["/var/lock"],
    ),
    ("it is a link to /run, which a mount hides", &["/var/run"]),
    ("it is emptied at boot", &["/tmp"]),
    ("it belongs to the file system", &["/lost+found"]),
];

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
            add(file, path.place, &mut all, log);
        }
    }
    for (place, file) in units {
        add(file, place, &mut all, log);
    }
    all
}

/// Adds a file, and complains if another one has its path on the same node.
fn add(file: ExtraFile, place: Place, all: &mut Vec<ExtraFile>, log: &mut Complaints) {
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
    log.check(place, refuse_data(path, surroundings.data));
    if path == format!("/home/{}/.ssh/authorized_keys", surroundings.user) {
        let message =
            format!("`{path}` is written by this program: set `authorized-keys` in [ssh]");
        log.add(place, message);
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
    let octal = |name: &str| u16::from_str_radix(table.text(name).value, 8).unwrap_or(0);
    let file = |path: String, content, mode| ExtraFile {
        path,
        content,
        mode,
        owner: table.text("owner").value.to_owned(),
        node: node.clone(),
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
                log.check(source.place, self::path(&added.path));
            }
            files
        }
        [None, Some(text), None] => {
            let bytes = text.value.as_bytes().to_vec();
            vec![file(own, ExtraContent::File(bytes), octal("mode"))]
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
    let from = identity::folder_of(input).join(source);
    let mode = u16::from_str_radix(table.text("mode").value, 8).unwrap_or(0);
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
    (input.read)(path).map_err(|error| format!("reading {}: {error}", path.display()))
}

/// Files of other network programs, which no base has.
const WITHOUT_PROGRAM: [(&str, &str); 3] = [
    ("/etc/dhcpcd.conf", "dhcpcd"),
    ("/etc/network/interfaces", "ifupdown"),
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
            _ => return None,
        };
        Some(format!(
            "{}: `{}` has no effect: {why}",
            file.origin, file.path
        ))
    };
    files.iter().filter_map(warning).collect()
}

/// Checks the target of a symbolic link.
pub(super) fn target(target: &str) -> Result<(), String> {
    match target.is_empty() || target.len() > 4095 || target.chars().any(char::is_control) {
        false => Ok(()),
        true => Err("`link` must be a path of 1 to 4095 printable characters".to_owned()),
    }
}

/// Checks that a path is absolute and plain, and returns it without the first `/`.
pub(super) fn plain(path: &str) -> Result<&str, String> {
    let Some(relative) = path.strip_prefix('/') else {
        return Err(format!("`{path}` must be absolute, beginning with /"));
    };
    let plain = |part: &str| !["", ".", ".."].contains(&part) && part.len() <= 255;
    if path.len() > 4095 || path.chars().any(char::is_control) || !relative.split('/').all(plain) {
        return Err(format!(
            "`{path}` must be a plain path, without .. or // or a final /"
        ));
    }
    Ok(relative)
}

/// Checks the path at which a file of an archive would be.
pub(crate) fn check_unpacked(path: &str, data: &str) -> Result<(), String> {
    self::path(path)?;
    refuse_data(path, data)
}

/// Refuses paths in the directory of etcd's data.
fn refuse_data(path: &str, data: &str) -> Result<(), String> {
    match covers(data, path) {
        false => Ok(()),
        true => Err(format!(
            "`{path}` cannot be added: etcd keeps its data there"
        )),
    }
}

/// Checks the path of an added file.
pub(super) fn path(path: &str) -> Result<(), String> {
    let relative = plain(path)?;
    let covers_any = |(_, paths): &&(&str, &[&str])| paths.iter().any(|owned| covers(owned, path));
    match REFUSED.iter().find(covers_any) {
        Some((reason, _)) => Err(format!("`{path}` cannot be added: {reason}")),
        None if !relative.contains('/') => Err(format!(
            "`{path}` cannot be added: only the base's own directories and links are directly in /"
        )),
        None => Ok(()),
    }
}

/// Returns whether the path is that of a directory or lies below it.
fn covers(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn mode(mode: &str) -> Result<(), String> {
    let octal = |digit| (b'0'..=b'7').contains(&digit);
    match (3..=4).contains(&mode.len()) && mode.bytes().all(octal) {
        true => Ok(()),
        false => Err(format!(
            "`{mode}` is not a mode: write octal digits, as in \"0644\""
        )),
    }
}

pub(super) fn owner(owner: &str) -> Result<(), String> {
    let sound = |(user, group)| names::account(user) && names::account(group);
    match owner.split_once(':').is_some_and(sound) {
        true => Ok(()),
        false => Err(format!(
            "`{owner}` is not an owner: write user:group, as in \"root:root\""
        )),
    }
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

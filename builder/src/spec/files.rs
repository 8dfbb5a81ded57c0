//! `[[file]]`: files that the user adds to the nodes.

use super::complaints::{Complaints, Placed};
use super::input::Input;
use super::machine::ExtraFile;
use super::nodes::Written as Node;
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

/// Reads the tables; `user` is the login user, whose `authorized_keys` this program writes, and `data` the directory of
/// etcd's data.
pub(super) fn read(
    tables: &[&Table],
    input: &Input,
    nodes: &[Node],
    user: &str,
    data: &str,
    log: &mut Complaints,
) -> Vec<ExtraFile> {
    let mut files: Vec<ExtraFile> = Vec::new();
    for table in tables {
        let content = content(table, input, log);
        let node = table
            .optional("node")
            .map(|node| known_node(node, nodes, log));
        let (Some(path), Some(content)) = (table.optional("path"), content) else {
            continue;
        };
        if covers(data, path.value) {
            let message = format!(
                "`{}` cannot be added: etcd keeps its data there",
                path.value
            );
            log.add(path.place, message);
        }
        if path.value == format!("/home/{user}/.ssh/authorized_keys") {
            let message = format!("`{}` is ours: set `authorized-keys` in [ssh]", path.value);
            log.add(path.place, message);
        }
        let same = |other: &ExtraFile| {
            let both = other.node.is_none() || node.is_none() || other.node == node;
            other.path == path.value && both
        };
        if files.iter().any(same) {
            log.add(
                path.place,
                format!("another [[file]] writes `{}`", path.value),
            );
        }
        files.push(ExtraFile {
            path: path.value.to_owned(),
            content,
            mode: u16::from_str_radix(table.text("mode").value, 8).unwrap_or(0),
            owner: table.text("owner").value.to_owned(),
            node,
            origin: log.located(path.place),
        });
    }
    files
}

/// Returns the `content`, or reads the `source`, which is relative to the configuration file.
fn content(table: &Table, input: &Input, log: &mut Complaints) -> Option<Vec<u8>> {
    match (table.optional("source"), table.optional("content")) {
        (None, Some(text)) => Some(text.value.as_bytes().to_vec()),
        (Some(source), None) => {
            let path = identity::folder_of(input).join(source.value);
            let bytes =
                (input.read)(&path).map_err(|error| format!("reading {}: {error}", path.display()));
            log.check(source.place, bytes)
        }
        _ => {
            log.add(
                table.place,
                "[[file]] needs `source` or `content`, and only one of them",
            );
            None
        }
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
pub(super) fn known_node(node: Placed<&str>, nodes: &[Node], log: &mut Complaints) -> String {
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

//! `[[file]]`: files the user adds to the nodes.

use super::cluster::ExtraFile;
use super::complaints::{Complaints, Placed};
use super::document::Table;
use super::input::Input;
use super::nodes::Written as Node;
use super::{identity, names, schema};

/// What the program writes itself, or what a mount hides; an entry covers everything below it.
const REFUSED: [(&str, &str); 26] = [
    ("/etc/etcd/pki", "the certificates are kept there"),
    (
        "/etc/etcd/etcd.conf.yml",
        "set [etcd] or [etcd.extra] instead",
    ),
    (
        "/etc/systemd/system/etcd.service",
        "add a drop-in in etcd.service.d instead",
    ),
    (
        "/usr/local/bin/etcd",
        "choose the release with `version` in [etcd]",
    ),
    (
        "/usr/local/bin/etcdctl",
        "choose the release with `version` in [etcd]",
    ),
    (
        "/usr/local/bin/etcdutl",
        "choose the release with `version` in [etcd]",
    ),
    ("/var/lib/etcd", "etcd keeps its data there"),
    ("/etc/hostname", "the node's name is written there"),
    ("/etc/hosts", "set [hosts] instead"),
    ("/etc/machine-id", "every node has its own"),
    ("/etc/fstab", "it is rewritten for the node's disk"),
    ("/etc/passwd", "the accounts are written there"),
    ("/etc/shadow", "the accounts are written there"),
    ("/etc/group", "the accounts are written there"),
    ("/etc/gshadow", "the accounts are written there"),
    ("/etc/subuid", "the accounts are written there"),
    ("/etc/subgid", "the accounts are written there"),
    ("/etc/ssh/ssh_host_ed25519_key", "every node has its own"),
    (
        "/etc/ssh/ssh_host_ed25519_key.pub",
        "every node has its own",
    ),
    ("/boot", "the boot partition is mounted over it"),
    ("/dev", "a mount hides it"),
    ("/proc", "a mount hides it"),
    ("/run", "a mount hides it"),
    ("/sys", "a mount hides it"),
    ("/tmp", "it is emptied at boot"),
    ("/lost+found", "it belongs to the file system"),
];

/// Reads the tables; `user` is the login user, whose keys are ours to write.
pub(super) fn read(
    tables: &[Table<'_>],
    input: &Input,
    nodes: &[Node],
    user: &str,
    log: &mut Complaints,
) -> Vec<ExtraFile> {
    let mut files: Vec<ExtraFile> = Vec::new();
    for table in tables {
        let Some(file) = one(table, input, nodes, log) else {
            continue;
        };
        if file.path == format!("/home/{user}/.ssh/authorized_keys") {
            log.add(
                table.place,
                format!("`{}` is ours: set `authorized-keys` in [ssh]", file.path),
            );
        }
        let same = |other: &ExtraFile| {
            let both = other.node.is_none() || file.node.is_none() || other.node == file.node;
            other.path == file.path && both
        };
        if files.iter().any(same) {
            log.add(
                table.place,
                format!("another [[file]] writes `{}` too", file.path),
            );
        }
        files.push(file);
    }
    files
}

fn one(
    table: &Table<'_>,
    input: &Input,
    nodes: &[Node],
    log: &mut Complaints,
) -> Option<ExtraFile> {
    let path = table.required("path", log);
    let content = content(table, input, log);
    let mode = table.string("mode", log);
    let owner = table.string("owner", log);
    let node = table.string("node", log);
    let path = path.and_then(|path| log.check(path.place, free_path(path.value)));
    let mode = mode.map_or(Some(0o644), |mode| {
        log.check(mode.place, permission_bits(mode.value))
    });
    let owner = owner.map_or(Some("root:root".to_owned()), |owner| {
        log.check(owner.place, user_and_group(owner.value))
    });
    let node = node.map(|node| known_node(node, nodes, log));
    Some(ExtraFile {
        path: path?,
        content: content?,
        mode: mode?,
        owner: owner?,
        node,
    })
}

/// `source` or `content`; a source is relative to the configuration file.
fn content(table: &Table<'_>, input: &Input, log: &mut Complaints) -> Option<Vec<u8>> {
    let has = |key| table.get(key).is_some();
    if has("source") == has("content") {
        log.add(
            table.place,
            "[[file]] needs `source` or `content`, and only one of them",
        );
        return None;
    }
    if let Some(text) = table.string("content", log) {
        return Some(text.value.as_bytes().to_vec());
    }
    let source = table.string("source", log)?;
    let path = identity::folder_of(input).join(source.value);
    let bytes = (input.read)(&path).map_err(|error| format!("reading {}: {error}", path.display()));
    log.check(source.place, bytes)
}

fn free_path(path: &str) -> Result<String, String> {
    let Some(relative) = path.strip_prefix('/') else {
        return Err(format!("`{path}` must be absolute, beginning with /"));
    };
    let plain = |part: &str| !["", ".", ".."].contains(&part) && part.len() <= 255;
    if path.len() > 4095 || path.chars().any(char::is_control) || !relative.split('/').all(plain) {
        return Err(format!(
            "`{}` must be a plain path, without .. or // or a final /",
            path.escape_debug()
        ));
    }
    let covers = |owned: &str| {
        path.strip_prefix(owned)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match REFUSED.iter().find(|(owned, _)| covers(owned)) {
        Some((_, reason)) => Err(format!("`{path}` cannot be added: {reason}")),
        None => Ok(path.to_owned()),
    }
}

fn permission_bits(mode: &str) -> Result<u16, String> {
    let octal =
        (3..=4).contains(&mode.len()) && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let bits = u16::from_str_radix(mode, 8).ok().filter(|_| octal);
    bits.ok_or_else(|| format!("`{mode}` is not a mode: write octal digits, as in \"0644\""))
}

fn user_and_group(owner: &str) -> Result<String, String> {
    let sound = |(user, group)| names::account(user) && names::account(group);
    if owner.split_once(':').is_some_and(sound) {
        return Ok(owner.to_owned());
    }
    Err(format!(
        "`{owner}` is not an owner: write user:group, as in \"root:root\""
    ))
}

fn known_node(node: Placed<&str>, nodes: &[Node], log: &mut Complaints) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.value.as_str()).collect();
    if !names.contains(&node.value) {
        let advice = schema::advice(node.value, &names);
        log.add(
            node.place,
            format!("there is no node `{}`; {advice}", node.value),
        );
    }
    node.value.to_owned()
}

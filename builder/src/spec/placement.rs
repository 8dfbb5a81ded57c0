//! Where files may go on a node, and which modes and owners they may have.

use super::names;

/// Paths that the program writes itself or that a mount hides, after the reason; each includes everything below it.
const REFUSED: [(&str, &[&str]); 16] = [
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
    ("set `name` in [[node]] instead", &["/etc/hostname"]),
    ("set [hosts] instead", &["/etc/hosts"]),
    (
        "every node has its own",
        &[
            "/etc/machine-id",
            "/etc/ssh/ssh_host_ed25519_key",
            "/etc/ssh/ssh_host_ed25519_key.pub",
        ],
    ),
    (
        "it is rewritten for the node's disk; a [[unit]] such as mnt-nas.mount mounts other file systems",
        &["/etc/fstab"],
    ),
    (
        "the accounts are written there; set `user` and `groups` in [ssh]",
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/subuid",
            "/etc/subgid",
        ],
    ),
    (
        "set [firmware] instead",
        &[
            "/boot/firmware/config.txt",
            "/boot/firmware/cmdline.txt",
            "/boot/config.txt",
            "/boot/cmdline.txt",
        ],
    ),
    (
        "the boot partition is mounted over it; [ssh], [network] and [firmware] set what is usually written there",
        &["/boot"],
    ),
    ("a mount hides it", &["/dev", "/proc", "/run", "/sys"]),
    (
        "it is a link into /run, which a mount hides",
        &["/var/lock"],
    ),
    ("it is a link to /run, which a mount hides", &["/var/run"]),
    ("it is emptied at boot", &["/tmp"]),
    ("it belongs to the file system", &["/lost+found"]),
];

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
pub(super) fn refuse_data(path: &str, data: &str) -> Result<(), String> {
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

/// Checks permissions, written as octal digits.
pub(super) fn mode(mode: &str) -> Result<(), String> {
    let octal = |digit| (b'0'..=b'7').contains(&digit);
    match (3..=4).contains(&mode.len()) && mode.bytes().all(octal) {
        true => Ok(()),
        false => Err(format!(
            "`{mode}` is not a mode: write octal digits, as in \"0644\""
        )),
    }
}

/// Checks an owner and a group, written as `user:group`.
pub(super) fn owner(owner: &str) -> Result<(), String> {
    let sound = |(user, group)| names::account(user) && names::account(group);
    match owner.split_once(':').is_some_and(sound) {
        true => Ok(()),
        false => Err(format!(
            "`{owner}` is not an owner: write user:group, as in \"root:root\""
        )),
    }
}

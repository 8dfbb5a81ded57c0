//! Checks that sshd starts, reads the node's settings and accepts the owner's keys.

use anyhow::Result;

use super::sshd_config::SshdConfig;
use super::system::NodeSystem;
use super::tree::Tree;
use super::{admission, sshd_listen, sshd_options, units};
use crate::description::FileRole;
use crate::spec::rules;
use crate::ssh_patterns::in_list;

/// The keyword that older versions used for `PubkeyAcceptedAlgorithms`.
const ALGORITHMS: [&str; 2] = ["PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let by_socket = units::is_enabled("ssh.socket", &mut system.root)?;
    match by_socket {
        true => units::startable("ssh.service", system)?,
        false => units::started("ssh.service", system)?,
    }
    let user = &system.node.login.user;
    let groups = system.accounts.groups_of(user);
    let Some(config) = SshdConfig::read(&mut system.root, user, &groups)? else {
        system.add("the image has no /etc/ssh/sshd_config");
        return Ok(());
    };
    for fault in &config.faults {
        system.add(fault);
    }
    check_settings(&config, system);
    check_access(&config, system);
    admission::check(&config, system)?;
    check_port(&config, by_socket, system)?;
    sshd_listen::check(&config, by_socket, system)?;
    check_host_keys(&config, system)?;
    if !system.node.login.authorized_keys.is_empty() {
        check_keys(&config, system)?;
    }
    Ok(())
}

/// Checks the settings that decide how anyone logs in.
fn check_settings(config: &SshdConfig, system: &mut NodeSystem<'_>) {
    let node = system.node;
    let says = |keyword: &str, value: &str| config.word(keyword).as_deref() == Some(value);
    system.expect(says("PasswordAuthentication", "no"), "sshd accepts passwords: another file sets PasswordAuthentication first, or the node's settings are not read");
    system.expect(
        !says("PubkeyAuthentication", "no"),
        "sshd accepts no public keys (PubkeyAuthentication no)",
    );
    let methods: Vec<_> = config
        .first("AuthenticationMethods")
        .unwrap_or_default()
        .iter()
        .collect();
    let accepts = |it: &&String| ["any", "publickey"].contains(&it.as_str());
    system.expect(
        methods.is_empty() || methods.iter().any(accepts),
        "sshd asks for more than a public key (AuthenticationMethods)",
    );
    let user = &node.login.user;
    let locked = system.accounts.is_locked(user) && !says("UsePAM", "yes");
    system.expect(
        !locked,
        format!("sshd refuses user `{user}`, whose password is locked, without UsePAM"),
    );
    let algorithms = ALGORITHMS.iter().find_map(|keyword| config.word(keyword));
    // A list with a sign changes the default one.
    if let Some(list) = algorithms.filter(|list| !list.starts_with(['+', '-', '^'])) {
        let known = node
            .login
            .authorized_keys
            .iter()
            .filter_map(|key| algorithm(key));
        for algorithm in known.filter(|algorithm| !accepts_algorithm(&list, algorithm)) {
            system.add(format!(
                "sshd accepts no keys of the kind {algorithm} (PubkeyAcceptedAlgorithms)"
            ));
        }
    }
}

/// Returns the key type of a line of `authorized_keys`, which follows the options.
fn algorithm(line: &str) -> Option<&str> {
    let is_type = |it: &&str| {
        ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|start| it.starts_with(start))
    };
    line.split_whitespace().find(is_type)
}

/// Returns whether a list accepts a key type; RSA keys sign with SHA-2.
fn accepts_algorithm(list: &str, algorithm: &str) -> bool {
    let names: &[&str] = match algorithm {
        "ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
        _ => &[algorithm],
    };
    names.iter().any(|name| in_list(list, name))
}

/// Checks the lists of users and groups. Patterns with a host are ignored.
fn check_access(config: &SshdConfig, system: &mut NodeSystem<'_>) {
    let user = &system.node.login.user;
    let groups = system.accounts.groups_of(user);
    let lists = |keyword: &str| -> Vec<String> { config.all(keyword).flatten().cloned().collect() };
    let names_user = |list: &String| list.contains('@') || in_list(list, user);
    let names_group = |list: &String| groups.iter().any(|group| in_list(list, group));
    let (allowed, denied) = (lists("AllowUsers"), lists("DenyUsers"));
    let allows = allowed.is_empty() || allowed.iter().any(names_user);
    system.expect(allows, format!("sshd refuses user `{user}` (AllowUsers)"));
    system.expect(
        !denied.iter().any(|list| in_list(list, user)),
        format!("sshd refuses user `{user}` (DenyUsers)"),
    );
    let (allowed, denied) = (lists("AllowGroups"), lists("DenyGroups"));
    let allows = allowed.is_empty() || allowed.iter().any(names_group);
    system.expect(
        allows,
        format!("sshd refuses the groups of user `{user}` (AllowGroups)"),
    );
    system.expect(
        !denied.iter().any(names_group),
        format!("sshd refuses a group of user `{user}` (DenyGroups)"),
    );
}

/// Checks that the firewall opens the port that the base gave to sshd.
fn check_port(config: &SshdConfig, by_socket: bool, system: &mut NodeSystem<'_>) -> Result<()> {
    // A socket of systemd has its port from elsewhere, and an address may have one of its own.
    let has_other = by_socket || config.first("ListenAddress").is_some();
    let configured: Vec<String> = config.all("Port").flatten().cloned().collect();
    let ports = match has_other {
        true => configured,
        false => sshd_options::ports(&configured, &mut system.root)?,
    };
    let rules = system.root.text("/etc/nftables.conf")?.unwrap_or_default();
    let opened = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("tcp dport {"));
    let opened: Vec<&str> = opened.flat_map(|list| list.split([',', ' '])).collect();
    // Port 22 is the user's to close.
    let is_open = |port: &String| port == "22" || opened.contains(&port.as_str());
    if !ports.is_empty() && !opened.is_empty() && !ports.iter().any(is_open) {
        system.add(format!(
            "sshd listens on port {}, which the node's firewall closes (`[appliance] ports`)",
            ports.join(", ")
        ));
    }
    Ok(())
}

/// Checks that sshd has the node's host key, and the files without which it refuses everyone.
fn check_host_keys(config: &SshdConfig, system: &mut NodeSystem<'_>) -> Result<()> {
    if let Some(key) = system.node.file(FileRole::HostKey) {
        let mut named: Vec<_> = config.all("HostKey").flatten().collect();
        named.dedup();
        let is_named = named.is_empty() || named.iter().any(|path| **path == key.path);
        system.expect(
            is_named,
            format!(
                "sshd does not use the node's host key {} (HostKey)",
                key.path
            ),
        );
    }
    for keyword in ["RevokedKeys", "TrustedUserCAKeys"] {
        let path = config.first(keyword).and_then(|it| it.first());
        if let Some(path) = path.filter(|path| !path.eq_ignore_ascii_case("none")) {
            let is_there = system.root.exists(path)?;
            system.expect(
                is_there,
                format!("sshd reads {path}, which does not exist ({keyword})"),
            );
        }
    }
    Ok(())
}

/// Checks that sshd finds the owner's keys, and that nobody else could change them (`StrictModes`).
fn check_keys(config: &SshdConfig, system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let user = &node.login.user;
    let Some((uid, home)) = system.accounts.home(user) else {
        return Ok(()); // Reported with the account.
    };
    let default = [".ssh/authorized_keys".to_owned()];
    let names = config.first("AuthorizedKeysFile").unwrap_or(&default);
    let path = |name: &String| {
        let name = name
            .replace("%h", home)
            .replace("%u", user)
            .replace("%U", &uid.to_string());
        match name.starts_with('/') {
            true => name,
            false => format!("{home}/{name}"),
        }
    };
    let strict = config.word("StrictModes").as_deref() != Some("no");
    let paths: Vec<String> = names.iter().map(path).collect();
    let (mut accepted, mut unsafe_parts) = (String::new(), Vec::new());
    for path in &paths {
        match unsafe_part(path, home, uid, &mut system.root)?.filter(|_| strict) {
            Some(part) => unsafe_parts.push(part),
            None => accepted.push_str(&system.root.text(path)?.unwrap_or_default()),
        }
    }
    // A node's description has no control characters.
    let plain = |line: &str| line.trim().replace(char::is_control, "");
    let has = |key: &String| accepted.lines().any(|line| plain(line) == plain(key));
    if node.login.authorized_keys.iter().all(has) {
        let opens = |line: &str| rules::opens_login(line, node.time);
        system.expect(
            accepted.lines().any(opens),
            format!("sshd accepts no line of {}", paths.join(", ")),
        );
        return Ok(());
    }
    match unsafe_parts.first() {
        Some(part) => system.add(format!(
            "sshd ignores the owner's keys: users other than `{user}` own or may change {part} (StrictModes)"
        )),
        None => system.add(format!(
            "sshd does not find the owner's keys: it reads {} (AuthorizedKeysFile)",
            paths.join(", ")
        )),
    }
    Ok(())
}

/// Returns the first of a file and the directories above it, up to the home directory, that others own or may change.
fn unsafe_part(path: &str, home: &str, uid: u32, root: &mut Tree<'_>) -> Result<Option<String>> {
    let Some((path, _)) = root.resolve(path)? else {
        return Ok(None);
    };
    let mut part = path.as_str();
    while !part.is_empty() {
        if let Some((_, found)) = root.resolve(part)?
            && (![0, uid].contains(&found.uid) || found.mode & 0o022 != 0)
        {
            return Ok(Some(part.to_owned()));
        }
        if part == home {
            break;
        }
        part = part.rsplit_once('/').map_or("", |(above, _)| above);
    }
    Ok(None)
}

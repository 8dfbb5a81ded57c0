//! Whether sshd starts, reads the node's settings and accepts the owner's keys.

use anyhow::Result;

use super::accounts::ImageAccounts;
use super::sshd_config::{SshdConfig, in_list};
use super::tree::Tree;
use super::{Findings, units};
use crate::description::{FileRole, NodeDescription};
use crate::spec::rules;

/// The keyword that older versions used for `PubkeyAcceptedAlgorithms`.
const ALGORITHMS: [&str; 2] = ["PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"];

pub(super) fn check(
    node: &NodeDescription,
    accounts: &ImageAccounts,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let by_socket = units::is_enabled("ssh.socket", root)?;
    match by_socket {
        true => units::startable("ssh.service", accounts, root, findings)?,
        false => units::started("ssh.service", accounts, root, findings)?,
    }
    let user = &node.login.user;
    let groups = accounts.groups_of(user);
    let Some(config) = SshdConfig::read(root, user, &groups)? else {
        findings.add("the image has no /etc/ssh/sshd_config");
        return Ok(());
    };
    for fault in &config.faults {
        findings.add(fault);
    }
    check_settings(node, accounts, &config, findings);
    check_access(user, &groups, &config, findings);
    check_port(&config, root, findings)?;
    check_host_keys(node, &config, root, findings)?;
    if !node.login.authorized_keys.is_empty() {
        check_keys(node, accounts, &config, root, findings)?;
    }
    Ok(())
}

/// Checks the settings that decide how anyone logs in.
fn check_settings(
    node: &NodeDescription,
    accounts: &ImageAccounts,
    config: &SshdConfig,
    findings: &mut Findings,
) {
    let says = |keyword: &str, value: &str| config.word(keyword).as_deref() == Some(value);
    let by_password = !says("PasswordAuthentication", "no");
    findings.expect(!by_password, "sshd accepts passwords: another file sets PasswordAuthentication first, or the node's settings are not read");
    findings.expect(
        !says("PubkeyAuthentication", "no"),
        "sshd accepts no public keys (PubkeyAuthentication no)",
    );
    let methods: Vec<_> = config
        .first("AuthenticationMethods")
        .unwrap_or_default()
        .iter()
        .collect();
    let accepts = |it: &&String| ["any", "publickey"].contains(&it.as_str());
    findings.expect(
        methods.is_empty() || methods.iter().any(accepts),
        "sshd asks for more than a public key (AuthenticationMethods)",
    );
    let user = &node.login.user;
    let locked = accounts.is_locked(user) && !says("UsePAM", "yes");
    findings.expect(
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
            findings.add(format!(
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
fn check_access(user: &str, groups: &[&str], config: &SshdConfig, findings: &mut Findings) {
    let lists = |keyword: &str| -> Vec<String> { config.all(keyword).flatten().cloned().collect() };
    let names_user = |list: &String| list.contains('@') || in_list(list, user);
    let names_group = |list: &String| groups.iter().any(|group| in_list(list, group));
    let (allowed, denied) = (lists("AllowUsers"), lists("DenyUsers"));
    let allows = allowed.is_empty() || allowed.iter().any(names_user);
    findings.expect(allows, format!("sshd refuses user `{user}` (AllowUsers)"));
    findings.expect(
        !denied.iter().any(|list| in_list(list, user)),
        format!("sshd refuses user `{user}` (DenyUsers)"),
    );
    let (allowed, denied) = (lists("AllowGroups"), lists("DenyGroups"));
    let allows = allowed.is_empty() || allowed.iter().any(names_group);
    findings.expect(
        allows,
        format!("sshd refuses the groups of user `{user}` (AllowGroups)"),
    );
    findings.expect(
        !denied.iter().any(names_group),
        format!("sshd refuses a group of user `{user}` (DenyGroups)"),
    );
}

/// Checks that the firewall opens the port that the base gave to sshd.
fn check_port(config: &SshdConfig, root: &mut Tree<'_>, findings: &mut Findings) -> Result<()> {
    let ports: Vec<&str> = config.all("Port").flatten().map(String::as_str).collect();
    let rules = root.text("/etc/nftables.conf")?.unwrap_or_default();
    let opened = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("tcp dport {"));
    let opened: Vec<&str> = opened.flat_map(|list| list.split([',', ' '])).collect();
    // Port 22 is the user's to close.
    let is_open = |port: &&str| *port == "22" || opened.contains(port);
    if !ports.is_empty() && !opened.is_empty() && !ports.iter().any(is_open) {
        findings.add(format!(
            "sshd listens on port {}, which the node's firewall closes (`[appliance] ports`)",
            ports.join(", ")
        ));
    }
    Ok(())
}

/// Checks that sshd has the node's host key, and the files without which it refuses everyone.
fn check_host_keys(
    node: &NodeDescription,
    config: &SshdConfig,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    if let Some(key) = node.file(FileRole::HostKey) {
        let mut named: Vec<_> = config.all("HostKey").flatten().collect();
        named.dedup();
        let is_named = named.is_empty() || named.iter().any(|path| **path == key.path);
        findings.expect(
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
            let is_there = root.exists(path)?;
            findings.expect(
                is_there,
                format!("sshd reads {path}, which does not exist ({keyword})"),
            );
        }
    }
    Ok(())
}

/// Checks that sshd finds the owner's keys, and that nobody else could change them (`StrictModes`).
fn check_keys(
    node: &NodeDescription,
    accounts: &ImageAccounts,
    config: &SshdConfig,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let user = &node.login.user;
    let Some((uid, home)) = accounts.home(user) else {
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
        match unsafe_part(path, home, uid, root)?.filter(|_| strict) {
            Some(part) => unsafe_parts.push(part),
            None => accepted.push_str(&root.text(path)?.unwrap_or_default()),
        }
    }
    // A node's description has no control characters.
    let plain = |line: &str| line.trim().replace(char::is_control, "");
    let has = |key: &String| accepted.lines().any(|line| plain(line) == plain(key));
    if node.login.authorized_keys.iter().all(has) {
        let opens = |line: &str| rules::opens_login(line, node.time);
        findings.expect(
            accepted.lines().any(opens),
            format!("sshd accepts no line of {}", paths.join(", ")),
        );
        return Ok(());
    }
    match unsafe_parts.first() {
        Some(part) => findings.add(format!(
            "sshd ignores the owner's keys: users other than `{user}` own or may change {part} (StrictModes)"
        )),
        None => findings.add(format!(
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

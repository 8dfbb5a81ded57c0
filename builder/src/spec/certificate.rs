//! `[[certificate]]`: certificates of the cluster at paths of the user's choice.

use super::common_name;
use super::complaints::{Complaints, Placed};
use super::files::{self, Surroundings};
use super::issuing::{CertificateFile, CertificateRole};
use super::named::Named as _;
use super::placement;
use super::table::Table;

/// Reads the tables. `administrators` are the users of the nodes, if etcd has users.
pub(super) fn read(
    tables: &[&Table],
    surroundings: &Surroundings<'_>,
    domain: &str,
    administrators: &[String],
    log: &mut Complaints,
) -> Vec<CertificateFile> {
    for table in tables {
        refuse_administrator(table, surroundings, domain, administrators, log);
    }
    let read = |table: &&Table| read_certificate(table, surroundings, domain, log);
    tables.iter().filter_map(read).collect()
}

/// Complains about a client whose certificate etcd would take for that of a node.
fn refuse_administrator(
    table: &Table,
    surroundings: &Surroundings<'_>,
    domain: &str,
    administrators: &[String],
    log: &mut Complaints,
) {
    let role = table.optional("role").map(|role| role.value);
    if role != Some(CertificateRole::Client.name()) {
        return;
    }
    let template = table.text("common-name").value;
    let nodes = surroundings.nodes.iter();
    let mut users = nodes.map(|node| common_name::fill(template, &node.name.value, domain));
    if let Some(user) = users.find(|user| administrators.contains(user)) {
        let message = format!(
            "etcd takes the common name `{user}` for the user of a node, which may do everything; set another `common-name`, \
             such as the name of an [[auth.user]]"
        );
        let place = match table.has("common-name") {
            true => table.place_of("common-name"),
            false => table.place,
        };
        log.add(place, message);
    }
}

fn read_certificate(
    table: &Table,
    surroundings: &Surroundings<'_>,
    domain: &str,
    log: &mut Complaints,
) -> Option<CertificateFile> {
    let nodes: Vec<String> = table
        .texts("nodes")
        .into_iter()
        .map(|node| files::known_node(node, surroundings.nodes, log))
        .collect();
    if table.has("nodes") && nodes.is_empty() {
        log.add(
            table.place,
            "`nodes` of this [[certificate]] is empty; name nodes, or remove it for a certificate on every node",
        );
    }
    let role = table.optional("role")?;
    let role = role.with(CertificateRole::named(role.value)?);
    let (path, key) = (table.optional("path")?, table.optional("key"));
    for file in [Some(path), key].into_iter().flatten() {
        files::refuse_ours(file.value, file.place, surroundings, log);
    }
    check_key(role.value, key, table, log);
    let template = table.text("common-name");
    if role.value != CertificateRole::Client && table.has("common-name") {
        log.add(
            template.place,
            "only client certificates have a `common-name` of their own; set [pki.common-name] for others",
        );
    }
    let names = surroundings
        .nodes
        .iter()
        .map(|node| node.name.value.as_str());
    log.check(
        template.place,
        common_name::check_filled(template.value, names, domain),
    );
    if key.is_none() {
        table.refuse_useless("key-mode", "a [[certificate]] without `key`", log);
    }
    let (mode, key_mode) = (table.mode("mode"), table.mode("key-mode"));
    let in_one_file = key.is_some_and(|key| key.value == path.value);
    if in_one_file && table.has("mode") {
        log.add(
            table.text("mode").place,
            "`path` and `key` are one file, whose mode is `key-mode`; remove `mode`",
        );
    }
    Some(CertificateFile {
        role: role.value,
        path: path.value.to_owned(),
        key: key.map(|key| key.value.to_owned()),
        common_name: template.value.to_owned(),
        mode: if in_one_file { key_mode } else { mode },
        key_mode,
        owner: table.text("owner").value.to_owned(),
        nodes,
        origin: log.located(table.place),
    })
}

/// Complains about a key that cannot be given, or is missing.
fn check_key(
    role: CertificateRole,
    key: Option<Placed<&str>>,
    table: &Table,
    log: &mut Complaints,
) {
    match (role, key) {
        (CertificateRole::Ca, Some(key)) => log.add(
            key.place,
            "the CA's key never leaves the state directory; remove `key`",
        ),
        (CertificateRole::Client | CertificateRole::Admin, None) => log.add(
            table.place,
            format!(
                "[[certificate]] needs `key`, because a program uses the {} certificate with its key",
                role.name()
            ),
        ),
        _ => {}
    }
}

/// Checks a path, which may be beside etcd's own certificates.
pub(super) fn path(path: &str) -> Result<(), String> {
    match path.strip_prefix("/etc/etcd/pki/") {
        Some(_) => placement::plain(path).map(drop),
        None => placement::path(path),
    }
}

/// Checks the mode of a certificate: its owner reads it, and nobody else changes it.
pub(super) fn mode(mode: &str) -> Result<(), String> {
    let bits = bits(mode)?;
    let reason = if bits & 0o400 == 0 {
        "would prevent even its owner from reading it"
    } else if bits & 0o022 != 0 {
        "would let users other than the owner replace it"
    } else if bits & !0o644 != 0 {
        "is for a program or a directory"
    } else {
        return Ok(());
    };
    Err(format!(
        "`{mode}` {reason}; choose \"0644\", \"0640\" or \"0600\""
    ))
}

/// Checks the mode of a private key: its owner reads it, perhaps a group, and nobody else.
pub(super) fn key_mode(mode: &str) -> Result<(), String> {
    let bits = bits(mode)?;
    if !bits.is_multiple_of(0o10) {
        return Err(format!(
            "`{mode}` would let every user of the node read the private key; end it in 0, as in \"0640\""
        ));
    }
    self::mode(mode).map_err(|message| message.replace("\"0644\", ", ""))
}

fn bits(mode: &str) -> Result<u16, String> {
    placement::mode(mode)?;
    u16::from_str_radix(mode, 8).map_err(|error| error.to_string())
}

//! etcd's configuration: what etcd and the node's own programs demand of it.

use anyhow::Result;
use serde_json::{Map, Value};

use super::system::NodeSystem;
use crate::description::FileRole;
use crate::spec::{DEFAULT_DATA_DIR, rules};

/// The address of the metrics at which the node's own programs ask etcd; there may be others.
const METRICS: &str = "http://127.0.0.1:2381";

/// The user as whom etcd runs.
const USER: &str = "etcd";

/// The tables of certificates, and the settings in each that name files.
const CLIENTS: &str = "client-transport-security";
const MEMBERS: &str = "peer-transport-security";
const CERTIFICATES: [&str; 3] = ["cert-file", "key-file", "trusted-ca-file"];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let Some(file) = node.file(FileRole::Configuration) else {
        return Ok(());
    };
    let path = &file.path;
    let text = system.root.text(path)?.unwrap_or_default();
    let settings = match path.rsplit_once('.') {
        Some((_, "yml")) => from_yaml(path, &text, system),
        // Environment variables have no types, and etcd warns about an unknown one.
        _ => Some(from_variables(&text)),
    };
    let Some(settings) = settings else {
        return Ok(());
    };
    for (key, value) in settings
        .iter()
        .filter(|(key, value)| rules::hides_log(key, value))
    {
        system.limit(format!(
            "{path}: with `{key}` set to {value}, the node does not notice that the others lack its writes, or why etcd has ended; \
             build it again without that setting"
        ));
    }
    let data = node.data_dir.as_deref().unwrap_or(DEFAULT_DATA_DIR);
    let mut relied_on = vec![
        ("data-dir", data),
        ("listen-metrics-urls", METRICS),
        ("name", node.node.as_str()),
    ];
    let own = node.members.iter().find(|member| member.name == node.node);
    relied_on.extend(own.into_iter().flat_map(|member| {
        [
            ("advertise-client-urls", member.client_url.as_str()),
            ("initial-advertise-peer-urls", member.peer_url.as_str()),
        ]
    }));
    for (key, wanted) in relied_on {
        let set = settings.get(key).and_then(Value::as_str);
        let is_set = set.is_some_and(|set| set.split(',').any(|it| it == wanted));
        system.expect(
            is_set,
            format!("{path} does not set `{key}` to `{wanted}`, on which the node's programs rely"),
        );
    }
    if let Some(token) = settings.get("auth-token").and_then(Value::as_str) {
        let user = system.accounts.home(USER).map(|(user, _)| user);
        for key in rules::token_keys(token) {
            check_key(path, key, user, system)?;
        }
    }
    match node.insecure {
        true => Ok(()),
        false => check_certificates(path, &settings, system),
    }
}

/// Returns the settings in a file of etcd, after checking each and all together.
fn from_yaml(path: &str, text: &str, system: &mut NodeSystem<'_>) -> Option<Map<String, Value>> {
    let Ok(Value::Object(settings)) = serde_saphyr::from_str(text) else {
        system.add(format!("etcd cannot read {path}: it is not a YAML mapping"));
        return None;
    };
    for (key, value) in &settings {
        if let Err(fault) = rules::etcd_setting(key, value)
            && !rules::hides_log(key, value)
        {
            system.add(format!("{path}: {fault}"));
        }
    }
    if let Some(conflict) = rules::etcd_conflict(&settings) {
        system.add(format!("{path}: {conflict}"));
    }
    Some(settings)
}

/// Returns the settings of environment variables under the names that a file has for them.
fn from_variables(text: &str) -> Map<String, Value> {
    let variables = text.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("ETCD_")?.split_once('=')?;
        let value = value.trim_matches(['\'', '"']);
        Some((name.to_lowercase().replace('_', "-"), Value::from(value)))
    });
    let mut settings: Map<String, Value> = variables.collect();
    for (table, prefix) in [(CLIENTS, ""), (MEMBERS, "peer-")] {
        let named = CERTIFICATES.iter().filter_map(|key| {
            let value = settings.get(&format!("{prefix}{key}"))?;
            Some(((*key).to_owned(), value.clone()))
        });
        let named: Map<String, Value> = named.collect();
        settings.insert(table.to_owned(), named.into());
    }
    settings
}

/// Checks that a key with which etcd signs or checks tokens exists, and that its user can read it.
fn check_key(path: &str, key: &str, user: Option<u32>, system: &mut NodeSystem<'_>) -> Result<()> {
    let Some((_, found)) = system.root.resolve(key)? else {
        system.add(format!(
            "{path}: `auth-token` names {key}, which the image does not have"
        ));
        return Ok(());
    };
    // A group has at least one member who may read it.
    let may_read = match user == Some(found.uid) {
        true => found.mode & 0o400 != 0,
        false => found.mode & 0o044 != 0,
    };
    system.expect(
        may_read,
        format!("{path}: `auth-token` names {key}, which user `{USER}` cannot read"),
    );
    Ok(())
}

/// Checks that the files which the configuration names exist.
fn check_certificates(
    path: &str,
    settings: &Map<String, Value>,
    system: &mut NodeSystem<'_>,
) -> Result<()> {
    for table in [CLIENTS, MEMBERS] {
        for key in CERTIFICATES {
            let named = settings.get(table).and_then(|table| table.get(key));
            let is_there = match named.and_then(Value::as_str) {
                Some(named) => system.root.exists(named)?,
                None => false,
            };
            system.expect(
                is_there,
                format!("{path}: `{key}` of `{table}` names no file of the image"),
            );
        }
    }
    Ok(())
}

//! `[etcd]`: where the binaries come from, and the settings a person may choose.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::cluster::{Etcd, EtcdSource};
use super::complaints::{Complaints, Place, Placed};
use super::document::{self, Table};
use super::identity;
use super::input::Input;

/// The release that is fetched unless another one is asked for.
const DEFAULT_VERSION: &str = "3.6.14";
/// A slow disk makes etcd's own 100 ms look like a dead leader.
const DEFAULT_HEARTBEAT: u32 = 500;
/// Ten heartbeats, as etcd's own defaults have it.
const DEFAULT_ELECTION: u32 = 5000;
/// etcd refuses more.
const MOST_ELECTION: u32 = 50_000;
const GIB: u64 = 1 << 30;

/// Keys of etcd.conf.yml that follow from the cluster: two sources for one setting would disagree.
///
/// Mere defaults of `overlays/etcd/etcd.conf.yml` are not among them (`snapshot-count`, `max-snapshots`, `max-wals`,
/// `auto-compaction-mode`, `auto-compaction-retention`): the overlay leaves out those that `extra` sets.
const OURS: [&str; 26] = [
    "name",
    "data-dir",
    "listen-peer-urls",
    "listen-client-urls",
    "listen-client-http-urls",
    "listen-metrics-urls",
    "initial-advertise-peer-urls",
    "advertise-client-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "force-new-cluster",
    "discovery",
    "discovery-srv",
    "discovery-endpoints",
    "discovery-token",
    "client-transport-security",
    "peer-transport-security",
    "heartbeat-interval",
    "election-timeout",
    "quota-backend-bytes",
    "logger",
    "log-outputs",
    "log-output",
    "config-file",
    "unsafe-no-fsync",
];

/// Reads the table; `--etcd` wins over `version`.
pub(super) fn read(table: Option<&Table<'_>>, input: &Input, log: &mut Complaints) -> Etcd {
    let version = table.and_then(|table| table.string("version", log));
    let source = source(version, input, log);
    let (heartbeat_interval, election_timeout) = timing(table, log);
    let quota = table.and_then(|table| table.get("quota"));
    let quota = quota.and_then(|value| log.check(value.place, bytes(value.value)));
    let extra = table.and_then(|table| table.table("extra", log));
    Etcd {
        source,
        heartbeat_interval,
        election_timeout,
        quota: quota.unwrap_or(2 * GIB),
        extra: extra.map(|extra| settings(&extra, log)).unwrap_or_default(),
    }
}

fn source(written: Option<Placed<&str>>, input: &Input, log: &mut Complaints) -> EtcdSource {
    let (place, text, folder) = match (&input.flags.etcd, written) {
        (Some(flag), _) => (Place::Option("--etcd"), flag.as_str(), Path::new("")),
        (None, Some(text)) => (text.place, text.value, identity::folder_of(input)),
        (None, None) => return EtcdSource::Version(DEFAULT_VERSION.to_owned()),
    };
    if text == "debian" {
        return EtcdSource::Debian;
    }
    let version = text.strip_prefix('v').unwrap_or(text);
    if !is_version(version) {
        if is_path(text) {
            let parts = text
                .split(',')
                .map(|part| folder.join(part).to_string_lossy().into_owned());
            return EtcdSource::Path(PathBuf::from(parts.collect::<Vec<_>>().join(",")));
        }
        let message = format!(
            "`{text}` is neither a release such as {DEFAULT_VERSION}, `debian`, nor a path; write ./{text} for a folder"
        );
        log.add(place, message);
    }
    EtcdSource::Version(version.to_owned())
}

/// `3.6.14`, also `3.7.0-rc.1`.
fn is_version(text: &str) -> bool {
    let (numbers, suffix) = text.split_once('-').unwrap_or((text, "x"));
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.';
    numbers.split('.').count() == 3
        && numbers.split('.').all(number)
        && !suffix.is_empty()
        && suffix.chars().all(allowed)
}

fn is_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    text.contains(['/', '\\'])
        || [".gz", ".tgz", ".deb"]
            .iter()
            .any(|ending| lower.ends_with(ending))
}

fn timing(table: Option<&Table<'_>>, log: &mut Complaints) -> (u32, u32) {
    let mut integer = |key, range| table.and_then(|table| table.integer(key, range, " ms", log));
    let heartbeat = integer("heartbeat-interval", 1..=MOST_ELECTION / 5);
    let election = integer("election-timeout", 5..=MOST_ELECTION);
    let heartbeat = heartbeat.unwrap_or(Placed::new(
        Place::Default("etcd.heartbeat-interval"),
        DEFAULT_HEARTBEAT,
    ));
    let election = election.unwrap_or(Placed::new(
        Place::Default("etcd.election-timeout"),
        DEFAULT_ELECTION,
    ));
    if election.value < heartbeat.value.saturating_mul(5) {
        let message = format!(
            "`election-timeout` is {} ms; it must be at least five times `heartbeat-interval` ({} ms)",
            election.value, heartbeat.value
        );
        log.add(election.place.max(heartbeat.place), message);
    }
    (heartbeat.value, election.value)
}

/// A size in bytes, or as text with a unit.
fn bytes(value: &DeValue<'_>) -> Result<u64, String> {
    let size = match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => sized(text),
        other => return Err(document::wrong_type("quota", "a size", other)),
    };
    size.filter(|size| (GIB / 64..=64 * GIB).contains(size))
        .ok_or_else(|| {
            "`quota` must be a size from 16MiB to 64GiB, as in \"2GiB\" or in bytes".to_owned()
        })
}

fn sized(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim() {
        "GiB" => GIB,
        "MiB" => GIB >> 10,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn settings(table: &Table<'_>, log: &mut Complaints) -> Vec<(String, toml::Value)> {
    let mut settings = Vec::new();
    for (key, value) in table.entries() {
        if OURS.contains(&key) {
            log.add(
                value.place,
                format!("`{key}` in [etcd.extra] is set by this program itself"),
            );
        } else if let DeValue::Datetime(_) = value.value {
            log.add(
                value.place,
                format!("`{key}` in [etcd.extra] is a date, and etcd has no such setting"),
            );
        } else if let Some(value) = document::owned(value.value) {
            settings.push((key.to_owned(), value));
        }
    }
    settings
}

/// What is allowed but worth telling.
pub(super) fn warnings(etcd: &Etcd) -> Option<String> {
    (etcd.quota > 8 * GIB).then(|| {
        format!(
            "quota is {} bytes; etcd advises at most 8 GiB, because a member that restarts reads it all",
            etcd.quota
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_paths_are_told_apart() {
        for text in ["3.6.14", "3.4.0", "3.7.0-rc.1"] {
            assert!(is_version(text), "{text}");
        }
        for text in ["3.6", "latest", "3.6.x", "3.6.14-", "", "3..1", "3.6.14.1"] {
            assert!(!is_version(text), "{text}");
        }
        for text in [
            "./bin",
            "etcd-v3.6.14-linux-arm64.tar.gz",
            "a.deb,b.deb",
            "C:\\etcd",
        ] {
            assert!(is_path(text), "{text}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(sized("2GiB"), Some(2 * GIB));
        assert_eq!(sized("512 MiB"), Some(GIB / 2));
        for text in ["", "2", "2GB", "GiB", "-1GiB", "99999999999999GiB"] {
            assert_eq!(sized(text), None, "{text}");
        }
    }
}

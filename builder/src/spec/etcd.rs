//! `[etcd]`: the source of the binaries and the settings that the user may choose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::cluster::{Advertise, ConfigForm, Etcd, EtcdSource};
use super::complaints::{Complaints, Place, Placed};
use super::input::Input;
use super::machine::Auth;
use super::table::Table;
use super::{etcd_defaults, etcd_flags, etcd_values, identity, placement};

/// Reads the table; `--etcd` takes precedence over `version`.
pub(super) fn read(table: &Table, input: &Input, log: &mut Complaints) -> Etcd {
    let (heartbeat, election) = (
        table.integer("heartbeat-interval"),
        table.integer("election-timeout"),
    );
    if election.value < heartbeat.value.saturating_mul(5) {
        let message = format!(
            "`election-timeout` is {} ms; it must be at least five times `heartbeat-interval` ({} ms)",
            election.value, heartbeat.value
        );
        log.add(election.place.max(heartbeat.place), message);
    }
    let config = match table.text("config").value {
        "env" => ConfigForm::Environment,
        _ => ConfigForm::File,
    };
    Etcd {
        source: chosen_source(table.text("version"), input, log),
        is_default: input.flags.etcd.is_none() && !table.has("version"),
        heartbeat_interval: heartbeat.value,
        election_timeout: election.value,
        quota: table.size("quota").value,
        metrics: table.text("metrics").value == MTLS,
        advertise: match table.text("advertise").value {
            "name" => Advertise::Name,
            _ => Advertise::Address,
        },
        listen: match table.text("listen").value {
            "0.0.0.0" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            "::" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            _ => None,
        },
        client_http_port: client_http_port(table, log),
        insecure: table.switch("insecure"),
        data_dir: table.text("data-dir").value.to_owned(),
        config,
        extra: extra(table, config, log),
    }
}

/// Returns the other keys of etcd's configuration, and complains about those that do not go together.
fn extra(table: &Table, config: ConfigForm, log: &mut Complaints) -> Vec<(String, toml::Value)> {
    let extra = table.etcd_flags("extra");
    let place = table.place_of("extra");
    let value = |value| serde_json::to_value(value).unwrap_or_default();
    let written = extra.iter().map(|(key, of)| (key.clone(), value(of)));
    if let Some(conflict) = etcd_values::conflict(&written.collect()) {
        log.add(place, conflict);
    }
    for (key, value) in &extra {
        if config == ConfigForm::Environment {
            log.check(place, etcd_flags::variable(key, value).map(drop));
        }
    }
    extra
}

pub(super) fn advertised() -> Vec<&'static str> {
    vec!["address", "name"]
}

pub(super) fn listened() -> Vec<&'static str> {
    vec!["node", "0.0.0.0", "::"]
}

pub(super) fn forms() -> Vec<&'static str> {
    vec!["file", "env"]
}

/// Complains about settings that need the certificates of clients, which an insecure cluster does not ask for.
pub(super) fn check_insecure(table: &Table, etcd: &Etcd, auth: &Auth, log: &mut Complaints) {
    let needed = [
        (auth.enabled, "`enabled = true` in [auth]"),
        (etcd.metrics, "`metrics = \"mtls\"`"),
    ];
    for (_, setting) in needed
        .into_iter()
        .filter(|(asked, _)| etcd.insecure && *asked)
    {
        let message =
            format!("`insecure = true` does not go with {setting}, which needs certificates");
        log.add(table.place_of("insecure"), message);
    }
}

/// Returns the port for HTTP, and complains if something else uses it.
fn client_http_port(table: &Table, log: &mut Complaints) -> Option<u16> {
    let port = table.optional_integer("client-http-port")?;
    let user = match port.value {
        2379 => "etcd serves gRPC there",
        2380 => "the members use it",
        2381 => "the node's own metrics are there",
        _ => return u16::try_from(port.value).ok(),
    };
    log.add(
        port.place,
        format!("`client-http-port` cannot be {}: {user}", port.value),
    );
    None
}

/// Directories in which etcd's data may have a directory.
const DATA_PARENTS: [&str; 4] = ["/var/lib/", "/srv/", "/mnt/", "/data/"];

/// The directory of the data by default.
pub const DEFAULT_DATA_DIR: &str = "/var/lib/etcd";

/// Checks the directory of the data. Its name must begin with `etcd`, so that no other program uses the same directory.
pub(super) fn data_dir(path: &str) -> Result<(), String> {
    placement::plain(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let own = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .starts_with("etcd");
    let parent = DATA_PARENTS.iter().any(|parent| path.starts_with(parent));
    match own && parent && path.chars().all(plain) {
        true => Ok(()),
        false => Err(format!(
            "`data-dir` cannot be `{path}`: name a directory below /var/lib, /srv, /mnt or /data whose name begins with `etcd`, \
             as in \"/var/lib/etcd-data\""
        )),
    }
}

/// The value of `metrics` that opens the port.
const MTLS: &str = "mtls";

/// Returns the values of `metrics`.
pub(super) fn metrics() -> Vec<&'static str> {
    vec!["local", MTLS]
}

fn chosen_source(written: Placed<&str>, input: &Input, log: &mut Complaints) -> EtcdSource {
    let (place, text, folder) = match &input.flags.etcd {
        Some(flag) => (Place::Option("--etcd"), flag.as_str(), Path::new("")),
        None => (written.place, written.value, identity::config_folder(input)),
    };
    EtcdSource::parse(text, folder).unwrap_or_else(|message| {
        log.add(place, message);
        EtcdSource::Version(text.to_owned())
    })
}

impl EtcdSource {
    /// Parses a release number, `debian`, or paths, which are relative to this directory. The error says what is wrong.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let version = text.strip_prefix('v').unwrap_or(text);
        match text {
            "debian" => Ok(Self::Debian),
            _ if is_version(version) => Ok(Self::Version(version.to_owned())),
            _ if is_path(text) => Ok(Self::Paths(paths(text, folder))),
            _ if version.starts_with(|c: char| c.is_ascii_digit()) => Err(format!(
                "`{text}` is not the whole number of a release, such as 3.6.14; write ./{text} for a directory"
            )),
            _ => Err(format!(
                "`{text}` is neither a release number, `debian`, nor a path; write ./{text} for a directory"
            )),
        }
    }
}

/// Splits the text into paths at commas if every part is a path; otherwise the commas belong to a single path.
fn paths(text: &str, folder: &Path) -> Vec<PathBuf> {
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    match parts.iter().all(|part| is_path(part)) {
        true => parts.into_iter().map(|part| folder.join(part)).collect(),
        false => vec![folder.join(text)],
    }
}

/// Returns whether the text is a version such as `3.6.14` or `3.7.0-rc.1`.
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

const EIGHT_GIB: u64 = 8 << 30;

/// Returns warnings about valid but questionable settings.
pub(super) fn warnings(etcd: &Etcd) -> Vec<String> {
    let quota = (etcd.quota > EIGHT_GIB).then(|| {
        format!(
            "quota is {} bytes; etcd advises at most 8 GiB, because a restarting member reads all of it",
            etcd.quota
        )
    });
    let insecure = etcd.insecure.then(|| {
        "etcd is insecure: it speaks plain HTTP, and anybody who reaches its ports reads and writes everything"
            .to_owned()
    });
    let replaced = etcd_defaults::replaced(&etcd.extra);
    let replaced = (!replaced.is_empty()).then(|| {
        format!(
            "[etcd.extra] replaces defaults of this program: {}",
            replaced.join(", ")
        )
    });
    let all = quota.into_iter().chain(insecure);
    all.chain(replaced).collect()
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
}

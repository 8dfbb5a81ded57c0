//! `[etcd]`: the source of the binaries and the settings that the user may choose.

use std::path::{Path, PathBuf};

use super::cluster::{Etcd, EtcdSource};
use super::complaints::{Complaints, Place, Placed};
use super::identity;
use super::input::Input;
use super::table::Table;

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
    Etcd {
        source: source(table.text("version"), input, log),
        heartbeat_interval: heartbeat.value,
        election_timeout: election.value,
        quota: table.size("quota").value,
        extra: table.etcd_flags("extra"),
    }
}

fn source(written: Placed<&str>, input: &Input, log: &mut Complaints) -> EtcdSource {
    let (place, text, folder) = match &input.flags.etcd {
        Some(flag) => (Place::Option("--etcd"), flag.as_str(), Path::new("")),
        None => (written.place, written.value, identity::folder_of(input)),
    };
    if text == "debian" {
        return EtcdSource::Debian;
    }
    let version = text.strip_prefix('v').unwrap_or(text);
    if !is_version(version) {
        if is_path(text) {
            return EtcdSource::Paths(paths(text, folder));
        }
        let message = format!(
            "`{text}` is neither a release number, `debian`, nor a path; write ./{text} for a folder"
        );
        log.add(place, message);
    }
    EtcdSource::Version(version.to_owned())
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

/// Returns a warning about a valid but questionable setting, if any.
pub(super) fn warnings(etcd: &Etcd) -> Option<String> {
    (etcd.quota > EIGHT_GIB).then(|| {
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
}

//! `[backup]`: the snapshots that the nodes save by themselves.

use super::cluster::{BackupPlace, BackupSettings};
use super::complaints::{Complaints, Placed};
use super::public_key;
use super::table::Table;

/// How often: the name, the minutes, and the times for systemd.
const INTERVALS: [(&str, u32, &str); 9] = [
    ("30m", 30, "*:0/30"),
    ("1h", 60, "hourly"),
    ("2h", 120, "0/2:00"),
    ("3h", 180, "0/3:00"),
    ("4h", 240, "0/4:00"),
    ("6h", 360, "0/6:00"),
    ("8h", 480, "0/8:00"),
    ("12h", 720, "0/12:00"),
    ("24h", 1440, "daily"),
];

/// Returns the values of `every`.
pub(super) fn intervals() -> Vec<&'static str> {
    INTERVALS.iter().map(|(name, ..)| *name).collect()
}

/// Reads the table; `None` if the file does not contain it.
pub(super) fn read(table: &Table, log: &mut Complaints) -> Option<BackupSettings> {
    if !table.is_written() {
        return None;
    }
    let every = table.text("every").value;
    let (_, minutes, times) = INTERVALS.iter().find(|(name, ..)| *name == every)?;
    let host_key = table.optional("host-key");
    // A place that is missing or cannot be read was complained about.
    let place = table.optional("to")?;
    let mut to = parsed(place.value).ok()?;
    let endpoint = table.optional("endpoint");
    if let BackupPlace::S3 { host, region, .. } = &mut to {
        table.text("region").value.clone_into(region);
        *host = match endpoint {
            Some(endpoint) => server(endpoint.value).unwrap_or_default().to_owned(),
            None => format!("s3.{region}.amazonaws.com"),
        };
    } else if let Some(endpoint) = endpoint {
        log.add(
            endpoint.place,
            "`endpoint` is for a place such as s3://bucket/etcd",
        );
    }
    if let (BackupPlace::Ssh { .. }, None) = (&to, &host_key) {
        let message =
            "`to` is a host, and its `host-key` is missing: `ssh-keyscan -t ed25519 HOST` shows it";
        log.add(place.place, message);
    }
    let text = |key: Placed<&str>| key.value.to_owned();
    Some(BackupSettings {
        minutes: *minutes,
        times,
        keep: table.integer("keep").value,
        to,
        host_key: host_key.map(text),
    })
}

/// Checks where snapshots go.
pub(super) fn place(text: &str) -> Result<(), String> {
    parsed(text).map(drop)
}

const HTTPS: &str = "https://";

/// Returns the server of an address with TLS, which may end in `/`.
fn server(text: &str) -> Option<&str> {
    let place = text.strip_prefix(HTTPS)?;
    Some(place.strip_suffix('/').unwrap_or(place))
}

/// Checks the server of a bucket.
pub(super) fn endpoint(text: &str) -> Result<(), String> {
    match server(text).is_some_and(|host| plain(host, ".:-[]")) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not a server such as https://minio.lan:9000; snapshots contain everything, so that the server must \
             have a certificate"
        )),
    }
}

/// Checks the region of a bucket.
pub(super) fn region(text: &str) -> Result<(), String> {
    match plain(text, "-") {
        true => Ok(()),
        false => Err(format!("`{text}` is not a region such as eu-central-1")),
    }
}

/// Returns whether a text can be a word of a shell and of a URL. It may contain these characters besides letters and digits.
fn plain(text: &str, more: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(allowed)
}

/// Reads `BUCKET` or `BUCKET/FOLDER`. The server and the region are settings of their own.
fn bucket(text: &str) -> Option<BackupPlace> {
    let (bucket, folder) = text.split_once('/').unwrap_or((text, ""));
    let folder = folder.trim_matches('/');
    if !plain(bucket, ".-") || !(folder.is_empty() || plain(folder, "/._-")) {
        return None;
    }
    Some(BackupPlace::S3 {
        host: String::new(),
        region: String::new(),
        bucket: bucket.to_owned(),
        folder: match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        },
    })
}

/// Checks the public key of a host.
pub(super) fn host_key(text: &str) -> Result<(), String> {
    public_key::checked_bare(text).map(drop)
}

fn parsed(text: &str) -> Result<BackupPlace, String> {
    if text == "data" {
        return Ok(BackupPlace::Data);
    }
    if let Some(rest) = text.strip_prefix("s3://") {
        return bucket(rest)
            .ok_or_else(|| format!("`{text}` is not a place such as s3://bucket/etcd"));
    }
    let wanted = || {
        format!(
            "`{text}` is neither `data` nor a place such as ssh://backup@192.168.0.10/srv/etcd or s3://bucket/etcd"
        )
    };
    let rest = text.strip_prefix("ssh://").ok_or_else(wanted)?;
    let (user, rest) = rest.split_once('@').ok_or_else(wanted)?;
    let (host, path) = rest.split_once('/').ok_or_else(wanted)?;
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
            (host, port.parse().map_err(|_| wanted())?)
        }
        _ => (host, 22),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match plain(user, "._-") && plain(bare, ".:-_") && plain(path, "/._-") && port > 0 {
        true => Ok(BackupPlace::Ssh {
            user: user.to_owned(),
            host: bare.to_owned(),
            port,
            path: format!("/{path}"),
        }),
        false => Err(wanted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read() {
        assert_eq!(parsed("data"), Ok(BackupPlace::Data));
        let ssh = |host: &str, port| BackupPlace::Ssh {
            user: "ada".to_owned(),
            host: host.to_owned(),
            port,
            path: "/srv/etcd".to_owned(),
        };
        let read = parsed("ssh://ada@nas.lan/srv/etcd");
        assert_eq!(read, Ok(ssh("nas.lan", 22)));
        let read = parsed("ssh://ada@my_nas:2222/srv/etcd");
        assert_eq!(read, Ok(ssh("my_nas", 2222)));
        let read = parsed("ssh://ada@[fd00::1]:2222/srv/etcd");
        assert_eq!(read, Ok(ssh("fd00::1", 2222)));
        let read = parsed("ssh://ada@[fd00::1]/srv/etcd");
        assert_eq!(read, Ok(ssh("fd00::1", 22)));
    }

    #[test]
    fn another_place_is_refused() {
        for text in [
            "",
            "card",
            "/srv",
            "ssh://nas/srv",
            "ssh://ada@nas",
            "ssh://ada@nas/",
            "ssh://ada@nas:0/srv",
            "ssh://ada@nas/a b",
            "ssh://ada@nas/$(reboot)",
            "ssh://-oProxyCommand=x@nas/srv",
            "ssh://ada@-oProxyCommand/srv",
            "ssh://ada@nas:x/srv",
        ] {
            let wanted = format!(
                "`{text}` is neither `data` nor a place such as ssh://backup@192.168.0.10/srv/etcd or s3://bucket/etcd"
            );
            assert_eq!(parsed(text), Err(wanted));
        }
    }

    #[test]
    fn a_bucket_is_read() {
        let s3 = |folder: &str| {
            Ok(BackupPlace::S3 {
                host: String::new(),
                region: String::new(),
                bucket: "lab.backups".to_owned(),
                folder: folder.to_owned(),
            })
        };
        assert_eq!(parsed("s3://lab.backups"), s3(""));
        assert_eq!(parsed("s3://lab.backups/"), s3(""));
        assert_eq!(parsed("s3://lab.backups/etcd/main/"), s3("etcd/main/"));
        for text in [
            "s3://",
            "s3://a b",
            "s3:///etcd",
            "s3://a/$(reboot)",
            "s3://-a",
        ] {
            let wanted = format!("`{text}` is not a place such as s3://bucket/etcd");
            assert_eq!(parsed(text), Err(wanted));
        }
        endpoint("https://minio.lan:9000").unwrap();
        endpoint("https://[fd00::1]:9000").unwrap();
        endpoint("https://minio.lan:9000/").unwrap();
        assert_eq!(server("https://minio.lan:9000/"), Some("minio.lan:9000"));
        for text in [
            "",
            "minio.lan",
            "http://minio.lan",
            "https://",
            "https:///",
            "https://a/b",
            "https://a b",
        ] {
            endpoint(text).unwrap_err();
        }
        region("eu-central-1").unwrap();
        region("eu central").unwrap_err();
    }
}

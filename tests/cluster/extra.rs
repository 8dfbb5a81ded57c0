//! Compares the rules for the values of `[etcd.extra]` with the decisions of a real etcd.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::spec::{self, Flags, Input, Purpose, TextFile};
use serde_json::{Value, json};

use crate::support::enclosed;
use crate::support::members::program;
use crate::support::scene::SSH_KEY;
use crate::support::tool::{Running, tool};

/// Settings with which etcd starts. Together they are one configuration.
const TAKEN: &str = r#"
auto-compaction-mode = "periodic"
auto-compaction-retention = "1h30m"
auth-token = "simple"
backend-bbolt-freelist-type = "array"
cipher-suites = ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
cors = "https://app.lan:443,http://[::1]:80"
enable-log-rotation = false
experimental-corrupt-check-time = 0
grpc-keepalive-interval = 5000000000
log-level = "info"
max-concurrent-streams = 4294967295
metrics = "extensive"
snapshot-count = 0
socket-options = { reuse-port = true, reuse-address = true }
tls-max-version = "TLS1.3"
tls-min-version = "TLS1.2"
v2-deprecation = "write-only"
"#;

/// Settings with each of which it ends at once.
const REFUSED: [&str; 20] = [
    r#"auto-compaction-mode = "bogus""#,
    r#"auto-compaction-mode = "periodic"
auto-compaction-retention = "1d""#,
    r#"auth-token = "jwt""#,
    r#"auth-token = "jwt,sign-method=HS256""#,
    r#"auth-token = "simple,x""#,
    r#"cipher-suites = ["BOGUS"]"#,
    r#"cipher-suites = ["TLS_AES_128_GCM_SHA256"]"#,
    r#"cipher-suites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
tls-min-version = "TLS1.3""#,
    r#"cors = "*,http://a:80""#,
    r#"cors = "http://app.lan""#,
    "enable-log-rotation = true",
    "experimental-compact-hash-check-time = 0",
    "experimental-enable-lease-checkpoint-persist = true",
    r#"log-level = "bogus""#,
    "max-concurrent-streams = 4294967296",
    "max-request-bytes = -1",
    "snapshot-count = -1",
    r#"socket-options = { reuse-port = "yes" }"#,
    r#"tls-min-version = "TLS9""#,
    r#"tls-min-version = "TLS1.3"
tls-max-version = "TLS1.2""#,
];

#[test]
fn etcd_and_the_rules_agree() {
    enclosed::inside(|| {
        tool("ip", &["link", "set", "lo", "up"]).done();
        let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let [certificate, key] = ["crt", "key"].map(|name| folder.path().join(name));
        let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x";
        let files = [
            certificate.to_str().unwrap(),
            "-keyout",
            key.to_str().unwrap(),
        ];
        let words: Vec<_> = new.split(' ').chain(["-out"]).chain(files).collect();
        tool("openssl", &words).done();
        assert_eq!(complaints(TAKEN), Vec::<String>::new());
        assert!(
            starts(TAKEN, folder.path(), Duration::from_secs(1)),
            "{TAKEN}"
        );
        for settings in REFUSED {
            assert_eq!(complaints(settings).len(), 1, "{settings}");
            // etcd ends long before that, but not at once on a busy machine.
            let is_started = starts(settings, folder.path(), Duration::from_mins(1));
            assert!(!is_started, "{settings}");
        }
    });
}

/// Returns what the rules say about settings.
fn complaints(settings: &str) -> Vec<String> {
    let text_file = |path: &str, text: String| TextFile {
        path: path.into(),
        text,
    };
    let input = Input {
        flags: Flags {
            nodes: Some(1),
            ..Flags::default()
        },
        config: Some(text_file(
            "cluster.toml",
            format!("[etcd.extra]\n{settings}"),
        )),
        row: None,
        default_keys: vec![text_file("id.pub", SSH_KEY.to_owned())],
        now: 0,
        purpose: Purpose::Images,
        read: |_| Err(io::ErrorKind::NotFound.into()),
        walk: |_| Ok(None),
    };
    let refused = spec::resolve(&input).err();
    refused.map_or_else(Vec::new, |refused| refused.complaints)
}

/// Returns whether etcd serves with these settings for this long instead of ending.
fn starts(settings: &str, folder: &Path, time: Duration) -> bool {
    let [client, peer] = ["https://127.0.0.1:2379", "http://127.0.0.1:2380"];
    let mut configuration = json!({
        "name": "a",
        "data-dir": "data",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": format!("a={peer}"),
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "client-transport-security": { "cert-file": "crt", "key-file": "key" },
        "logger": "zap",
        "log-outputs": ["stderr"],
        "unsafe-no-fsync": true,
    });
    let extra: Value = toml::from_str(settings).unwrap();
    for (key, value) in extra.as_object().unwrap() {
        configuration[key] = value.clone();
    }
    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(data).unwrap();
    }
    // JSON is valid YAML.
    fs::write(folder.join("etcd.yml"), configuration.to_string()).unwrap();
    let etcd = program("etcd");
    let arguments = ["--config-file", "etcd.yml"];
    let mut etcd = Running::start_in(folder, etcd.to_str().unwrap(), &arguments);
    let started = Instant::now();
    while !etcd.has_ended() && !is_healthy() {
        assert!(started.elapsed() < Duration::from_mins(1), "{settings}");
        thread::sleep(Duration::from_millis(100));
    }
    // Some settings are tried only after the member serves.
    let settled = Instant::now();
    while !etcd.has_ended() && settled.elapsed() < time {
        thread::sleep(Duration::from_millis(100));
    }
    !etcd.has_ended()
}

fn is_healthy() -> bool {
    let ask = || {
        let mut stream = TcpStream::connect("127.0.0.1:2381")?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(r#""health":"true""#))
}

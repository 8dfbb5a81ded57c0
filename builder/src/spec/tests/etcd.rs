//! Tests of `[etcd]`: mistakes with their lines.

use super::mistakes::check;

use super::{VALID, complaints, input, resolve};

#[test]
fn a_node_with_urls_by_name_has_no_previous_address() {
    let text = VALID
        .replace("board = \"pi5\"", "previous-address = \"10.9.9.9\"")
        .replace("[etcd]", "[etcd]\nadvertise = \"name\"");
    assert_eq!(
        complaints(&input(&text)),
        [
            "lab/cluster.toml:21: `previous-address` has no effect with `advertise = \"name\"` in [etcd], whose URLs stay the same; remove it"
        ]
    );
}

#[test]
fn no_file_is_added_to_the_data() {
    let text = VALID
        .replace("[etcd]", "[etcd]\ndata-dir = \"/srv/etcd\"")
        .replace("/etc/motd", "/srv/etcd/x");
    assert_eq!(
        complaints(&input(&text)),
        ["lab/cluster.toml:46: `/srv/etcd/x` cannot be added: etcd keeps its data there"]
    );
}

#[test]
fn what_needs_certificates_does_not_go_with_plain_http() {
    check(
        r#"
[etcd] → [etcd]\ninsecure = true\nmetrics = "mtls"
    26: `insecure = true` does not go with `metrics = "mtls"`, which needs certificates

[etcd] → [auth]\nenabled = true\n[etcd]\ninsecure = true
    28: `insecure = true` does not go with `enabled = true` in [auth], which needs certificates
"#,
    );
    let cluster = resolve(&input(&VALID.replace("[etcd]", "[etcd]\ninsecure = true"))).unwrap();
    assert_eq!(
        cluster.warnings,
        [
            "etcd is insecure: it speaks plain HTTP, and anybody who reaches its ports reads and writes everything"
        ]
    );
}

#[test]
fn a_replaced_default_is_a_warning() {
    let text = VALID.replace("snapshot-count = 10000", "snapshot-count = 20");
    assert_eq!(
        resolve(&input(&text)).unwrap().warnings,
        ["[etcd.extra] replaces defaults of this program: `snapshot-count` (10000)"]
    );
}

#[test]
fn each_mistake_in_etcd_has_its_line() {
    check(
        r#"
"3.5.34" → "latest"
    26: `latest` is neither a release number, `debian`, nor a path; write ./latest for a directory

"3.5.34" → "3.5"
    26: `3.5` is not the whole number of a release, such as 3.6.14; write ./3.5 for a directory

heartbeat-interval = 250 → heartbeat-interval = "250ms"
    27: `heartbeat-interval` must be an integer, not a string; write 250

election-timeout = 2500 → election-timeout = "5 s"
    28: `election-timeout` must be an integer, not a string; write 5000

heartbeat-interval = 250 → heartbeat-interval = 0
    27: `heartbeat-interval` must be from 1 to 10000 ms, not 0

election-timeout = 2500 → election-timeout = 1249
    28: `election-timeout` is 1249 ms; it must be at least five times `heartbeat-interval` (250 ms)

election-timeout = 2500 → election-timeout = 50001
    28: `election-timeout` must be from 5 to 50000 ms, not 50001

heartbeat-interval = 250 → heartbeat-interval = 501
    28: `election-timeout` is 2500 ms; it must be at least five times `heartbeat-interval` (501 ms)

"512MiB" → "512MB"
    29: `quota` must be a size from 16MiB to 64GiB, as in "2GiB" or in bytes

"512MiB" → 0
    29: `quota` must be a size from 16MiB to 64GiB, as in "2GiB" or in bytes

"512MiB" → 0.5
    29: `quota` must be a size, not a float

heartbeat-interval = 250 → heartbeat-interval = 250\nadvertise = "names"
    28: unknown kind of URL `names`; did you mean `name`?

heartbeat-interval = 250 → heartbeat-interval = 250\nlisten = "10.1.2.50"
    28: unknown place `10.1.2.50`; known are node, 0.0.0.0, ::

heartbeat-interval = 250 → heartbeat-interval = 250\nclient-http-port = 2381
    28: `client-http-port` cannot be 2381: the node's own metrics are there

heartbeat-interval = 250 → heartbeat-interval = 250\nclient-http-port = 80
    28: `client-http-port` must be from 1024 to 65535, not 80

heartbeat-interval = 250 → heartbeat-interval = 250\ndata-dir = "/home/etcd"
    28: `data-dir` cannot be `/home/etcd`: name a directory below /var/lib, /srv, /mnt or /data whose name begins with `etcd`, as in "/var/lib/etcd-data"

heartbeat-interval = 250 → heartbeat-interval = 250\ndata-dir = "/var/lib/dpkg"
    28: `data-dir` cannot be `/var/lib/dpkg`: name a directory below /var/lib, /srv, /mnt or /data whose name begins with `etcd`, as in "/var/lib/etcd-data"

heartbeat-interval = 250 → heartbeat-interval = 250\ndata-dir = "/var/lib/../etcd"
    28: `/var/lib/../etcd` must be a plain path, without .. or // or a final /

"1h" } → "1h", host-whitelist = "it's" }\nconfig = "env"
    30: `host-whitelist` in [etcd.extra] cannot contain an apostrophe or a control character with `config = "env"`
"#,
    );
}

#[test]
fn each_extra_setting_is_checked() {
    check(
        r#"
snapshot-count = → data-dir =
    30: `data-dir` in [etcd.extra] is set by this program

snapshot-count = → listen-metrics-urls =
    30: `listen-metrics-urls` in [etcd.extra] is set by this program

snapshot-count = 10000 → log-outputs = ["stderr"]
    30: `log-outputs` in [etcd.extra] is set by this program

snapshot-count = 10000 → initial-cluster-state = "existing"
    30: `initial-cluster-state` in [etcd.extra] is set by this program

{ snapshot-count = 10000, auto-compaction-retention = "1h" } → 7
    30: `extra` must be a table, not an integer

snapshot-count = → wal-dir =
    30: `wal-dir` in [etcd.extra] is set by this program

snapshot-count = → force-new-cluster =
    30: `force-new-cluster` in [etcd.extra] is set by this program

snapshot-count = → snapshot_count =
    30: unknown key `snapshot_count` in [etcd.extra]; did you mean `snapshot-count`?

snapshot-count = → "snap\"x" =
    30: unknown key `snap"x` in [etcd.extra]; etcd.conf.yml has no such key

snapshot-count = 10000 → snapshot-count = "10000"
    30: `snapshot-count` in [etcd.extra] must be an integer, not a string

snapshot-count = 10000 → grpc-keepalive-interval = "5s"
    30: `grpc-keepalive-interval` in [etcd.extra] must be an integer, in nanoseconds, not a string

snapshot-count = 10000 → enable-pprof = 1, cipher-suites = [1]
    30: `enable-pprof` in [etcd.extra] must be true or false, not an integer
    30: `cipher-suites` in [etcd.extra] must be a list of strings, not an array

"1h" → 1
    30: `auto-compaction-retention` in [etcd.extra] must be a string, not an integer

"1h" → 1979-05-27
    30: `auto-compaction-retention` in [etcd.extra] must be a string, not a datetime

snapshot-count = 10000 → enable-log-rotation = true, log-rotation-config-json = "{}"
    30: `enable-log-rotation` in [etcd.extra] has no file to rotate: etcd writes its log to the journal
    30: `log-rotation-config-json` in [etcd.extra] is set by this program

snapshot-count = 10000 → snapshot-count = -1, max-concurrent-streams = 4294967296
    30: `snapshot-count` in [etcd.extra] must not be negative, as -1 is
    30: `max-concurrent-streams` in [etcd.extra] must be from 0 to 4294967295, not 4294967296

snapshot-count = 10000 → grpc-keepalive-timeout = 5
    30: `grpc-keepalive-timeout` in [etcd.extra] is 5 ns, less than a millisecond; five seconds are 5000000000

snapshot-count = 10000 → log-level = "bogus", auth-token = "jwt"
    30: `log-level` in [etcd.extra] must be debug or info, because the node's programs read these lines, not `bogus`
    30: `auth-token` in [etcd.extra] must be "simple", or as in "jwt,sign-method=RS256,priv-key=/etc/etcd/jwt.key", not `jwt`

snapshot-count = 10000 → cipher-suites = ["TLS_RSA_WITH_AES_256_CBC_SHA"]
    30: `cipher-suites` in [etcd.extra] lacks what HTTP/2 needs: add TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256

"1h" → "soon"
    30: `auto-compaction-retention` in [etcd.extra] must be a length of time such as "1h", or a number, not `soon`

snapshot-count = 10000 → auto-compaction-mode = "revision"
    30: `auto-compaction-mode` is `revision`: `auto-compaction-retention` must be the number of revisions, such as "10000"
"#,
    );
}

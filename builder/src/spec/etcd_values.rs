//! The values of `[etcd.extra]`, beyond their types. With nearly all others etcd exits at startup; with the rest a setting
//! does not mean what it says.
//!
//! The rules are those of etcd's sources 3.4 to 3.7: `embed.Config` and the parsers that it calls.

use serde_json::{Map, Value};

/// Texts with few values.
const CHOICES: [(&str, &[&str]); 7] = [
    ("auto-compaction-mode", &["periodic", REVISION]),
    ("backend-bbolt-freelist-type", &["array", "map"]),
    (
        "experimental-backend-bbolt-freelist-type",
        &["array", "map"],
    ),
    ("metrics", &["basic", "extensive"]),
    ("tls-max-version", &[TLS_1_2, TLS_1_3]),
    ("tls-min-version", &[TLS_1_2, TLS_1_3]),
    (
        "v2-deprecation",
        &[
            "not-yet",
            "write-only",
            "write-only-skip-check",
            "write-only-drop-data",
            "gone",
        ],
    ),
];

const REVISION: &str = "revision";
const TLS_1_2: &str = "TLS1.2";
const TLS_1_3: &str = "TLS1.3";

/// The greatest values of integers. Others have 64 bits; none is negative, although Go has a sign for some.
const GREATEST: [(&str, i64); 3] = [
    ("distributed-tracing-sampling-rate", 1_000_000),
    ("experimental-distributed-tracing-sampling-rate", 1_000_000),
    ("max-concurrent-streams", 0xffff_ffff),
];

/// Times that cannot be switched off with 0.
const NEVER_OFF: [&str; 2] = [
    "compact-hash-check-time",
    "experimental-compact-hash-check-time",
];

/// A millisecond in nanoseconds: less is a number of another unit.
const MILLISECOND: i64 = 1_000_000;

/// The suites of which HTTP/2 needs one: without it, etcd's listeners fail.
const OF_HTTP2: [&str; 2] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
];

/// The names of other suites: those of Go's `crypto/tls`, and two short ones of etcd.
const SUITES: &str = "
    TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 TLS_ECDHE_ECDSA_WITH_RC4_128_SHA TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 TLS_ECDHE_RSA_WITH_RC4_128_SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA
    TLS_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA256 TLS_RSA_WITH_AES_128_GCM_SHA256
    TLS_RSA_WITH_AES_256_CBC_SHA TLS_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_RC4_128_SHA";

/// The methods with which etcd signs tokens; those with HMAC have no public key.
const SIGN_METHODS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512",
];

/// Returns what is wrong with a value of the right type, if anything, as the end of a sentence that begins with its key.
pub(super) fn fault(key: &str, value: &Value, in_nanoseconds: bool) -> Option<String> {
    match value {
        Value::Number(number) => number_fault(key, number.as_i64()?, in_nanoseconds),
        Value::String(text) => text_fault(key, text),
        Value::Array(suites) => suites_fault(suites),
        Value::Object(options) => options_fault(options),
        Value::Bool(true) if key == "enable-log-rotation" => {
            Some("has no file to rotate: etcd writes its log to the journal".to_owned())
        }
        Value::Bool(_) | Value::Null => None,
    }
}

fn number_fault(key: &str, number: i64, in_nanoseconds: bool) -> Option<String> {
    let most = GREATEST.iter().find(|(known, _)| *known == key);
    let is_off = number == 0 && !NEVER_OFF.contains(&key);
    match most {
        Some((_, most)) if !(0..=*most).contains(&number) => {
            Some(format!("must be from 0 to {most}, not {number}"))
        }
        _ if number < 0 => Some(format!("must not be negative, as {number} is")),
        _ if in_nanoseconds && number < MILLISECOND && !is_off => Some(format!(
            "is {number} ns, less than a millisecond; five seconds are 5000000000"
        )),
        _ => None,
    }
}

fn text_fault(key: &str, text: &str) -> Option<String> {
    if let Some((_, choices)) = CHOICES.iter().find(|(known, _)| *known == key) {
        let is_known = choices.contains(&text);
        return (!is_known).then(|| format!("must be one of {}, not `{text}`", choices.join(", ")));
    }
    let (fits, form) = match key {
        "auto-compaction-retention" => (
            is_count(text) || is_duration(text),
            "a length of time such as \"1h\", or a number",
        ),
        "auth-token" => (
            is_auth_token(text),
            "\"simple\", or as in \"jwt,sign-method=RS256,priv-key=/etc/etcd/jwt.key\"",
        ),
        "cors" => (
            text == "*" || text.split(',').all(is_origin),
            "\"*\", or origins with a port as in \"https://app.lan:443\"",
        ),
        // From its lines of the level `info`, in JSON, a node learns what its data has, and why etcd has ended.
        "log-format" => (text == "json", "json, which the node's programs read"),
        "log-level" => (
            ["debug", "info"].contains(&text),
            "debug or info, because the node's programs read these lines",
        ),
        "feature-gates" => (
            text.split(',').all(is_gate),
            "as in \"InitialCorruptCheck=true\"",
        ),
        _ => return None,
    };
    (!fits).then(|| format!("must be {form}, not `{text}`"))
}

fn suites_fault(suites: &[Value]) -> Option<String> {
    let names: Vec<&str> = suites.iter().filter_map(Value::as_str).collect();
    let is_known = |name: &&&str| {
        OF_HTTP2.contains(*name) || SUITES.split_whitespace().any(|known| known == **name)
    };
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        return Some(format!("names `{name}`, which is no cipher suite of Go"));
    }
    let serves = names.is_empty() || names.iter().any(|name| OF_HTTP2.contains(name));
    (!serves).then(|| format!("lacks what HTTP/2 needs: add {}", OF_HTTP2.join(" or ")))
}

fn options_fault(options: &Map<String, Value>) -> Option<String> {
    let fits = |(key, value): (&String, &Value)| {
        ["reuse-port", "reuse-address"].contains(&key.as_str()) && value.is_boolean()
    };
    let fits = options.iter().all(fits);
    (!fits).then(|| "has only `reuse-port` and `reuse-address`, each true or false".to_owned())
}

fn is_count(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

/// Returns whether the text is a length of time as Go reads it, such as `1h30m`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let from_unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let after = from_unit.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let number = rest.strip_suffix(from_unit).unwrap_or_default();
        let unit = from_unit.strip_suffix(after).unwrap_or_default();
        if number.parse::<f64>().is_err() || !["h", "m", "s", "ms"].contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

/// Returns whether etcd starts with this value, although the node's programs then do not find what they read in its log.
pub(crate) fn hides_log(key: &str, value: &Value) -> bool {
    let values: &[&str] = match key {
        "log-format" => &["console"],
        "log-level" => &["warn", "error", "dpanic", "panic", "fatal"],
        _ => &[],
    };
    value.as_str().is_some_and(|text| values.contains(&text))
}

/// Returns the files of keys that a value of etcd's `auth-token` names.
pub(crate) fn token_keys(text: &str) -> impl Iterator<Item = &str> {
    let options = text.split(',').filter_map(|option| option.split_once('='));
    let keys = options.filter(|(name, _)| ["pub-key", "priv-key"].contains(name));
    keys.map(|(_, path)| path)
}

/// Returns whether etcd can make tokens of this kind. Whether the files of keys exist shows in the finished image.
fn is_auth_token(text: &str) -> bool {
    let Some(options) = text.strip_prefix("jwt,") else {
        return text == "simple";
    };
    let pairs: Option<Vec<_>> = options.split(',').map(|it| it.split_once('=')).collect();
    let pairs = pairs.unwrap_or_default();
    let value = |key: &str| {
        let mut of_key = pairs.iter().filter(|(known, _)| *known == key);
        let value = of_key.next().map(|(_, value)| *value);
        value.filter(|_| of_key.next().is_none())
    };
    let known = ["sign-method", "pub-key", "priv-key", "ttl"];
    let Some(method) = value("sign-method") else {
        return false;
    };
    let keys = match method.starts_with("HS") {
        true => [value("priv-key"), None],
        false => [value("priv-key"), value("pub-key")],
    };
    pairs.iter().all(|(key, _)| known.contains(key))
        && SIGN_METHODS.contains(&method)
        && keys.iter().flatten().any(|path| path.starts_with('/'))
        && value("ttl").is_none_or(is_duration)
}

fn is_origin(text: &str) -> bool {
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    host.and_then(|host| host.rsplit_once(':'))
        .is_some_and(|(name, port)| {
            !name.is_empty() && !name.contains('/') && port.parse::<u16>().is_ok()
        })
}

fn is_gate(text: &str) -> bool {
    let value = text.split_once('=').map(|(_, value)| value);
    value.is_some_and(|value| ["true", "false"].contains(&value))
}

/// Returns what is wrong with these settings together, each of which is right alone.
pub(crate) fn conflict(settings: &Map<String, Value>) -> Option<&'static str> {
    let text = |key: &str| settings.get(key).and_then(Value::as_str);
    let is_on = |key: &str| settings.get(key) == Some(&Value::Bool(true));
    let suites = settings.get("cipher-suites").and_then(Value::as_array);
    let demands_1_3 = text("tls-min-version") == Some(TLS_1_3);
    let by_revision = text("auto-compaction-mode") == Some(REVISION);
    if by_revision && !text("auto-compaction-retention").is_some_and(is_count) {
        Some(
            "`auto-compaction-mode` is `revision`: `auto-compaction-retention` must be the number of revisions, such as \"10000\"",
        )
    } else if demands_1_3 && text("tls-max-version") == Some(TLS_1_2) {
        Some("`tls-min-version` is above `tls-max-version`")
    } else if demands_1_3 && suites.is_some_and(|suites| !suites.is_empty()) {
        Some("`cipher-suites` is for TLS 1.2, which `tls-min-version` excludes; remove one of them")
    } else if is_on("experimental-enable-lease-checkpoint-persist")
        && !is_on("experimental-enable-lease-checkpoint")
    {
        Some(
            "`experimental-enable-lease-checkpoint-persist` needs `experimental-enable-lease-checkpoint`",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each value was given to etcd 3.5.16, which started.
    #[test]
    fn values_with_which_etcd_starts() {
        for (key, value) in [
            ("auto-compaction-mode", json!("periodic")),
            ("auto-compaction-retention", json!("1h30m")),
            ("auto-compaction-retention", json!("10000")),
            ("auth-token", json!("simple")),
            ("cors", json!("*")),
            ("cors", json!("https://app.lan:443,http://[::1]:80")),
            ("log-level", json!("debug")),
            ("log-format", json!("json")),
            ("tls-min-version", json!("TLS1.3")),
            ("max-concurrent-streams", json!(0)),
            ("snapshot-count", json!(0)),
            ("cipher-suites", json!([])),
            (
                "cipher-suites",
                json!(["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", OF_HTTP2[0]]),
            ),
            (
                "socket-options",
                json!({ "reuse-port": true, "reuse-address": true }),
            ),
            ("enable-log-rotation", json!(false)),
            ("host-whitelist", json!("a,b")),
        ] {
            assert_eq!(fault(key, &value, false), None, "{key}: {value}");
        }
        for value in [
            "jwt,pub-key=/k.pub,priv-key=/k,sign-method=ES256,ttl=10m",
            "jwt,sign-method=HS512,priv-key=/k",
        ] {
            assert_eq!(fault("auth-token", &json!(value), false), None, "{value}");
        }
        assert_eq!(fault("corrupt-check-time", &json!(0), true), None);
        assert_eq!(fault("corrupt-check-time", &json!(MILLISECOND), true), None);
    }

    /// Each value was given to etcd 3.5.16, which exited or, with a time, did not do what was meant. With some log settings,
    /// it starts, and the node's programs do not find what they look for.
    #[test]
    fn values_with_which_it_does_not() {
        for (key, value) in [
            ("auto-compaction-mode", json!("")),
            ("auto-compaction-retention", json!("1d")),
            ("auto-compaction-retention", json!("-5m")),
            ("auto-compaction-retention", json!("soon")),
            ("auth-token", json!("jwt")),
            ("auth-token", json!("jwt,sign-method=HS256")),
            ("auth-token", json!("jwt,sign-method=HS256,pub-key=/k.pub")),
            (
                "auth-token",
                json!("jwt,sign-method=RS256,priv-key=/k,sign-method=RS256"),
            ),
            ("auth-token", json!("simple,x")),
            ("cors", json!("*,http://a:80")),
            ("cors", json!("http://app.lan")),
            ("log-level", json!("bogus")),
            ("log-level", json!("warn")),
            ("log-format", json!("console")),
            ("tls-max-version", json!("TLS9")),
            ("feature-gates", json!("InitialCorruptCheck")),
            ("max-concurrent-streams", json!(0x1_0000_0000_i64)),
            ("max-request-bytes", json!(-1)),
            ("snapshot-count", json!(-1)),
            ("cipher-suites", json!(["BOGUS"])),
            ("cipher-suites", json!(["TLS_AES_128_GCM_SHA256"])),
            ("socket-options", json!({ "reuse-port": "yes" })),
            ("enable-log-rotation", json!(true)),
        ] {
            assert!(fault(key, &value, false).is_some(), "{key}: {value}");
        }
        assert!(hides_log("log-level", &json!("warn")));
        assert!(!hides_log("log-level", &json!("bogus")));
        for number in [-1, 5, 300] {
            let found = fault("grpc-keepalive-timeout", &json!(number), true);
            assert!(found.is_some(), "{number}");
        }
        assert!(fault(NEVER_OFF[1], &json!(0), true).is_some());
    }

    #[test]
    fn settings_that_contradict_each_other() {
        let of = |settings: Value| conflict(settings.as_object().unwrap()).is_some();
        assert!(!of(
            json!({ "auto-compaction-mode": "revision", "auto-compaction-retention": "10000" })
        ));
        assert!(of(
            json!({ "auto-compaction-mode": "revision", "auto-compaction-retention": "1h" })
        ));
        assert!(of(json!({ "auto-compaction-mode": "revision" })));
        assert!(of(
            json!({ "tls-min-version": "TLS1.3", "tls-max-version": "TLS1.2" })
        ));
        assert!(of(
            json!({ "tls-min-version": "TLS1.3", "cipher-suites": OF_HTTP2 })
        ));
        assert!(!of(
            json!({ "tls-min-version": "TLS1.3", "cipher-suites": [] })
        ));
        assert!(of(
            json!({ "experimental-enable-lease-checkpoint-persist": true })
        ));
    }
}

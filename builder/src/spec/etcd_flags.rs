//! `[etcd.extra]`: the keys of `etcd.conf.yml` in etcd 3.4 to 3.7 and their types (etcd's `embed.Config`).
//!
//! etcd silently ignores an unknown key, and exits at startup if a value has the wrong type; `etcd_values` has the rules for
//! the values themselves.

use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::complaints::wrong_type;
use super::etcd_values;
use super::nearest::nearest;
use serde::Deserialize as _;

/// Keys that the cluster determines or that the node's own programs rely on.
///
/// Keys for which the overlay only sets a default (`snapshot-count`, `max-wals` …) are absent: `extra` may replace them.
const REFUSED: &str = "
    advertise-client-urls client-transport-security config-file data-dir discovery discovery-config
    discovery-endpoints discovery-fallback discovery-proxy discovery-srv discovery-srv-name discovery-token
    election-timeout force-new-cluster heartbeat-interval initial-advertise-peer-urls initial-cluster
    initial-cluster-state initial-cluster-token listen-client-http-urls listen-client-urls listen-metrics-urls
    listen-peer-urls log-output log-outputs log-rotation-config-json logger name peer-transport-security proxy quota-backend-bytes
    self-signed-cert-validity unsafe-no-fsync wal-dir";

const INTEGERS: &str = "
    auth-token-ttl backend-batch-limit bcrypt-cost bootstrap-defrag-threshold-megabytes compaction-batch-limit
    distributed-tracing-sampling-rate experimental-bootstrap-defrag-threshold-megabytes
    experimental-compaction-batch-limit experimental-distributed-tracing-sampling-rate experimental-max-learners
    experimental-snapshot-catch-up-entries max-concurrent-streams max-learners max-request-bytes max-snapshots
    max-txn-ops max-wals snapshot-catchup-entries snapshot-count";

/// Keys of Go's type `time.Duration`, in nanoseconds: a value such as `"5s"` works only on etcd's command line.
const NANOSECONDS: &str = "
    backend-batch-interval compact-hash-check-time compaction-sleep-interval corrupt-check-time downgrade-check-time
    experimental-compact-hash-check-time experimental-compaction-sleep-interval experimental-corrupt-check-time
    experimental-downgrade-check-time experimental-warning-apply-duration
    experimental-warning-unary-request-duration experimental-watch-progress-notify-interval
    grpc-keepalive-interval grpc-keepalive-min-time grpc-keepalive-timeout warning-apply-duration
    warning-unary-request-duration watch-progress-notify-interval";

const SWITCHES: &str = "
    debug disable-log-sampling enable-distributed-tracing enable-grpc-gateway enable-log-rotation enable-pprof
    enable-v2 experimental-compact-hash-check-enabled experimental-enable-distributed-tracing
    experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist
    experimental-initial-corrupt-check experimental-memory-mlock experimental-stop-grpc-service-on-defrag
    experimental-txn-mode-write-with-shared-buffer initial-election-tick-advance memory-mlock pre-vote
    strict-reconfig-check";

const TEXTS: &str = "
    auth-token auto-compaction-mode auto-compaction-retention backend-bbolt-freelist-type cors
    distributed-tracing-address distributed-tracing-instance-id distributed-tracing-service-name
    experimental-backend-bbolt-freelist-type experimental-distributed-tracing-address
    experimental-distributed-tracing-instance-id experimental-distributed-tracing-service-name
    experimental-enable-v2v3 feature-gates host-whitelist log-format log-level log-package-levels
    metrics tls-max-version tls-min-version v2-deprecation";

const LISTS: &str = "cipher-suites";
const TABLES: &str = "socket-options";

/// Keys of [`REFUSED`] that the overlay itself writes.
const WRITTEN: &str = "
    advertise-client-urls client-transport-security data-dir election-timeout heartbeat-interval
    initial-advertise-peer-urls initial-cluster initial-cluster-token listen-client-urls listen-metrics-urls
    listen-client-http-urls listen-peer-urls log-outputs logger name peer-transport-security quota-backend-bytes";

/// The types, each with its keys, its name in complaints and its name in a JSON schema.
pub(super) const TYPES: [(&str, &str, &str); 6] = [
    (INTEGERS, "an integer", "integer"),
    (NANOSECONDS, "an integer, in nanoseconds", "integer"),
    (SWITCHES, "true or false", "boolean"),
    (TEXTS, "a string", "string"),
    (LISTS, "a list of strings", "array"),
    (TABLES, "a table", "object"),
];

/// Returns what to do with a flag of etcd in `[etcd]`, if there is a flag of that name.
pub(super) fn place_of(key: &str) -> Option<&'static str> {
    let is_among = |keys: &str| keys.split_whitespace().any(|known| known == key);
    if is_among(REFUSED) {
        return Some("this program sets it");
    }
    let is_extra = TYPES.iter().any(|(keys, ..)| is_among(keys));
    is_extra.then_some("write it in [etcd.extra]")
}

/// Checks an extra setting and returns its value as etcd receives it.
pub(super) fn checked(key: &str, value: &DeValue<'_>) -> Result<toml::Value, String> {
    if REFUSED.split_whitespace().any(|refused| refused == key) {
        return Err(format!("`{key}` in [etcd.extra] is set by this program"));
    }
    let found = TYPES
        .iter()
        .find(|(keys, ..)| keys.split_whitespace().any(|known| known == key));
    let Some((_, wanted, schema_type)) = found else {
        let known: Vec<_> = TYPES
            .iter()
            .flat_map(|(keys, ..)| keys.split_whitespace())
            .collect();
        let advice = match nearest(key, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "etcd.conf.yml has no such key".to_owned(),
        };
        return Err(format!("unknown key `{key}` in [etcd.extra]; {advice}"));
    };
    let fits = match value {
        DeValue::Integer(number) => {
            *schema_type == "integer"
                && i64::from_str_radix(number.as_str(), number.radix()).is_ok()
        }
        DeValue::Boolean(_) => *schema_type == "boolean",
        DeValue::String(_) => *schema_type == "string",
        DeValue::Array(items) => {
            *schema_type == "array" && items.iter().all(|item| item.get_ref().is_str())
        }
        DeValue::Table(_) => *schema_type == "object",
        DeValue::Float(_) | DeValue::Datetime(_) => false,
    };
    let owned = || {
        toml::Value::deserialize(ValueDeserializer::from(Spanned::new(0..0, value.clone()))).ok()
    };
    let value = fits
        .then(owned)
        .flatten()
        .ok_or_else(|| wrong_type(&format!("`{key}` in [etcd.extra]"), wanted, value))?;
    let written = serde_json::to_value(&value).unwrap_or_default();
    match etcd_values::fault(key, &written, is_time_key(key)) {
        Some(fault) => Err(format!("`{key}` in [etcd.extra] {fault}")),
        None => Ok(value),
    }
}

fn is_time_key(key: &str) -> bool {
    NANOSECONDS.split_whitespace().any(|known| known == key)
}

/// Returns the environment variable of an extra setting and its value, or why it has none.
pub(crate) fn variable(key: &str, value: &toml::Value) -> Result<(String, String), String> {
    let none = |why: &str| {
        Err(format!(
            "`{key}` in [etcd.extra] {why} with `config = \"env\"`"
        ))
    };
    let text = match value {
        toml::Value::Integer(number) if is_time_key(key) => format!("{number}ns"),
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
            items.join(",")
        }
        toml::Value::Table(_) => return none("has no environment variable: it cannot be used"),
        other => other.to_string(),
    };
    // systemd and the shell read the file; a quoted text is the same to both only without these.
    if text.contains('\'') || text.chars().any(char::is_control) {
        return none("cannot contain an apostrophe or a control character");
    }
    // The only key whose option is spelled otherwise.
    let option = key.replace("catch-up", "catchup");
    Ok((
        format!("ETCD_{}", option.to_uppercase().replace('-', "_")),
        text,
    ))
}

/// Checks a setting of a finished `etcd.conf.yml`, whatever wrote it.
pub(crate) fn check_finished(key: &str, value: &serde_json::Value) -> Result<(), String> {
    let has = |keys: &str| keys.split_whitespace().any(|known| known == key);
    if has(WRITTEN) {
        return Ok(());
    }
    if has(REFUSED) {
        return Err(format!(
            "`{key}` would change what the node's programs rely on"
        ));
    }
    let Some((_, wanted, schema_type)) = TYPES.iter().find(|(keys, ..)| has(keys)) else {
        return Err(format!("etcd ignores `{key}`, which it does not know"));
    };
    let fits = match value {
        serde_json::Value::Number(number) => *schema_type == "integer" && number.is_i64(),
        serde_json::Value::Bool(_) => *schema_type == "boolean",
        serde_json::Value::String(_) => *schema_type == "string",
        serde_json::Value::Array(items) => {
            *schema_type == "array" && items.iter().all(serde_json::Value::is_string)
        }
        serde_json::Value::Object(_) => *schema_type == "object",
        serde_json::Value::Null => false,
    };
    if !fits {
        return Err(format!("etcd does not start: `{key}` must be {wanted}"));
    }
    let fault = etcd_values::fault(key, value, is_time_key(key));
    fault.map_or(Ok(()), |fault| Err(format!("`{key}` {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extra_setting_becomes_a_variable() {
        let of = |key, value: &str| {
            let table: toml::Table = toml::from_str(&format!("value = {value}")).unwrap();
            variable(key, &table["value"]).map(|(name, value)| format!("{name}={value}"))
        };
        let said = |text: &str| Ok(text.to_owned());
        assert_eq!(of("snapshot-count", "5"), said("ETCD_SNAPSHOT_COUNT=5"));
        assert_eq!(
            of("grpc-keepalive-interval", "5_000"),
            said("ETCD_GRPC_KEEPALIVE_INTERVAL=5000ns")
        );
        assert_eq!(of("pre-vote", "true"), said("ETCD_PRE_VOTE=true"));
        assert_eq!(
            of("cipher-suites", r#"["A", "B"]"#),
            said("ETCD_CIPHER_SUITES=A,B")
        );
        assert_eq!(
            of("socket-options", "{ reuse-port = true }"),
            Err("`socket-options` in [etcd.extra] has no environment variable: it cannot be used with `config = \"env\"`".to_owned())
        );
        assert_eq!(
            of("log-level", r#""it's""#),
            Err("`log-level` in [etcd.extra] cannot contain an apostrophe or a control character with `config = \"env\"`".to_owned())
        );
    }

    #[test]
    fn what_the_overlay_writes_is_refused_in_extra() {
        let refused = |key| REFUSED.split_whitespace().any(|known| known == key);
        assert!(WRITTEN.split_whitespace().all(refused));
    }

    #[test]
    fn no_key_has_two_meanings() {
        let all = TYPES.iter().map(|(keys, ..)| *keys).chain([REFUSED]);
        let mut keys: Vec<_> = all.flat_map(str::split_whitespace).collect();
        keys.sort_unstable();
        let unique = keys.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(unique, "{keys:?}");
    }
}

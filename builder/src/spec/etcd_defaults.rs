//! What `[etcd.extra]` replaces of the configuration that the overlay writes.

/// What the overlay writes unless `[etcd.extra]` has the key; the last two are etcd's check of its data at startup.
const DEFAULTS: [(&str, &str); 8] = [
    ("snapshot-count", "10000"),
    ("max-snapshots", "3"),
    ("max-wals", "5"),
    ("auto-compaction-mode", "periodic"),
    ("auto-compaction-retention", "1h"),
    ("enable-grpc-gateway", "true"),
    ("experimental-initial-corrupt-check", "true"),
    ("feature-gates", "InitialCorruptCheck=true"),
];

/// Returns the defaults that extra settings replace, each with its value.
pub(super) fn replaced(extra: &[(String, toml::Value)]) -> Vec<String> {
    let keeps = |value: &toml::Value, default: &str| match value {
        toml::Value::String(text) => text.split(',').any(|part| part == default),
        other => other.to_string() == default,
    };
    let found = extra.iter().filter_map(|(key, value)| {
        let (_, default) = DEFAULTS.iter().find(|(known, _)| known == key)?;
        (!keeps(value, default)).then(|| format!("`{key}` ({default})"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_overlay() {
        let overlay = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/overlays/etcd/etcd.conf.yml"
        ));
        let written = overlay.lines().filter_map(|line| {
            let (key, value) = line.strip_prefix("  \"")?.split_once("\": ")?;
            Some((key, value.trim_matches([',', '"', '\''])))
        });
        let written: Vec<_> = written.collect();
        assert_eq!(written, DEFAULTS[..6]);
    }

    #[test]
    fn what_replaces_a_default_is_named() {
        let of = |text: &str| {
            let table: toml::Table = toml::from_str(text).unwrap();
            replaced(&table.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(of("snapshot-count = 10000\nmax-txn-ops = 5"), [""; 0]);
        assert_eq!(of("snapshot-count = 5"), ["`snapshot-count` (10000)"]);
        assert_eq!(
            of("feature-gates = \"A=true,InitialCorruptCheck=true\""),
            [""; 0]
        );
        assert_eq!(
            of("enable-grpc-gateway = false\nfeature-gates = \"A=true\""),
            [
                "`enable-grpc-gateway` (true)",
                "`feature-gates` (InitialCorruptCheck=true)"
            ]
        );
    }
}

//! The tables and keys of cluster.toml, and the nearest known name for a mistyped one.

/// Every table with its keys. `[hosts]` and `[etcd.extra]` take any key; their readers check them.
pub(super) const TABLES: [(&str, &[&str]); 9] = [
    ("[cluster]", &["name", "domain", "base", "token"]),
    (
        "[network]",
        &["interface", "prefix", "gateway", "dns", "wifi"],
    ),
    ("[network.wifi]", &["ssid", "password", "country"]),
    ("[[node]]", &["name", "address", "board", "replaces"]),
    (
        "[etcd]",
        &[
            "version",
            "heartbeat-interval",
            "election-timeout",
            "quota",
            "extra",
        ],
    ),
    (
        "[ssh]",
        &[
            "user",
            "authorized-keys",
            "trusted-user-ca",
            "password-hash",
        ],
    ),
    ("[pki]", &["key", "ca-days", "leaf-days", "extra-sans"]),
    (
        "[appliance]",
        &[
            "read-only",
            "data",
            "wipe-data",
            "watchdog",
            "ports",
            "avahi",
        ],
    ),
    (
        "[[file]]",
        &["path", "source", "content", "mode", "owner", "node"],
    ),
];

/// The top level.
pub(super) const TOP: [&str; 9] = [
    "cluster",
    "network",
    "node",
    "etcd",
    "ssh",
    "pki",
    "appliance",
    "hosts",
    "file",
];

/// The keys of one table.
pub(super) fn keys(table: &str) -> &'static [&'static str] {
    TABLES
        .iter()
        .find(|(name, _)| *name == table)
        .map_or(&[], |(_, keys)| keys)
}

/// What to say about a key that `table` does not have.
pub(super) fn unknown_key(key: &str, table: &str) -> String {
    let known = keys(table);
    let home = TABLES.iter().find(|(_, keys)| keys.contains(&key));
    let advice = match (nearest(key, known), home) {
        (None, Some((home, _))) => format!("it belongs in {home}"),
        _ => advice(key, known),
    };
    format!("unknown key `{key}` in {table}; {advice}")
}

/// What to say about a top-level name we do not have.
pub(super) fn unknown_table(name: &str) -> String {
    let advice = match nearest(name, &TOP) {
        Some(near) => format!("did you mean {}?", header(near)),
        None => format!("known are {}", TOP.map(header).join(", ")),
    };
    format!("unknown table `{name}`; {advice}")
}

/// A top-level name as it is written in the file.
pub(super) fn header(name: &str) -> String {
    if matches!(name, "node" | "file") {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    }
}

/// How to go on after a name that is not among the known ones.
pub(super) fn advice(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The one known name that is nearest, if it is close; among equally near ones there is nothing to choose.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().copied().min_by_key(|known| distance(known))?;
    let alone = known
        .iter()
        .filter(|known| distance(known) == distance(near))
        .count()
        == 1;
    (alone && distance(near) <= near.len().max(3) / 3).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let cases = [
            ("adress", "[[node]]", "did you mean `address`?"),
            (
                "Heartbeat_Interval",
                "[etcd]",
                "did you mean `heartbeat-interval`?",
            ),
            ("gateway", "[cluster]", "it belongs in [network]"),
            (
                "colour",
                "[pki]",
                "known are key, ca-days, leaf-days, extra-sans",
            ),
        ];
        for (key, table, advice) in cases {
            assert_eq!(
                unknown_key(key, table),
                format!("unknown key `{key}` in {table}; {advice}")
            );
        }
        assert_eq!(
            unknown_table("nodes"),
            "unknown table `nodes`; did you mean [[node]]?"
        );
        assert!(unknown_table("kubernetes").contains("known are [cluster], [network], [[node]]"));
    }
}

//! Checks that only a few modules have side effects (files, clock, programs, connections and platform calls) or read the key of
//! a user's CA.

use crate::support::source::{Source, files};

/// The only sources of the product that may lift clippy's ban on functions with side effects.
const EFFECTS: [&str; 18] = [
    "builder/src/apply/output.rs",
    "builder/src/cli/environment.rs",
    "builder/src/cli/manual.rs",
    "builder/src/cli/output.rs",
    "builder/src/cluster/output.rs",
    "builder/src/cluster/ssh.rs",
    "builder/src/fetch/cache.rs",
    "builder/src/fetch/debian/",
    "builder/src/fetch/unnamed.rs",
    "builder/src/file.rs",
    "builder/src/flash/card.rs",
    "builder/src/main.rs",
    "builder/src/pki/store.rs",
    "builder/src/publication/agent.rs",
    "builder/src/store/staging/",
    "builder/lab/",
    "builder/xtask/",
    "builder/diskimg/tests/",
];

/// The beginnings of paths into the libraries that open connections.
const NETWORK: [&str; 5] = [
    "reqwest::",
    "tokio::",
    "tonic::",
    "hyper::",
    "object_store::",
];

/// The only sources that may open connections.
const CONNECTIONS: [&str; 4] = [
    "builder/src/fetch/",
    "builder/src/etcd/",
    "builder/src/store/",
    "builder/lab/src/netns/",
];

fn among(name: &str, places: &[&str]) -> bool {
    places.iter().any(|place| name.starts_with(place))
}

fn product() -> Vec<(String, String)> {
    let sources = files(&["builder"], "rs").into_iter();
    let product = sources.filter(|(name, _)| !name.contains("/tests/"));
    product.collect()
}

/// Returns the sources outside these places whose text contains one of these words.
fn elsewhere(sources: Vec<(String, String)>, words: &[&str], places: &[&str]) -> Vec<String> {
    let sources = sources.into_iter();
    let found = sources.filter(|(name, text)| !among(name, places) && has(text, words));
    found.map(|(name, _)| name).collect()
}

/// Returns whether a source contains one of these words outside its unit tests.
fn has(text: &str, words: &[&str]) -> bool {
    let (code, _) = text.split_once("mod tests {").unwrap_or((text, ""));
    let attributes = code.rfind("\n#[cfg(test)]");
    let end = attributes.filter(|_| code.len() < text.len());
    let code = &code[..end.unwrap_or(code.len())];
    words.iter().any(|word| code.contains(word))
}

#[test]
fn only_these_modules_have_side_effects() {
    let lifted = elsewhere(product(), &["clippy::disallowed_methods"], &EFFECTS);
    // The library lifts the ban for its unit tests.
    assert_eq!(lifted, ["builder/src/lib.rs"]);
}

#[test]
fn only_these_modules_open_connections() {
    let found = elsewhere(product(), &NETWORK, &CONNECTIONS);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_connection_opened_elsewhere_is_seen() {
    let sources = ["builder/src/plan/mod.rs", "builder/src/fetch/http.rs"]
        .map(|name| (name.to_owned(), "use reqwest::Client;".to_owned()));
    let found = elsewhere(sources.to_vec(), &NETWORK, &CONNECTIONS);
    assert_eq!(found, ["builder/src/plan/mod.rs"]);
}

/// The names of a user's CA and its key in `Cluster`.
const OWN_CA: [&str; 3] = ["own_ca", "OwnCa", "OwnKey"];

/// The only modules that may name them: they read `cluster.toml`, compare the clusters of a fleet, and sign.
const SIGNERS: [&str; 3] = [
    "builder/src/spec/",
    "builder/src/fleet/",
    "builder/src/pki/",
];

#[test]
fn only_these_modules_read_the_key_of_a_users_ca() {
    let found = elsewhere(product(), &OWN_CA, &SIGNERS);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_users_ca_that_is_read_elsewhere_is_seen() {
    let sources = ["builder/src/overlay/node.rs", "builder/src/pki/identity.rs"]
        .map(|name| (name.to_owned(), "cluster.pki.own_ca.is_some()".to_owned()));
    let found = elsewhere(sources.to_vec(), &OWN_CA, &SIGNERS);
    assert_eq!(found, ["builder/src/overlay/node.rs"]);
}

#[test]
fn a_lifted_ban_is_seen_before_the_unit_tests_only() {
    let lifted = "#[cfg(test)]\nuse a::b;\n#[expect(clippy::disallowed_methods)]\nfn f() {}\n";
    assert!(has(lifted, &["clippy::disallowed_methods"]));
    let tested = "fn f() {}\n#[cfg(test)]\nmod tests {\n#[expect(clippy::disallowed_methods)]\n}";
    assert!(!has(tested, &["clippy::disallowed_methods"]));
}

/// Returns the paths in a source that compile on one platform only.
fn platform_calls(text: &str) -> Vec<String> {
    let source = Source::parse(text);
    let bound = source.paths.iter().filter(|named| {
        let unguarded = !named.guards.contains("unix") && !named.guards.contains("linux");
        let path = named.path.join("::");
        unguarded
            && ["std::os::unix", "std::os::linux", "rustix"]
                .iter()
                .any(|begin| path.starts_with(begin))
    });
    bound.map(|named| named.path.join("::")).collect()
}

#[test]
fn the_product_calls_no_platform_outside_a_cfg() {
    let mut wrong = Vec::new();
    for (name, text) in files(&["builder/src", "builder/diskimg/src"], "rs") {
        // The modules `boot` and `flash` and the construction of a Debian base exist on Linux only.
        if !among(&name, &["builder/src/boot/", "builder/src/flash/"])
            && !name.contains("/tests")
            && !name.ends_with("tests.rs")
        {
            let calls = platform_calls(&text).into_iter();
            wrong.extend(calls.map(|call| format!("{name}: {call}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_platform_call_outside_a_cfg_is_seen() {
    let call = "fn f() { use std::os::unix::fs::MetadataExt as _; }";
    assert_eq!(platform_calls(call), ["std::os::unix::fs::MetadataExt"]);
    assert_eq!(
        platform_calls(&format!("#[cfg(unix)]\n{call}")),
        Vec::<String>::new()
    );
    assert_eq!(
        platform_calls(&format!("#[cfg(test)]\n{call}")),
        Vec::<String>::new()
    );
}

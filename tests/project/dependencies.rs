//! Checks the lock file against the crates and sources in `.deny.toml`, without `cargo deny`, and what cargo would compile twice.

use std::collections::BTreeSet;
use std::path::Path;

use toml::Table;

use crate::support::source::files;
use crate::support::tool::tool_in;

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

fn top(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Returns the packages of a lock file that these rules deny, each with the rule.
fn denied(lock: &Table, rules: &Table) -> Vec<String> {
    let names: Vec<&str> = rules["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ban| ban["name"].as_str().unwrap())
        .collect();
    let mut found = Vec::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if names.contains(&name) {
            found.push(format!("{name} is denied"));
        }
        let source = package.get("source").and_then(|source| source.as_str());
        if let Some(other) = source.filter(|source| *source != CRATES_IO) {
            found.push(format!("{name} comes from {other}"));
        }
    }
    found
}

/// The only source of packages outside the workspace.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn the_lock_file_has_no_denied_package() {
    let (lock, rules) = (table(&top("Cargo.lock")), table(&top(".deny.toml")));
    assert_eq!(denied(&lock, &rules), Vec::<String>::new());
}

#[test]
fn a_denied_package_and_a_foreign_source_are_seen() {
    let lock = table(
        "[[package]]\nname = \"openssl-sys\"\n[[package]]\nname = \"own\"\nsource = \"git+https://example.org/own\"\n",
    );
    let seen = denied(&lock, &table(&top(".deny.toml")));
    assert_eq!(
        seen,
        [
            "openssl-sys is denied",
            "own comes from git+https://example.org/own"
        ]
    );
}

#[test]
fn every_dependency_names_a_version() {
    let members = files(&["builder"], "toml").into_iter();
    let mut manifests: Vec<_> = members
        .filter(|(name, _)| name.ends_with("Cargo.toml"))
        .collect();
    manifests.push(("Cargo.toml".to_owned(), top("Cargo.toml")));
    let mut wrong = Vec::new();
    for (name, text) in manifests {
        let unversioned = unversioned(&table(&text)).into_iter();
        wrong.extend(unversioned.map(|dependency| format!("{name}: {dependency}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Returns the dependencies of a manifest, for every kind and platform, that accept any version.
fn unversioned(manifest: &Table) -> Vec<String> {
    let platforms = manifest.get("target").and_then(|all| all.as_table());
    let platforms = platforms.into_iter().flatten();
    let tables = platforms.filter_map(|(_, platform)| platform.as_table());
    let mut found = Vec::new();
    for table in [manifest].into_iter().chain(tables) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let all = table.get(kind).and_then(|all| all.as_table());
            for (name, value) in all.into_iter().flatten() {
                let named = value.is_str() || value.get("path").or(value.get("version")).is_some();
                let is_any = [Some(value), value.get("version")]
                    .iter()
                    .any(|it| it.and_then(|it| it.as_str()) == Some("*"));
                found.extend((!named || is_any).then(|| name.clone()));
            }
        }
    }
    found
}

#[test]
fn a_dependency_without_a_version_is_seen() {
    let manifest = table(
        "[dependencies]\na = \"1\"\nb = \"*\"\nc = { path = \"c\" }\n\
         [dev-dependencies]\nd = { git = \"https://example.org/d\" }\n\
         [target.'cfg(unix)'.dependencies]\ne = { version = \"*\" }\n",
    );
    assert_eq!(unversioned(&manifest), ["b", "d", "e"]);
}

/// Returns every package that `cargo tree` finds with these words, with its features.
fn packages(words: &[&str]) -> BTreeSet<String> {
    let options = ["--locked", "--offline", "--prefix=none", "--format={p} {f}"];
    let words = [&["tree"], &options[..], words].concat();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = tool_in(folder, env!("CARGO"), &words).done().text();
    // A package that appears again has a star.
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.map(str::to_owned).collect()
}

/// cargo compiles a package with other features again, and everything that depends on it.
#[test]
fn a_build_compiles_nothing_again_that_the_tests_have_compiled() {
    let tests = packages(&["--workspace"]);
    let other =
        |words: &[&str]| -> Vec<String> { packages(words).difference(&tests).cloned().collect() };
    for words in [
        &["--edges=normal,build"][..],
        &[],
        &["--workspace", "--edges=normal,build"],
    ] {
        assert_eq!(other(words), Vec::<String>::new(), "{words:?}");
    }
    // The laboratory alone needs fewer features, so xtask builds it with all other packages.
    assert_ne!(other(&["--package=lab"]), Vec::<String>::new());
}

//! Checks that clippy reports every function that `.clippy.toml` bans: a misspelt path would be ignored silently.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::tool::tool;

#[test]
fn clippy_reports_every_banned_function() {
    let reported = reported(&top().join("tests/project/bans/example.rs"));
    assert_eq!(reported, banned());
}

/// Returns the paths of the functions that `.clippy.toml` bans.
fn banned() -> BTreeSet<String> {
    let text = std::fs::read_to_string(top().join(".clippy.toml")).unwrap();
    let settings: toml::Table = text.parse().unwrap();
    let bans = settings["disallowed-methods"].as_array().unwrap().iter();
    bans.map(|ban| ban["path"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the functions that clippy reports in a source as banned.
fn reported(source: &Path) -> BTreeSet<String> {
    let out = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let settings = format!("CLIPPY_CONF_DIR={}", top().display());
    let metadata = out.path().join("example.rmeta").display().to_string();
    let mut words = vec![settings.as_str(), "clippy-driver", "--edition=2024"];
    words.extend(["--crate-type=lib", "--emit=metadata", "-o", &metadata]);
    let search = format!("dependency={}", dependencies().display());
    let libraries = ["fs_err", "tempfile"].map(|name| format!("{name}={}", library(name)));
    words.extend(["-L", &search]);
    words.extend(libraries.iter().flat_map(|it| ["--extern", it]));
    words.push(source.to_str().unwrap());
    let said = tool("env", &words).done();
    let lines = said.err.lines();
    let methods = lines.filter_map(|line| line.split_once("use of a disallowed method `"));
    methods
        .map(|(_, name)| name.trim_end_matches('`').to_owned())
        .collect()
}

/// Returns the newest build of a dependency: earlier ones may come from another compiler.
fn library(name: &str) -> String {
    let prefix = format!("lib{name}-");
    let entries = std::fs::read_dir(dependencies()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let builds = paths.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(&prefix) && path.extension().is_some_and(|it| it == "rlib")
    });
    let newest = builds.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let newest = newest.unwrap_or_else(|| panic!("{name} is not a dependency of the tests"));
    newest.display().to_string()
}

/// Returns the directory of the compiled dependencies, which also contains the test program.
fn dependencies() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().to_owned()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

//! The published walk-throughs: boots the examples that replace them and prints what was seen in one table.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::command::{self, Outcome, root, say};
use crate::{lab, setup, test};

/// The directory in which each test writes its rows.
const ROWS: &str = "target/tmp/cases";
/// etcd 3.4 for the nodes, which no release that can be downloaded everywhere contains.
const ETCD_3_4: &str = "target/cases/etcd-3.4";

/// Go for the nodes, which stands in for a release that is downloaded from go.dev.
const GO: &str = "target/cases/go.tar";
/// A script that packs Debian's Go as its makers do: everything is in the directory `go`. Compiled packages of 240 MB, which
/// later releases do not have, are left out, because the base has no room for them.
const PACK_GO: &str = "rm -rf target/cases/go && sh builder/lab/packages.sh bookworm arm64 target/cases/go golang-1.19-go \
    && tar -C target/cases/go/usr/lib --exclude 'go-1.19/pkg/linux_arm64' --transform 's/^go-1.19/go/' -cf target/cases/go.tar.new go-1.19 \
    && rm -r target/cases/go && mv target/cases/go.tar.new target/cases/go.tar";

/// Go for this machine, with the client of etcd's API, which compiles `client/client.go` for the nodes (500 MB).
const GO_CLIENT: &str = "target/cases/go-client";
/// A script that unpacks them and compiles the client once, so that a test does not wait for that: `sh -c SCRIPT sh FOLDER`. The
/// packages of Debian name no others that go with them: these hold what the client imports.
const UNPACK_GO_CLIENT: &str = "rm -rf $1 && sh builder/lab/packages.sh trixie $(dpkg --print-architecture) $1 golang-1.24-go golang-1.24-src \
        golang-etcd-server-dev golang-github-coreos-go-semver-dev golang-github-coreos-go-systemd-dev golang-github-gogo-protobuf-dev \
        golang-github-golang-protobuf-1-5-dev golang-go.uber-atomic-dev golang-go.uber-multierr-dev golang-go.uber-zap-dev \
        golang-golang-x-net-dev golang-golang-x-sys-dev golang-golang-x-text-dev golang-google-genproto-dev golang-google-grpc-dev \
        golang-google-protobuf-dev \
    && sh tests/cases/go.sh go.etcd.io/etcd/client/v3 /dev/null && touch $1/complete";

/// The letters of all walk-throughs.
const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Boots the walk-throughs of these letters, or all, and prints the table, also if one of them fails.
pub(crate) fn run(letters: &[&str]) -> Outcome {
    let chosen = chosen(letters)?;
    setup::tools()?;
    lab::etcd()?;
    if chosen.iter().any(|letter| letter == "a" || letter == "e") {
        etcd_for_nodes()?;
    }
    if chosen.iter().any(|letter| letter == "a") {
        go_for_nodes()?;
    }
    if chosen.iter().any(|letter| letter == "c") {
        setup::patroni()?;
    }
    forget_rows(&chosen)?;
    let tests: Vec<String> = chosen
        .iter()
        .map(|letter| format!("cases::{letter}_"))
        .collect();
    let booted = test::boots(&tests.iter().map(String::as_str).collect::<Vec<_>>());
    say(&table(&chosen));
    booted
}

/// Returns the walk-throughs that these letters name, or all.
fn chosen(letters: &[&str]) -> Result<Vec<String>, String> {
    if letters.is_empty() {
        return Ok(ALL.map(str::to_owned).to_vec());
    }
    let known = |letter: &&str| {
        let lower = letter.to_lowercase();
        match ALL.contains(&lower.as_str()) {
            true => Ok(lower),
            false => Err(format!(
                "there is no walk-through `{letter}`; they are a, b, c, d and e"
            )),
        }
    };
    letters.iter().map(known).collect()
}

/// Removes what an earlier run has written, so that the table never shows it for a walk-through that did not start.
fn forget_rows(letters: &[String]) -> Outcome {
    for entry in fs::read_dir(root().join(ROWS))
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_chosen = letters
            .iter()
            .any(|letter| name.starts_with(&letter.to_uppercase()));
        let is_result = [".rows", ".time"].iter().any(|end| name.ends_with(end));
        if is_chosen && is_result {
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// Fetches etcd 3.4 for the nodes.
pub(crate) fn etcd_for_nodes() -> Outcome {
    if root().join(ETCD_3_4).join("etcd").is_file() {
        return Ok(());
    }
    let script = ["builder/lab/etcd.sh", "bookworm", ETCD_3_4, "arm64"];
    let parent = root().join("target/cases");
    fs::create_dir_all(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    command::retry(|| command::run("sh", &script))
}

fn go_for_nodes() -> Outcome {
    if !root().join(GO).is_file() {
        command::retry(|| command::run("sh", &["-euc", PACK_GO]))?;
    }
    match root().join(GO_CLIENT).join("complete").is_file() {
        true => Ok(()),
        false => {
            command::retry(|| command::run("sh", &["-euc", UNPACK_GO_CLIENT, "sh", GO_CLIENT]))
        }
    }
}

/// Returns the rows of these walk-throughs and their counts as Markdown.
fn table(letters: &[String]) -> String {
    let mut text = String::from(
        "| case | item | what the walk-through shows | what we saw | reached |\n|---|---|---|---|---|\n",
    );
    let all: Vec<(String, String)> = letters
        .iter()
        .map(|letter| (letter.to_uppercase(), rows(&letter.to_uppercase())))
        .collect();
    text.extend(all.iter().map(|(_, rows)| rows.as_str()));
    text.push('\n');
    for (letter, rows) in &all {
        let (reached, items) = count(rows);
        let time = fs::read_to_string(root().join(ROWS).join(format!("{letter}.time")));
        let time = time.unwrap_or_else(|_| "its images were not built".to_owned());
        let _ = writeln!(text, "{letter}: {reached} of {items} items reached; {time}");
    }
    text
}

/// Returns the rows that the tests of a walk-through have written: those of the booted nodes first.
fn rows(letter: &str) -> String {
    let entries = fs::read_dir(root().join(ROWS)).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(letter) && name.ends_with(".rows")
    });
    paths.sort_by_key(|path| path.as_os_str().len());
    let texts = paths.iter().map(fs::read_to_string);
    texts.map(Result::unwrap_or_default).collect()
}

/// Returns how many rows say that their item was reached, and the number of rows.
fn count(rows: &str) -> (usize, usize) {
    let reached = rows.lines().filter(|row| row.ends_with("| yes |")).count();
    (reached, rows.lines().count())
}

#[test]
fn walk_throughs_have_letters() {
    assert_eq!(chosen(&[]).unwrap(), ALL);
    assert_eq!(chosen(&["A", "c"]).unwrap(), ["a", "c"]);
    assert_eq!(
        chosen(&["f"]),
        Err("there is no walk-through `f`; they are a, b, c, d and e".to_owned())
    );
}

#[test]
fn only_rows_that_were_reached_count() {
    let rows =
        "| C | put | x | OK | yes |\n| C | auth | x | off | no |\n| C | get | x | ? | **NO** |\n";
    assert_eq!(count(rows), (1, 3));
}

//! Checks that `etcd-image plan` prints every edit, writes nothing and shows no secret.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::fixture::write;
use crate::support::scene::{Outcome, Scene};

/// Returns the plan of the first node at a fixed time.
fn plan(family: &str) -> (Scene, Outcome) {
    let scene = Scene::with(family).at_time(1_795_000_000);
    let outcome = scene
        .run("plan", &["--nodes", "3", "--only", "etcd1"])
        .done();
    (scene, outcome)
}

/// Replaces what differs between state directories: long hexadecimal numbers and sizes of signed files.
fn without_random_words(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter: char| !letter.is_alphanumeric());
        let (word, after) = from.split_at(end.unwrap_or(from.len()));
        let random = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = after.starts_with(" bytes");
        kept += before;
        kept += if random || size { "…" } else { word };
        rest = after;
    }
    kept + rest
}

/// Compares with the reviewed text; if they differ, writes the new text next to it for review and fails.
#[track_caller]
fn is_as_reviewed(family: &str) {
    let (_scene, outcome) = plan(family);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/plan-{family}.txt"));
    let found = without_random_words(&outcome.stdout);
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    if found != wanted {
        write(&path.with_extension("new"), found.as_bytes());
    }
    assert_eq!(
        found, wanted,
        "review plan-{family}.new and rename it to .txt"
    );
}

#[test]
fn the_plan_of_trixie_is_as_reviewed() {
    is_as_reviewed("raspios-trixie");
}

#[test]
fn the_plan_of_bookworm_is_as_reviewed() {
    is_as_reviewed("raspios-bookworm");
}

#[test]
fn the_plan_of_debian_is_as_reviewed() {
    is_as_reviewed("debian-trixie");
}

#[test]
fn the_plan_of_ubuntu_server_is_as_reviewed() {
    is_as_reviewed("ubuntu-server-24.04");
}

#[test]
fn the_plan_of_ubuntu_core_is_as_reviewed() {
    is_as_reviewed("ubuntu-core-24");
}

#[test]
fn the_plan_of_ubuntu_core_18_is_as_reviewed() {
    is_as_reviewed("ubuntu-core-18");
}

#[test]
fn verbose_logs_what_was_found_and_decided() {
    let scene = Scene::with("raspios-trixie");
    let options = ["--nodes", "3", "--only", "etcd1", "-v"];
    let told = scene.run("plan", &options).done().stderr;
    let details: Vec<&str> = told
        .lines()
        .filter_map(|line| Some(line.split_once(" s  ")?.1))
        .map(|line| line.split([':', '(']).next().unwrap_or_default())
        .collect();
    assert_eq!(details.len(), 3, "{told}");
    assert!(details[0].starts_with("base raspios-trixie, "), "{told}");
    assert!(details[1].starts_with("etcd 3."), "{told}");
    assert_eq!(details[2], "node etcd1");
    let quiet = scene.run("plan", &[&options[..], &["--quiet"]].concat());
    assert_eq!(quiet.code, Some(2), "{}", quiet.stderr);
}

#[test]
fn planning_writes_nothing() {
    let scene = Scene::with("raspios-trixie");
    let before = scene.names(".");
    scene.run("plan", &["--nodes", "3"]).done();
    // The cache may remember the digest of a local base.
    let after = scene
        .names(".")
        .into_iter()
        .filter(|path| !path.starts_with("home/.cache/"));
    assert_eq!(after.collect::<Vec<_>>(), before);
    for folder in ["images", "etcd-cluster"] {
        assert!(!scene.at(folder).exists(), "{folder}");
    }
}

#[test]
fn a_plan_refuses_what_a_build_refuses() {
    let scene = Scene::with("raspios-trixie");
    let refused = |settings: &str, message: &str, hint: &str| {
        scene.file("cluster.toml", settings);
        let outcome = scene.run("plan", &["--nodes", "1", "--quiet"]);
        let wanted = format!("error: {message}\nhint: {hint}\n");
        assert_eq!((outcome.code, &*outcome.stderr), (Some(2), &*wanted));
    };
    refused(
        "[publish]\nsign = \"absent\"\n",
        "reading the key absent: failed to open file `absent`: No such file or directory (os error 2)",
        "name an SSH key with `--sign`, as in `~/.ssh/id_ed25519`",
    );
    refused(
        "[system]\ntimezone = \"Mars/Base\"\n",
        "`timezone` of [system]: the base has no /usr/share/zoneinfo/Mars/Base: it knows no such time zone",
        "correct it and run again; nothing was written",
    );
}

#[test]
fn a_plan_warns_of_a_replaced_node_that_never_was() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    let warnings = |replaced: &str| {
        let node = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n";
        let new = format!(
            "[[node]]\nname = \"new\"\naddress = \"192.168.0.59\"\nreplaces = \"{replaced}\"\n"
        );
        let third = "[[node]]\nname = \"third\"\naddress = \"192.168.0.60\"\n";
        scene.file("cluster.toml", &format!("{node}{new}{third}"));
        scene.run("plan", &[]).done().stderr
    };
    assert!(!warnings("etcd2").contains("etcd2"));
    let wanted = "warning: node new replaces `etcd9`, of which the state directory etcd-cluster has no keys: `replaces` has no effect \
                  unless the running cluster has a member of that name\n";
    let told = warnings("etcd9");
    assert!(told.contains(wanted), "{told}");
}

#[test]
fn a_plan_warns_of_files_that_no_program_of_the_base_reads() {
    let file = "[[file]]\npath = \"/etc/systemd/network/eth0.network\"\ncontent = \"[Match]\\n\"\n";
    let warning = "warning: cluster.toml:2: `/etc/systemd/network/eth0.network` has no effect: \
                   NetworkManager configures the interfaces; set [network] or [[network.other]] instead\n";
    let upgrades = "[[file]]\npath = \"/etc/apt/apt.conf.d/20auto-upgrades\"\ncontent = \"\"\n";
    let unused = "warning: cluster.toml:5: `/etc/apt/apt.conf.d/20auto-upgrades` has no effect: \
                  nodes with `read-only = true` install no upgrades; flash a new image\n";
    for (base, is_warned) in [("raspios-trixie", true), ("ubuntu-server-24.04", false)] {
        let scene = Scene::with(base);
        scene.file("cluster.toml", &format!("{file}{upgrades}"));
        let told = scene.run("plan", &["--nodes", "1"]).done().stderr;
        for line in [warning, unused] {
            assert_eq!(told.contains(line), is_warned, "{base}: {told}");
        }
    }
}

#[test]
fn the_plan_names_what_the_build_then_writes() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let options = ["--nodes", "3", "--json", "--out", "elsewhere"];
    let told = scene.run("plan", &options).done();
    let planned: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(planned["nodes"][1]["image"], "elsewhere/etcd2.img");
    let (planned, written) = (files(&planned), files(&scene.manifest()));
    assert_eq!(planned.len(), written.len());
    assert!(planned.len() > 100, "{}", planned.len());
    for (mut planned, written) in planned.into_iter().zip(written) {
        if planned["sha256"] == "" {
            // The plan does not print the digest of a secret.
            planned["sha256"] = written["sha256"].clone();
        }
        assert_eq!(planned, written);
    }
}

/// Returns the files of all nodes in order.
fn files(told: &Value) -> Vec<Value> {
    let nodes = told["nodes"].as_array().unwrap().iter();
    nodes
        .flat_map(|node| node["files"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn no_secret_is_printed() {
    let scene = Scene::with("raspios-trixie");
    scene.file("wifi.toml", "[network]\ninterface = \"wlan0\"\nwifi = { ssid = \"home\", password = \"correct horse\", country = \"DE\" }\n");
    let secrets = |scene: &Scene| -> Vec<String> {
        let files = scene
            .snapshot("etcd-cluster")
            .into_iter()
            .map(|(path, _)| path);
        let texts = files.filter_map(|path| fs::read_to_string(scene.at(&path)).ok());
        let private = texts.filter(|text| text.contains("PRIVATE KEY"));
        let lines = private.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        lines
            .filter(|line| !line.starts_with('-') && line.len() > 15)
            .collect()
    };
    let options = ["--nodes", "3", "--config", "wifi.toml"];
    let mut said = String::new();
    for (command, extra) in [
        ("build", &["--json"][..]),
        ("build", &[]),
        ("plan", &["--json"]),
        ("plan", &[]),
    ] {
        let outcome = scene.run(command, &[&options[..], extra].concat()).done();
        said += &(outcome.stdout + &outcome.stderr);
    }
    for node in scene.manifest()["nodes"].as_array().unwrap() {
        let profile = |file: &&Value| file["path"].as_str().unwrap().ends_with(".nmconnection");
        let file = node["files"].as_array().unwrap().iter().find(profile);
        let digest = file.unwrap()["sha256"].as_str().unwrap();
        assert!(!said.contains(&digest[..16]), "a password could be guessed");
    }
    said += &scene.text("images/manifest.json");
    let secrets = secrets(&scene);
    assert!(
        secrets.len() > 10,
        "the keys of the state directory: {secrets:?}"
    );
    for secret in secrets.iter().map(String::as_str).chain(["correct horse"]) {
        assert!(!said.contains(secret), "`{secret}` is printed");
    }
}

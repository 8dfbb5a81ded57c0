//! `--restore` with a snapshot that cannot be restored.

use std::fs;

use crate::support::fixture::release;
use crate::support::refusal::refused;
use crate::support::scene::Scene;
use crate::support::snapshot::snapshot;

fn scene(bytes: &[u8]) -> Scene {
    let scene = Scene::with("raspios-trixie");
    fs::write(scene.at("main.db"), bytes).unwrap();
    scene
}

#[test]
fn a_snapshot_that_is_truncated_or_none() {
    let sound = snapshot(&["etcd1"], "3.5.0", 9);
    let options = ["--restore", "main.db"];
    let said = "main.db is not a usable snapshot: it ends too early";
    refused(&scene(&sound[..sound.len() - 9]), &options, 3, &[said]);
    let said = "main.db is not a usable snapshot: it is not a database of etcd";
    refused(&scene(b"a text"), &options, 3, &[said]);
    let said = "reading the snapshot other.db: ";
    refused(&scene(&sound), &["--restore", "other.db"], 2, &[said]);
}

#[test]
fn an_etcd_that_cannot_restore_it() {
    let newer = scene(&snapshot(&["etcd1"], "3.7.0", 9));
    let said = "cannot restore a snapshot of etcd 3.7.0";
    refused(&newer, &["--restore", "main.db"], 4, &[said]);
    let [server, client] = ["deb-server", "deb-client"].map(release);
    let packages = format!("{},{}", server.display(), client.display());
    let early = scene(&snapshot(&["etcd1"], "3.5.0", 9)).etcd(packages.as_ref());
    let said =
        "cannot raise the revision of a restored snapshot, so that watchers would miss changes";
    refused(&early, &["--restore", "main.db"], 4, &[said]);
}

#[test]
fn a_plan_shows_no_content_of_a_snapshot() {
    let scene = scene(&snapshot(&["etcd1"], "3.5.0", 9));
    let plan = scene.run("plan", &["--nodes", "3", "--restore", "main.db"]);
    let plan = plan.done();
    let note =
        "a new cluster of these nodes begins with revision 9 of the members etcd1, etcd 3.5.0\n";
    assert!(plan.stderr.contains(note), "{}", plan.stderr);
    let (_, file) = plan
        .stdout
        .split_once("/usr/local/lib/etcd-node/snapshot.db")
        .unwrap();
    let lines: Vec<_> = file.lines().take(2).collect();
    assert!(
        lines[1].contains("file 0640 0:") && lines[1].contains(", secret "),
        "{lines:?}"
    );
}

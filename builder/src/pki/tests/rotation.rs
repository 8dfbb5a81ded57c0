//! Tests of a change of the CA in the state directory.

use super::chain::named;
use super::own_ca::{OwnCa, P256};
use super::*;

const FILES: [&str; 4] = ["next-ca.crt", "next-ca.key", "rotation", "trusted-ca.crt"];

fn count(pem: &str) -> usize {
    pem.matches("BEGIN CERTIFICATE").count()
}

#[test]
fn each_phase_changes_what_it_must_and_the_last_one_leaves_one_ca() {
    let scene = Scene::made();
    let before = scene.files();
    let first = scene.open("").unwrap().ca;
    begin_rotation(&scene.state, NOW).unwrap();
    assert_eq!(scene.changed_since(&before), FILES);
    let trusting = scene.open("").unwrap();
    assert_eq!((count(&trusting.ca.pem), trusting.notes.len()), (2, 0));
    assert_eq!(trusting.ca.fingerprint, first.fingerprint);
    // Nothing begins twice.
    let begun = scene.files();
    begin_rotation(&scene.state, NOW + DAY).unwrap();
    assert_eq!(scene.changed_since(&begun), Vec::<String>::new());

    enter(&scene.state, Phase::Issue).unwrap();
    let issued = scene.open("").unwrap();
    assert_eq!(count(&issued.ca.pem), 2);
    assert_eq!(issued.notes.len(), 10);
    assert_eq!(
        issued.notes[0],
        "reissued admin.crt: the CA is being replaced"
    );
    let changed = scene.changed_since(&before);
    let is_key = |name: &&String| Path::new(name).extension().is_some_and(|it| it == "key");
    let keys: Vec<_> = changed.iter().filter(is_key).collect();
    assert_eq!(keys, ["next-ca.key"], "the others stay");
    let next = scene.path("next-ca.crt");
    for name in ["nodes/etcd1/server.crt", "nodes/etcd2/peer.crt"] {
        assert!(checker::accepts(&next, "sslserver", &scene.path(name)));
        assert!(!checker::accepts(
            &scene.path("ca.crt"),
            "sslserver",
            &scene.path(name)
        ));
    }

    enter(&scene.state, Phase::Finish).unwrap();
    let next = fs::read_to_string(&next).unwrap();
    assert_eq!(trusted_ca(&scene.state, Some(Phase::Finish)).unwrap(), next);
    // Killed between the two halves of the CA.
    fs::rename(scene.path("next-ca.crt"), scene.path("ca.crt")).unwrap();
    assert_eq!(scene.open("").unwrap().notes, Vec::<String>::new());
    finish_rotation(&scene.state).unwrap();
    let last = scene.open("").unwrap();
    assert_eq!((last.ca.pem, last.notes.len()), (next, 0));
    assert!(FILES.iter().all(|name| !scene.path(name).exists()));
    assert_eq!(rotation(&scene.state).unwrap(), None);
}

#[test]
fn an_aborted_change_returns_to_the_previous_ca() {
    let scene = Scene::made();
    let first = scene.open("").unwrap().ca;
    begin_rotation(&scene.state, NOW).unwrap();
    enter(&scene.state, Phase::Issue).unwrap();
    scene.open("").unwrap();
    enter(&scene.state, Phase::Trust).unwrap();
    let back = scene.open("").unwrap();
    assert_eq!(back.notes.len(), 10);
    abort_rotation(&scene.state).unwrap();
    let last = scene.open("").unwrap();
    assert_eq!((last.ca, last.notes.len()), (first, 0));
    let server = scene.path("nodes/etcd1/server.crt");
    assert!(checker::accepts(
        &scene.path("ca.crt"),
        "sslserver",
        &server
    ));
}

#[test]
fn a_node_that_was_removed_before_can_be_added_after_the_change() {
    let scene = Scene::new();
    let both = nodes(&[("etcd1", 50), ("etcd2", 51)]);
    scene.open(&both).unwrap();
    begin_rotation(&scene.state, NOW).unwrap();
    enter(&scene.state, Phase::Issue).unwrap();
    scene.open(&nodes(&[("etcd1", 50)])).unwrap();
    enter(&scene.state, Phase::Finish).unwrap();
    finish_rotation(&scene.state).unwrap();
    assert!(!scene.path("nodes/etcd2/server.crt").exists());
    assert!(scene.path("nodes/etcd1/server.crt").exists());
    scene.open(&both).unwrap();
    assert!(checker::accepts(
        &scene.path("ca.crt"),
        "sslserver",
        &scene.path("nodes/etcd2/server.crt")
    ));
}

#[test]
fn only_a_ca_with_its_key_can_issue() {
    let scene = Scene::made();
    let before = scene.files();
    can_issue(&scene.state, NOW).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
    fs::remove_file(scene.path("ca.key")).unwrap();
    let error = can_issue(&scene.state, NOW).unwrap_err().to_string();
    assert!(
        error.ends_with("ca.key is missing, but ca.crt exists"),
        "{error}"
    );
}

/// A node that restarts takes the CA that begins last for the newest one.
#[test]
fn the_next_ca_begins_later_than_one_that_was_made_a_minute_ago() {
    let mut ca = OwnCa::new(P256, "/CN=my CA", "");
    let made = ca.now - DAY;
    ca.now = made + 60;
    ca.open().unwrap();
    let before = ca.scene.files();
    let error = begin_rotation(&ca.scene.state, made).unwrap_err();
    assert!(
        error.to_string().starts_with("the CA is valid from 20"),
        "{error}"
    );
    assert_eq!(ca.scene.changed_since(&before), Vec::<String>::new());
    begin_rotation(&ca.scene.state, ca.now).unwrap();
    let next = fs::read_to_string(ca.scene.path("next-ca.crt")).unwrap();
    assert_eq!(certificate(&next).unwrap().not_before, made + 1);
}

#[test]
fn a_ca_of_the_user_is_accepted_until_the_change_ends() {
    let ca = OwnCa::new(P256, "/CN=my CA", "");
    let (scene, config) = (Scene::new(), named(&ca));
    let build = || open(&scene.state, &cluster(&config), ca.now);
    build().unwrap();
    begin_rotation(&scene.state, ca.now).unwrap();
    for phase in [Phase::Trust, Phase::Issue, Phase::Finish] {
        enter(&scene.state, phase).unwrap();
        build().unwrap();
    }
    finish_rotation(&scene.state).unwrap();
    let error = build().unwrap_err().to_string();
    assert!(error.contains("ca.crt is a different CA from "), "{error}");
}

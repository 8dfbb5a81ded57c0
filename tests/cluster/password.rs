//! `cluster password` with real members.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::members::{Members, with_members};
use crate::support::scene::Outcome;
use crate::support::tool::Said;

fn password(members: &Members, words: &[&str]) -> Outcome {
    members
        .scene
        .bare(&[&["cluster", "password"], words].concat())
}

/// Writes a key as a user with a password.
fn put(members: &Members, password: &str) -> Said {
    let user = format!("--user=app:{password}");
    members.etcdctl(&[&user, "put", "/app/key", "value"])
}

#[test]
fn users_log_in_with_the_password_that_the_state_directory_keeps() {
    with_members(|mut members| {
        for words in [
            "user add root:unknown",
            "user grant-role root root",
            "role add app",
            "role grant-permission app --prefix readwrite /app/",
            "user add app:unknown",
            "user grant-role app app",
            "auth enable",
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            members.etcdctl(&words).done();
        }
        let kept = "etcd-cluster/passwords/app";
        let text = password(&members, &["app"]).done().stdout;
        assert_eq!(
            text,
            format!("the password of `app` is now the one in {kept}\n")
        );
        let generated = members.scene.text(kept);
        assert_eq!(generated.trim().len(), 48);
        let mode = fs::metadata(members.scene.at(kept)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        put(&members, generated.trim()).done();
        let refused = put(&members, "unknown");
        assert_ne!(refused.code, Some(0));
        let reason = "authentication failed, invalid user ID or password";
        assert!(refused.err.contains(reason), "{}", refused.words());

        members.scene.file("own", "correct horse\n");
        let text = password(&members, &["app", "--file", "own"]).done().stdout;
        assert_eq!(text, "the password of `app` is now the one in own\n");
        put(&members, "correct horse").done();
        // The generated one can be set again.
        password(&members, &["app"]).done();
        put(&members, generated.trim()).done();

        let unknown = "the cluster has no user `nobody`";
        password(&members, &["nobody"]).refused_naming(2, &[unknown]);
        members.scene.file("empty", "\n");
        let refusal = "the password in empty cannot be used: it is empty";
        password(&members, &["app", "--file", "empty"]).refused_naming(2, &[refusal]);

        // It is a write like any other.
        members.kill((members.leader() + 1) % 3);
        password(&members, &["app", "--file", "own"]).done();
        put(&members, "correct horse").done();
    });
}

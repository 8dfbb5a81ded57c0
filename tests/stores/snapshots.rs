//! Snapshots in a bucket, with which a build begins.

use age::x25519::{Identity, Recipient};

use super::server::Server;
use super::{IDENTITY, RECIPIENT, run};
use crate::support::scene::{Outcome, Scene};
use crate::support::snapshot::snapshot;

/// Plans three nodes that begin with a snapshot.
fn plan(scene: &Scene, server: &Server, options: &[&str]) -> Outcome {
    let inputs = scene.inputs().iter().map(String::as_str);
    let line = ["plan", "--nodes", "3", "--restore"].into_iter();
    let line: Vec<&str> = line.chain(options.iter().copied()).chain(inputs).collect();
    run(scene, server, &line)
}

/// Returns a scene with a secret key, and a server with these objects, each encrypted for it or not.
fn stored(objects: &[(&str, bool)]) -> (Scene, Server) {
    let (scene, server) = (Scene::with("raspios-trixie"), Server::start());
    scene.file("key", &format!("{IDENTITY}\n"));
    let plain = snapshot(&["etcd1"], "3.5.0", 9);
    let recipient: Recipient = RECIPIENT.parse().unwrap();
    server.change(|content| {
        for (name, is_encrypted) in objects {
            let bytes = match is_encrypted {
                true => age::encrypt(&recipient, &plain).unwrap(),
                false => plain.clone(),
            };
            content.insert(format!("/lab/{name}"), bytes);
        }
    });
    (scene, server)
}

#[test]
fn a_build_begins_with_a_snapshot_of_a_bucket() {
    let (scene, server) = stored(&[("etcd/main.db", false), ("main.db.age", true)]);
    let sealed = server.object("main.db.age");
    std::fs::write(scene.at("copy.db.age"), sealed).unwrap();
    for options in [
        &["s3://lab/etcd/main.db"][..],
        &["s3://lab/main.db.age", "--restore-identity", "key"],
        // A copy that another program downloaded.
        &["copy.db.age", "--restore-identity", "key"],
    ] {
        let planned = plan(&scene, &server, options).done();
        let note = "a new cluster of these nodes begins with revision 9 of the members etcd1, etcd 3.5.0\n";
        assert!(planned.stderr.contains(note), "{}", planned.stderr);
    }
}

#[test]
fn a_snapshot_that_is_not_what_the_operator_expects_is_refused() {
    let (scene, server) = stored(&[("main.db", false), ("main.db.age", true), ("cut.age", true)]);
    server.change(|content| content.get_mut("/lab/cut.age").unwrap().truncate(9000));
    let other = Identity::generate();
    let secret = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    scene.file("other", &secret);
    let with = |place, identity| vec![place, "--restore-identity", identity];
    for (options, code, error) in [
        (
            vec!["s3://lab/main.db.age"],
            2,
            "the snapshot s3://lab/main.db.age is encrypted",
        ),
        (
            with("s3://lab/main.db", "key"),
            3,
            "the snapshot s3://lab/main.db is not encrypted, and a secret key is given",
        ),
        (
            with("s3://lab/main.db.age", "other"),
            2,
            "the file is encrypted to other keys than the given ones",
        ),
        (
            with("s3://lab/cut.age", "key"),
            3,
            "the snapshot s3://lab/cut.age is damaged: ",
        ),
        (
            vec!["s3://lab/none.db"],
            2,
            "there is no snapshot s3://lab/none.db",
        ),
        (vec!["s3://lab"], 2, "s3://lab is a bucket, not a snapshot"),
        (
            vec!["oci://registry.example.org/lab"],
            2,
            "snapshots are kept in files and in buckets of S3",
        ),
    ] {
        plan(&scene, &server, &options).refused_naming(code, &[error]);
    }
}

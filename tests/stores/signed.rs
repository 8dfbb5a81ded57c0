//! Checks that whoever can write to a store, but cannot sign, gets no image of their own onto a card.

use std::collections::BTreeMap;
use std::fs::File;

use serde_json::Value;

use super::registry::Registry;
use super::server::{Fault, Server};
use super::{FLASH, IDENTITY, RECIPIENT, SENT, build, run};
use crate::support::scene::{Outcome, Scene};
use crate::support::signer::key;

const INDEX: &str = "run/1/index.json";

/// The options of a build that is small enough to be sent at once.
fn sent<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SENT[..], &[RECIPIENT, "--format", "img.zst"], more].concat()
}

/// Creates a scene whose signed build of one node has gone to a store.
fn stored() -> (Scene, Server) {
    let (scene, server) = (Scene::with("raspios-trixie"), Server::start());
    scene.file("key", &format!("{IDENTITY}\n"));
    key(&scene, "ada", "ed25519", "");
    build(&scene, &server, &sent(&["--sign", "ada"])).done();
    let card = File::create(scene.at("card")).unwrap();
    card.set_len(9 << 30).unwrap();
    (scene, server)
}

fn index(server: &Server) -> Value {
    serde_json::from_slice(&server.object(INDEX)).unwrap()
}

/// Puts an index without a checksum into the store, as earlier versions wrote them.
fn replace_index(server: &Server, mut index: Value) {
    index.as_object_mut().unwrap().remove("check");
    server.change(|objects| {
        let bytes = index.to_string().into_bytes();
        objects.insert(format!("/lab/{INDEX}"), bytes);
    });
}

/// Returns the entry of a file.
fn entry<'a>(index: &'a mut Value, name: &str) -> &'a mut Value {
    let files = index["files"].as_array_mut().unwrap();
    files.iter_mut().find(|file| file["name"] == name).unwrap()
}

fn verify(scene: &Scene, server: &Server, more: &[&str]) -> Outcome {
    let line = ["verify", "s3://lab/run/1", "--allowed-signers", "allowed"];
    run(scene, server, &[&line, more].concat())
}

fn flash(scene: &Scene, server: &Server) -> Outcome {
    let line = [&FLASH[..], &["--allowed-signers", "allowed"]].concat();
    run(scene, server, &line)
}

/// Asserts that neither command accepts what the store has.
fn refused(scene: &Scene, server: &Server, words: &[&str]) {
    for told in [
        verify(scene, server, &["--identity", "key"]),
        flash(scene, server),
    ] {
        told.refused_naming(3, words);
    }
}

#[test]
fn the_signature_of_a_build_in_a_store_is_checked() {
    let (scene, server) = stored();
    let count = index(&server)["files"].as_array().unwrap().len();
    verify(&scene, &server, &[]).refused_naming(2, &["the images in s3://lab/run/1 are encrypted"]);
    let told = verify(&scene, &server, &["--identity", "key"]).done();
    let start = format!("s3://lab/run/1: ok, {count} sound files, signed by ada@example (SHA256:");
    assert!(told.stdout.starts_with(&start), "{}", told.stdout);
    let told = flash(&scene, &server).done().stdout;
    assert!(told.contains("; signed by ada@example (SHA256:"), "{told}");
    assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);
    let inspected = scene.bare(&["inspect", "card"]).done();
    assert!(inspected.stdout.contains("etcd1"), "{}", inspected.stdout);
}

#[test]
fn what_is_refused_names_the_store_and_the_options_for_it() {
    let (scene, server) = stored();
    let flash = |targets: &[&str]| {
        let line = ["flash", "--images", "s3://lab/run/1", "--yes-really"];
        let options = ["--identity", "key", "--allowed-signers", "allowed"];
        run(&scene, &server, &[&line, targets, &options].concat())
    };
    let told = flash(&["--all", "card"]);
    let error = "--all asks for confirmation, but standard input is not a terminal";
    told.refused_naming(2, &[error]);
    let hint = "hint: run `etcd-image flash --images s3://lab/run/1 --identity key --allowed-signers allowed etcd1=card`\n";
    assert!(told.stderr.ends_with(hint), "{}", told.stderr);
    let nobody = "error: s3://lab/run/1 has no image of a node etcd9";
    flash(&["etcd9", "card"]).refused_naming(2, &[nobody]);
    let two = "error: s3://lab/run/1 has 1 node (etcd1), but the command line names 2 devices";
    flash(&["--all", "card", "other"]).refused_naming(2, &[two]);
}

#[test]
fn what_nobody_has_signed_is_not_taken_from_a_store() {
    let (scene, server) = stored();
    let mut signed = index(&server);
    // Somebody who knows the recipient sends other images.
    scene.file(
        "eve.toml",
        "[[file]]\npath = \"/etc/eve\"\ncontent = \"eve\\n\"\n",
    );
    build(&scene, &server, &sent(&["--config", "eve.toml"])).done();
    let mut sent = index(&server);
    let unsigned = "the build in s3://lab/run/1 is not signed: it has no SHA256SUMS.sig";
    refused(&scene, &server, &[unsigned]);

    // The signed list is put beside them, then everything else but the image.
    let signature = entry(&mut signed, "SHA256SUMS.sig").clone();
    sent["files"].as_array_mut().unwrap().push(signature);
    *entry(&mut sent, "SHA256SUMS") = entry(&mut signed, "SHA256SUMS").clone();
    replace_index(&server, sent.clone());
    let checking = "checking the signature of s3://lab/run/1: ";
    let other = "SHA256SUMS is signed, but manifest.json has other digests";
    refused(&scene, &server, &[checking, other]);
    let image = entry(&mut sent, "etcd1.img.zst").clone();
    *entry(&mut signed, "etcd1.img.zst") = image.clone();
    replace_index(&server, signed);
    let other = "SHA256SUMS is signed, but it is of another build: it has the SHA-256 ";
    let place = " of etcd1.img.zst, the index of the store has ";
    refused(&scene, &server, &[checking, other, place]);
    server.fail(|_, _| None);
    flash(&scene, &server);
    let read = server.count("GET", image["stored"]["sha256"].as_str().unwrap());
    assert_eq!(read, 0, "the image was not downloaded");

    // They are signed with another key.
    key(&scene, "eve", "ed25519", "");
    let own = ["--config", "eve.toml", "--sign", "eve"];
    build(&scene, &server, &self::sent(&own)).done();
    let public = scene.text("ada.pub");
    scene.file("allowed", &format!("ada@example {public}"));
    refused(&scene, &server, &["is not among the allowed signers"]);
}

/// Verifies while each of three indexes is replaced as soon as it was read.
fn with_indexes_read_once(server: &Server, verify: impl Fn() -> Outcome) -> Outcome {
    let mut objects = BTreeMap::new();
    server.change(|all| objects.clone_from(all));
    server.fail(|request, before| {
        let is_first = before == 0 && request.is("GET", "index.json");
        is_first.then_some(Fault::Spoil)
    });
    let told = verify().done();
    assert_eq!(server.count("GET", "index.json"), 3);
    server.fail(|_, _| None);
    server.change(|all| *all = objects);
    told
}

#[test]
fn the_signature_of_every_cluster_of_a_fleet_is_checked() {
    let (scene, server) = (crate::fleet::scene(), Server::start());
    scene.file("key", &format!("{IDENTITY}\n"));
    key(&scene, "ada", "ed25519", "");
    let fleet = [
        "--fleet",
        "fleet.toml",
        "--format",
        "img.zst",
        "--out",
        "s3://lab/fleet",
        "--encrypt-to",
        RECIPIENT,
    ];
    let verify = || {
        let line = ["verify", "s3://lab/fleet", "--allowed-signers", "allowed"];
        run(
            &scene,
            &server,
            &[&line[..], &["--identity", "key"]].concat(),
        )
    };
    build(&scene, &server, &[&fleet[..], &["--sign", "ada"]].concat()).done();
    let told = verify().done().stdout;
    assert_eq!(
        told.matches("signed by ada@example (SHA256:").count(),
        1,
        "{told}"
    );
    assert_eq!(with_indexes_read_once(&server, verify).stdout, told);
    // A card gets the image of a cluster.
    let flash = [
        "flash",
        "--images",
        "s3://lab/fleet",
        "home-1",
        "card",
        "--identity",
        "key",
    ];
    for more in [&[][..], &["--allowed-signers", "allowed"]] {
        let told = run(&scene, &server, &[&flash[..], more].concat());
        told.refused_naming(2, &["error: s3://lab/fleet has no image"]);
        let hint = "hint: name one of its clusters, as in `s3://lab/fleet/home`\n";
        assert!(told.stderr.ends_with(hint), "{}", told.stderr);
    }

    // An index that leaves out a cluster.
    let place = "fleet/index.json";
    let mut index: Value = serde_json::from_slice(&server.object(place)).unwrap();
    let all = index.as_object_mut().unwrap();
    all.remove("check");
    all["manifests"].as_object_mut().unwrap().remove("west");
    assert_eq!(all["parts"].as_array_mut().unwrap().pop().unwrap(), "west");
    server.change(|objects| {
        let bytes = index.to_string().into_bytes();
        objects.insert(format!("/lab/{place}"), bytes);
    });
    let checking = "checking the signature of s3://lab/fleet: ";
    let other = "SHA256SUMS is signed, but it is of another build: it contains west/SHA256SUMS, the index of the store does not";
    verify().refused_naming(3, &[checking, other]);

    build(&scene, &server, &fleet).done();
    let unsigned = "the build in s3://lab/fleet is not signed: it has no SHA256SUMS.sig";
    verify().refused_naming(3, &[unsigned]);
}

#[test]
fn the_signatures_of_shards_in_a_store_are_checked_before_they_are_joined() {
    let (scene, server) = (super::merge::scene(), Server::start());
    key(&scene, "ada", "ed25519", "");
    let send = |shard: &str, out: &str, more: &[&str]| {
        let sent = super::merge::sent(shard, out);
        build(&scene, &server, &[&sent[..], more].concat()).done();
    };
    let shards = ["s3://lab/1", "s3://lab/2"];
    let merge = |more: &[&str]| {
        let line = ["merge", "--out", "merged", "--identity", "key"];
        let line = [&line[..], &["--allowed-signers", "allowed"]].concat();
        run(&scene, &server, &[&line[..], &shards, more].concat())
    };
    send("1/2", shards[0], &["--sign", "ada"]);
    send("2/2", shards[1], &[]);
    let unsigned = "checking the signatures of s3://lab/2: ";
    merge(&[]).refused_naming(3, &[unsigned, "/2/SHA256SUMS has no signature"]);
    assert!(!scene.at("merged").exists());
    send("2/2", shards[1], &["--sign", "ada"]);
    merge(&["--sign", "ada"]).done();
    let verify = ["verify", "merged", "--allowed-signers", "allowed"];
    scene.bare(&verify).done();
}

#[test]
fn the_signature_of_a_build_in_a_registry_is_checked() {
    let (scene, registry) = (Scene::with("raspios-trixie"), Registry::start());
    scene.file("key", &format!("{IDENTITY}\n"));
    key(&scene, "ada", "ed25519", "");
    let place = registry.place("lab/kv");
    let node = ["--nodes", "1", "--format", "img.zst", "--out", &place];
    let sent = [&node[..], &["--encrypt-to", RECIPIENT]].concat();
    let verify = ["verify", &place, "--allowed-signers", "allowed"];
    let verify = [&verify[..], &["--identity", "key"]].concat();
    scene.build(&sent);
    let unsigned = " is not signed: it has no SHA256SUMS.sig";
    scene.bare(&verify).refused_naming(3, &[unsigned]);
    scene.build(&[&sent[..], &["--sign", "ada"]].concat());
    let told = scene.bare(&verify).done().stdout;
    assert!(told.contains(", signed by ada@example (SHA256:"), "{told}");
}

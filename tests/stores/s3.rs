//! Checks that a store has a whole build or none, and that cards can be written from it.

use std::fs::File;
use std::sync::Mutex;

use serde_json::Value;

use super::server::{Fault, Server};
use super::{FLASH, IDENTITY, RECIPIENT, SENT, build, run};
use crate::support::checksum;
use crate::support::fixture::digest;
use crate::support::scene::Scene;

const INDEX: &str = "run/1/index.json";

fn scene() -> Scene {
    Scene::with("raspios-trixie").at_time(1_790_000_000)
}

/// The options of a build whose image is so small that it is sent with one request.
fn sent() -> Vec<&'static str> {
    [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat()
}

fn index(server: &Server) -> Value {
    serde_json::from_slice(&server.object(INDEX)).unwrap()
}

fn replace_index(server: &Server, bytes: Vec<u8>) {
    server.change(|objects| {
        objects.insert(format!("/lab/{INDEX}"), bytes);
    });
}

/// Returns an index of which a bit was flipped after this text: in the first digit of a digest of the manifest, which is what `flash`
/// reads first, or in the next character.
fn flipped(index: &str, after: &str) -> Vec<u8> {
    let is_digest = after.contains("sha256");
    let start = match is_digest {
        true => index.find("\"name\": \"manifest.json\",").unwrap(),
        false => 0,
    };
    let mut place = start + index[start..].find(after).unwrap() + after.len();
    if is_digest {
        let rest = &index[place..];
        place += rest.find(|digit: char| digit.is_ascii_digit()).unwrap();
    }
    let mut bytes = index.as_bytes().to_vec();
    bytes[place] ^= 1;
    bytes
}

/// Creates a scene whose build of one node has gone to a store, encrypted.
fn stored() -> (Scene, Server) {
    let (scene, server) = (scene(), Server::start());
    build(&scene, &server, &sent()).done();
    (scene, server)
}

#[test]
fn a_build_goes_to_a_store_encrypted_and_is_what_a_directory_gets() {
    let (scene, server) = (scene(), Server::start());
    let told = build(&scene, &server, &sent()).done();
    let files = index(&server)["files"].as_array().unwrap().clone();
    let start = format!("s3://lab/run/1: {} files, ", files.len());
    assert!(told.stdout.starts_with(&start), "{}", told.stdout);
    let names = server.names().into_iter();
    let blobs: Vec<String> = names.filter(|name| name != INDEX).collect();
    assert_eq!(blobs.len(), files.len());
    for blob in &blobs {
        assert!(blob.starts_with("run/1/blobs/sha256/"), "{blob}");
        let bytes = server.object(blob);
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"), "{blob}");
    }
    let kept = scene.names("home/.cache/etcd-image/outgoing");
    assert_eq!(kept.len(), 1, "only the lock is kept: {kept:?}");

    scene.build(&["--nodes", "1", "--format", "img.zst"]);
    let mut files = files.iter();
    let image = files.find(|it| it["name"] == "etcd1.img.zst").unwrap();
    let built = scene.at("images/etcd1.img.zst");
    assert_eq!(image["plain"]["sha256"], digest(&built));
}

#[test]
fn a_card_is_written_from_a_store() {
    let (scene, server) = stored();
    scene.file("key", &format!("# a comment\n{IDENTITY}\n"));
    let card = scene.at("card");
    File::create(&card).unwrap().set_len(9 << 30).unwrap();
    let absent = ["error: the images in s3://lab/run/1 are encrypted"];
    run(&scene, &server, &FLASH[..4]).refused_naming(2, &absent);
    run(&scene, &server, &FLASH).done();
    assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);
    let inspected = scene.bare(&["inspect", "card"]).done();
    assert!(inspected.stdout.contains("etcd1"), "{}", inspected.stdout);

    // Changed objects are noticed.
    server.change(|objects| {
        for (name, bytes) in objects.iter_mut() {
            bytes[40] ^= u8::from(!name.ends_with("index.json"));
        }
    });
    let told = run(&scene, &server, &FLASH);
    told.refused_naming(3, &["getting manifest.json from s3://lab/run/1: s3://lab/"]);
}

#[test]
fn verify_reads_a_store_without_a_secret_key() {
    let (scene, server) = stored();
    let count = index(&server)["files"].as_array().unwrap().len();
    let verify = || run(&scene, &server, &["verify", "s3://lab/run/1"]);
    let sound = format!("s3://lab/run/1: ok, {count} sound files\n");
    assert_eq!(verify().done().stdout, sound);
    server.change(|objects| {
        let mut blobs = objects
            .iter_mut()
            .filter(|(name, _)| !name.ends_with("index.json"));
        blobs.next().unwrap().1[40] ^= 1;
        blobs.next().unwrap().1.clear();
    });
    let told = verify();
    assert_eq!(told.code, Some(3));
    for wrong in [
        ": its blob has another SHA-256\n",
        ": its blob is missing or has another size\n",
    ] {
        assert!(told.stdout.contains(wrong), "{}", told.stdout);
    }
}

#[test]
fn a_flipped_bit_in_the_index_of_a_store_is_reported() {
    let (scene, server) = stored();
    scene.file("key", &format!("{IDENTITY}\n"));
    let card = scene.at("card");
    File::create(&card).unwrap().set_len(9 << 30).unwrap();
    let verify = ["verify", "s3://lab/run/1"];
    let whole = String::from_utf8(server.object(INDEX)).unwrap();
    // Earlier versions wrote no checksum.
    let older = checksum::removed(&whole);
    let (plain, stored) = (
        "\"plain\": {\n        \"sha256\": \"",
        "\"stored\": {\n        \"sha256\": \"",
    );
    let other = "its checksum does not match";
    for (text, after, command, words) in [
        (&whole, "", &verify[..], "it is not an index of etcd-image"),
        (&whole, "\"format\": ", &verify, "its format 0 is not 1"),
        (&whole, "\"version\": \"", &verify, other),
        (&whole, stored, &verify, other),
        (&whole, plain, &verify, other),
        (&whole, "\"check\": \"", &verify, other),
        (
            &older,
            stored,
            &verify,
            ": its blob is missing or has another size\n",
        ),
        (&older, plain, &FLASH, "the decrypted file has the SHA-256 "),
    ] {
        replace_index(&server, flipped(text, after));
        let told = run(&scene, &server, command);
        assert_eq!(told.code, Some(3), "{after}: {}", told.stderr);
        let said = told.stdout + &told.stderr;
        assert!(said.contains(words), "{after}: {said}");
    }
    for text in [older, whole] {
        replace_index(&server, text.into_bytes());
        run(&scene, &server, &verify).done();
        run(&scene, &server, &FLASH).done();
    }
}

#[test]
fn plain_images_in_place_of_encrypted_ones_are_refused() {
    let (scene, server) = stored();
    scene.file("key", &format!("{IDENTITY}\n"));
    let plain = [
        &SENT[..4],
        &["--allow-plain-secrets", "--format", "img.zst"],
    ]
    .concat();
    build(&scene, &server, &plain).done();
    let with_key = ["--identity", "key", "s3://lab/run/1"];
    for command in [
        &[&["flash"], &with_key[..], &["card"]].concat(),
        &[&["merge", "--out", "merged"], &with_key[..]].concat(),
    ] {
        let told = run(&scene, &server, command);
        let error = "the images in s3://lab/run/1 are not encrypted, and `--identity` is given";
        told.refused_naming(3, &[error]);
    }
    assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);
}

#[test]
fn an_index_without_files_or_with_two_digests_of_a_plain_file_is_reported() {
    let (scene, server) = (scene(), Server::start());
    let plain = [
        &SENT[..4],
        &["--allow-plain-secrets", "--format", "img.zst"],
    ]
    .concat();
    build(&scene, &server, &plain).done();
    let reports = |problem: &str, change: fn(&mut Value)| {
        let mut index = index(&server);
        index.as_object_mut().unwrap().remove("check");
        change(&mut index);
        replace_index(&server, index.to_string().into_bytes());
        let told = run(&scene, &server, &["verify", "s3://lab/run/1"]);
        assert_eq!(told.code, Some(3), "{}", told.stderr);
        assert!(told.stdout.contains(problem), "{}", told.stdout);
    };
    reports(
        ": its index has another digest or size for the file than for its blob, which is not encrypted\n",
        |index| index["files"][0]["plain"]["size"] = 1.into(),
    );
    let told = run(&scene, &server, &["merge", "s3://lab/run/1"]);
    let why = "getting SHA256SUMS from s3://lab/run/1: its index has another digest or size for the file than for its blob";
    told.refused_naming(3, &[why]);
    let empty = "s3://lab/run/1: BAD, 0 sound files\n  s3://lab/run/1: its index lists no file\n";
    reports(empty, |index| index["files"] = Value::Array(Vec::new()));
}

#[test]
fn an_interrupted_build_leaves_no_index_and_goes_on_where_it_stopped() {
    let (scene, server) = (scene(), Server::start());
    let whole = [&SENT[..], &[RECIPIENT]].concat();
    // The connection fails for good at the third group of parts. Then the server forgets the parts that it has.
    for _ in 0..2 {
        server.forget_uploads();
        server.fail(|request, _| request.is("PUT", "partNumber=9&").then_some(Fault::Drop));
        let told = build(&scene, &server, &whole);
        let place = "sending etcd1.img: writing s3://lab/run/1/blobs/sha256/";
        told.refused_naming(5, &[place]);
        assert!(!server.names().contains(&INDEX.to_owned()));
        assert_eq!(server.count("PUT", "partNumber=8&"), 1);
        assert!(
            server.count("PUT", "partNumber=9&") > 1,
            "it was tried once"
        );
    }

    server.fail(|_, _| None);
    build(&scene, &server, &whole).done();
    assert_eq!(server.count("PUT", "partNumber=8&"), 0, "it was sent again");
    assert_eq!(server.count("PUT", "partNumber=9&"), 1);
    assert!(server.names().contains(&INDEX.to_owned()));
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn a_token_that_expires_during_an_upload_is_explained_and_a_new_one_goes_on() {
    let (scene, server) = (scene(), Server::start());
    let whole = [&SENT[..], &[RECIPIENT]].concat();
    let expired = Fault::Answer("400 Bad Request", "ExpiredToken");
    server.fail(move |request, _| request.is("PUT", "partNumber=9&").then_some(expired));
    let told = build(&scene, &server, &whole);
    let place = "sending etcd1.img: writing s3://lab/run/1/blobs/sha256/";
    told.refused_naming(5, &[place, ": the credentials have expired"]);
    let next = "\nhint: get new ones, set AWS_ACCESS_KEY_ID, ";
    assert!(told.stderr.contains(next), "{}", told.stderr);
    assert!(!server.names().contains(&INDEX.to_owned()));

    server.fail(|_, _| None);
    build(&scene, &server, &whole).done();
    assert_eq!(server.count("PUT", "partNumber=8&"), 0, "it was sent again");
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn the_cache_shows_what_a_killed_build_has_left_and_removes_it() {
    let (scene, server) = (scene(), Server::start());
    server.fail(|request, _| request.is("PUT", "/blobs/").then_some(Fault::Drop));
    assert_eq!(build(&scene, &server, &sent()).code, Some(5));
    let entries = |words: &[&str]| {
        let told = scene
            .bare(&[&["cache"], words, &["--json"]].concat())
            .done();
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        let entries = told["entries"].as_array().unwrap().clone().into_iter();
        let is_left = |it: &Value| it["key"].as_str().unwrap().starts_with("outgoing/");
        let left: Vec<Value> = entries.filter(is_left).collect();
        left.iter()
            .map(|it| it["what"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let left = ["build on its way to s3://lab/run/1"];
    assert_eq!(entries(&[]), left);
    assert_eq!(entries(&["prune"]), [""; 0], "it is from today");
    assert_eq!(entries(&["prune", "--all", "--dry-run"]), left);
    assert_eq!(entries(&["prune", "--all"]), left);
    assert_eq!(entries(&[]), [""; 0]);
    let kept = scene.names("home/.cache/etcd-image/outgoing");
    assert_eq!(kept.len(), 1, "only the lock is kept: {kept:?}");
    server.fail(|_, _| None);
    build(&scene, &server, &sent()).done();
}

#[test]
fn what_an_interrupted_build_has_left_is_not_sent_by_another() {
    let (scene, server) = (scene(), Server::start());
    server.fail(|request, _| request.is("PUT", "/blobs/").then_some(Fault::Drop));
    let three = [
        "--nodes",
        "3",
        "--format",
        "img.zst,img.gz",
        "--out",
        "s3://lab/run/1",
    ];
    let interrupted = build(
        &scene,
        &server,
        &[&three[..], &["--encrypt-to", RECIPIENT]].concat(),
    );
    assert_eq!(interrupted.code, Some(5), "{}", interrupted.stderr);
    server.fail(|_, _| None);
    build(&scene, &server, &sent()).done();
    let files = index(&server)["files"].as_array().unwrap().clone();
    let names = files.iter().map(|file| file["name"].as_str().unwrap());
    let images: Vec<&str> = names.filter(|name| name.contains(".img")).collect();
    assert_eq!(images, ["etcd1.img.zst"]);
}

#[test]
fn a_build_that_a_store_has_is_not_sent_again() {
    let (scene, server) = stored();
    server.fail(|_, _| None);
    let told = build(&scene, &server, &sent()).done();
    assert_eq!(server.count("PUT", ""), 1, "more than the index was sent");
    let of_index = ["POST", "DELETE"].map(|method| server.count(method, "/index.json?upload"));
    assert_eq!(of_index, [1, 1], "the upload that asks for permission");
    let files = index(&server)["files"].as_array().unwrap().len();
    let kept = format!("; {files} were there before\n");
    assert!(told.stdout.contains(&kept), "{}", told.stdout);
}

#[test]
fn a_file_of_an_earlier_build_that_a_store_has_damaged_is_sent_again() {
    let (scene, server) = stored();
    server.fail(|_, _| None);
    server.change(|objects| {
        let mut all = objects.iter_mut();
        let (_, bytes) = all.find(|(name, _)| name.contains("/blobs/")).unwrap();
        bytes[40] ^= 1;
    });
    let told = build(&scene, &server, &sent()).done();
    let files = index(&server)["files"].as_array().unwrap().len();
    let kept = format!("; {} were there before\n", files - 1);
    assert!(told.stdout.contains(&kept), "{}", told.stdout);
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn a_store_that_returns_other_bytes_is_noticed_before_the_index_is_written() {
    let (scene, server) = (scene(), Server::start());
    server.fail(|request, before| {
        (request.is("PUT", "/blobs/") && !request.target.contains('?') && before == 0)
            .then_some(Fault::Spoil)
    });
    let told = build(&scene, &server, &sent());
    told.refused_naming(3, &["returns other bytes than it was sent: SHA-256 "]);
    assert!(!server.names().contains(&INDEX.to_owned()));
    server.fail(|_, _| None);
    build(&scene, &server, &sent()).done();
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn a_moment_of_trouble_is_survived() {
    let (scene, server) = (scene(), Server::start());
    // The next request to a busy store waits for a second, so only two requests of each method fail.
    let left = Mutex::new(vec!["PUT", "PUT", "GET", "GET"]);
    server.fail(move |request, before| {
        let mut left = left.lock().unwrap();
        let is_it = |method: &&str| before == 0 && request.is(method, "/blobs/");
        let failing = left.iter().position(is_it)?;
        match left.swap_remove(failing) {
            "PUT" => Some(Fault::Answer("503 Service Unavailable", "SlowDown")),
            _ => Some(Fault::Drop),
        }
    });
    build(&scene, &server, &sent()).done();
    assert!(server.names().contains(&INDEX.to_owned()));
}

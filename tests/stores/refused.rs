//! Checks that a store which does not work is explained before anything is built.

use super::server::{Fault, Server};
use super::{IDENTITY, RECIPIENT, SENT, build, run};
use crate::support::scene::Scene;

fn scene() -> Scene {
    Scene::with("raspios-trixie")
}

/// Runs a build and returns its last two lines: the error and the hint.
#[track_caller]
fn refusal(server: &Server, options: &[&str], code: i32) -> [String; 2] {
    let scene = scene();
    let told = build(&scene, server, options);
    assert_eq!(told.code, Some(code), "{}", told.stderr);
    assert_eq!(scene.names("etcd-cluster"), [""; 0], "keys were made");
    assert_eq!(server.names(), [""; 0], "something was sent");
    let mut lines = told.stderr.lines().rev().map(str::to_owned);
    let hint = lines.next().unwrap();
    [lines.next().unwrap(), hint]
}

#[test]
fn private_keys_go_to_a_store_only_encrypted_or_on_request() {
    let server = Server::start();
    assert_eq!(
        refusal(&server, &["--out", "s3://lab/a", "--nodes", "1"], 2),
        [
            "error: refusing to send images to s3://lab/a: they contain private keys",
            "hint: encrypt them with `--encrypt-to RECIPIENT` (`age-keygen` makes one), or add `--allow-plain-secrets`",
        ]
    );
    assert_eq!(
        refusal(&server, &[&SENT[..], &[IDENTITY]].concat(), 2)[0],
        "error: --encrypt-to: this is a secret key, not a recipient"
    );
    assert_eq!(
        refusal(&server, &["--encrypt-to", RECIPIENT], 2)[0],
        "error: `--encrypt-to` has no effect: the images go to a directory"
    );
    assert_eq!(
        refusal(&server, &["--allow-plain-secrets"], 2)[0],
        "error: `--allow-plain-secrets` has no effect: the images go to a directory"
    );
    let only = [&SENT[..], &[RECIPIENT, "--only", "etcd1"]].concat();
    assert_eq!(
        refusal(&server, &only, 2)[0],
        "error: --only: the index of s3://lab/run/1 would list these nodes only"
    );
    let (scene, plain) = (
        scene(),
        ["--nodes", "1", "--out", "s3://lab", "--allow-plain-secrets"],
    );
    let told = build(&scene, &server, &plain).done();
    assert!(told.stdout.contains("NOT encrypted"), "{}", told.stdout);
}

#[test]
fn each_answer_of_a_server_has_its_own_next_step() {
    let server = Server::start();
    let sent = [&SENT[..], &[RECIPIENT]].concat();
    let place = "error: reading s3://lab/run/1/index.json";
    for (status, code, why, hint) in [
        (
            "400 Bad Request",
            "ExpiredToken",
            "the credentials have expired",
            "get new ones, set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and run the command again: a build continues where it stopped",
        ),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "the clock of this machine differs too much from that of the server",
            "set the clock (`timedatectl set-ntp true`) and run the command again",
        ),
        (
            "403 Forbidden",
            "InvalidAccessKeyId",
            "the server does not accept the credentials",
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION",
        ),
        (
            "403 Forbidden",
            "AccessDenied",
            "the server denies it",
            "allow this user s3:GetObject, s3:PutObject and s3:ListBucket, for `--keep` s3:DeleteObject, or use other credentials",
        ),
        (
            "404 Not Found",
            "NoSuchBucket",
            "there is no such bucket",
            "create the bucket, or correct its name; AWS_ENDPOINT_URL names the server",
        ),
    ] {
        server.fail(move |_, _| Some(Fault::Answer(status, code)));
        let told = refusal(&server, &sent, 5);
        assert_eq!(told, [format!("{place}: {why}"), format!("hint: {hint}")]);
    }
}

#[test]
fn a_store_that_may_only_be_read_is_explained_before_anything_is_built() {
    let server = Server::start();
    server.fail(|it, _| {
        let denied = Fault::Answer("403 Forbidden", "AccessDenied");
        ["PUT", "POST"].contains(&&*it.method).then_some(denied)
    });
    assert_eq!(
        refusal(&server, &[&SENT[..], &[RECIPIENT]].concat(), 5),
        [
            "error: writing s3://lab/run/1: the server denies it",
            "hint: allow this user s3:GetObject, s3:PutObject and s3:ListBucket, for `--keep` s3:DeleteObject, or use other credentials",
        ]
    );
}

#[test]
fn a_server_that_does_not_answer_is_explained() {
    let server = Server::start();
    server.fail(|_, _| Some(Fault::Drop));
    let [error, hint] = refusal(&server, &[&SENT[..], &[RECIPIENT]].concat(), 5);
    assert!(
        error.starts_with("error: reading s3://lab/run/1/index.json: "),
        "{error}"
    );
    assert_eq!(
        hint,
        "hint: check the network and AWS_ENDPOINT_URL, and run the command again: a build continues where it stopped"
    );
}

#[test]
fn missing_credentials_are_explained() {
    let scene = scene();
    let line = ["verify", "s3://lab/a"];
    let told = scene.bare(&line);
    told.refused_naming(2, &["error: no credentials for s3://lab/a"]);
}

#[test]
fn the_images_of_another_cluster_are_not_replaced() {
    let (scene, server) = (scene(), Server::start());
    let sent = [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat();
    scene.file("one.toml", "[cluster]\nname = \"one\"\n");
    scene.file("other.toml", "[cluster]\nname = \"other\"\n");
    build(
        &scene,
        &server,
        &[&sent[..], &["--config", "one.toml"]].concat(),
    )
    .done();
    let before = server.object("run/1/index.json");
    let other = ["--config", "other.toml", "--state", "other"];
    let told = build(&scene, &server, &[&sent[..], &other].concat());
    let why = "s3://lab/run/1 contains images of cluster `one`, and this is cluster `other`";
    told.refused_naming(2, &[why]);
    assert_eq!(server.object("run/1/index.json"), before);
    assert!(!scene.at("other").exists(), "keys were made");
}

#[test]
fn images_of_the_same_name_with_other_keys_are_not_replaced() {
    let (scene, server) = (scene(), Server::start());
    let sent = [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat();
    build(&scene, &server, &sent).done();
    let before = server.object("run/1/index.json");
    let other = [&sent[..], &["--state", "other"]].concat();
    let why = "s3://lab/run/1 contains images of cluster `main` with other keys";
    build(&scene, &server, &other).refused_naming(2, &[why]);
    assert!(!scene.at("other").exists(), "keys were made");
    scene.build(&["--nodes", "1", "--state", "other"]);
    build(&scene, &server, &other).refused_naming(2, &[why]);
    assert_eq!(server.object("run/1/index.json"), before);
    build(&scene, &server, &sent).done();
}

#[test]
fn an_index_that_somebody_else_writes_meanwhile_is_not_replaced() {
    let (scene, server) = (scene(), Server::start());
    let sent = [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat();
    build(&scene, &server, &sent).done();
    // It changes before the first file is sent, after the build was allowed to replace it.
    server.fail(|it, before| {
        (it.is("GET", "/run/1/index.json") && before == 1).then_some(Fault::Spoil)
    });
    let told = build(&scene, &server, &sent);
    told.refused_naming(
        3,
        &["reading s3://lab/run/1/index.json: it is not an index"],
    );
    assert_eq!(server.count("PUT", "/run/1/index.json"), 0);
}

#[test]
fn an_index_that_a_store_damages_is_noticed() {
    let (scene, server) = (scene(), Server::start());
    let sent = [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat();
    server.fail(|it, _| it.is("PUT", "/run/1/index.json").then_some(Fault::Spoil));
    let told = build(&scene, &server, &sent);
    let why = "error: reading back the index that was written to s3://lab/run/1: reading s3://lab/run/1/index.json: it is not an index";
    told.refused_naming(3, &[why]);
    assert!(
        server.count("GET", "/run/1/index.json") > 4,
        "it was read back once"
    );
}

#[test]
fn an_index_that_a_store_shows_a_moment_later_is_read_again() {
    let (scene, server) = (scene(), Server::start());
    let sent = [&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat();
    // The index is read three times before it is written.
    server.fail(|it, before| {
        let is_read_back = it.is("GET", "/run/1/index.json") && before == 3;
        is_read_back.then_some(Fault::Answer("404 Not Found", "NoSuchKey"))
    });
    build(&scene, &server, &sent).done();
    assert_eq!(server.count("GET", "/run/1/index.json"), 5);
}

#[test]
fn a_prefix_without_a_finished_build_is_explained() {
    let (scene, server) = (scene(), Server::start());
    let absent = ["error: there is no finished build in s3://lab/a"];
    run(&scene, &server, &["verify", "s3://lab/a"]).refused_naming(2, &absent);
    let flash = ["flash", "--images", "s3://lab/a", "etcd1", "card"];
    run(&scene, &server, &flash).refused_naming(2, &absent);
}

#[test]
fn commands_that_write_a_directory_refuse_a_store() {
    let (scene, server) = (scene(), Server::start());
    let merge = ["merge", "a", "--out", "s3://lab/a"];
    let told = run(&scene, &server, &merge);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(!scene.at("s3:").exists());
}

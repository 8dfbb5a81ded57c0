//! Checks that a request to S3 whose connection ends in the middle of a body is repeated, and that nothing is half published if all of them end like this.

use super::server::{Fault, Request, Server};
use super::{RECIPIENT, SENT, build, run};
use crate::support::scene::Scene;

const INDEX: &str = "run/1/index.json";

fn scene() -> Scene {
    Scene::with("raspios-trixie").at_time(1_790_000_000)
}

/// The options of a build whose image is sent in parts, or whose image is so small that it is sent with one request.
fn sent(is_whole: bool) -> Vec<&'static str> {
    let format = if is_whole { "img" } else { "img.zst" };
    [&SENT[..], &[RECIPIENT, "--format", format]].concat()
}

#[test]
fn a_body_that_ends_in_the_middle_is_sent_or_read_again() {
    let (scene, server) = (scene(), Server::start());
    // Of everything that is sent and read, the first body is cut.
    let cut_once = |it: &Request, before: usize| {
        let is_body = ["PUT", "GET"].contains(&&*it.method);
        (is_body && before == 0).then_some(Fault::Cut(300))
    };
    server.fail(cut_once);
    build(&scene, &server, &sent(true)).done();
    assert!(server.count("PUT", "partNumber=9&") > 1);
    server.fail(cut_once);
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
    assert!(server.count("GET", "/index.json") > 1);
}

#[test]
fn an_upload_whose_every_body_ends_in_the_middle_publishes_nothing() {
    let (scene, server) = (scene(), Server::start());
    let cut = |part: &'static str| {
        server.fail(move |it, _| it.is("PUT", part).then_some(Fault::Cut(100)));
    };
    for (part, is_whole) in [("/blobs/", false), ("partNumber=9&", true)] {
        cut(part);
        let told = build(&scene, &server, &sent(is_whole));
        told.refused_naming(5, &["writing s3://lab/run/1/blobs/sha256/"]);
        assert!(!server.names().contains(&INDEX.to_owned()));
        assert!(server.count("PUT", part) > 1, "it was tried once");
    }
    cut("/index.json");
    let told = build(&scene, &server, &sent(true));
    told.refused_naming(5, &[&format!("writing s3://lab/{INDEX}: ")]);
    assert!(!server.names().contains(&INDEX.to_owned()));

    server.fail(|_, _| None);
    build(&scene, &server, &sent(true)).done();
    assert_eq!(server.count("PUT", "partNumber="), 0, "it was sent again");
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn a_request_that_is_not_repeated_has_a_connection_of_its_own() {
    let (scene, server) = (scene(), Server::start());
    // A server may have closed a connection after its last answer, which the client learns from the loss of its next request.
    let refuse = Fault::Answer("400 Bad Request", "ConnectionReused");
    server.fail(move |it, _| (it.method == "POST" && !it.is_first_of_connection).then_some(refuse));
    build(&scene, &server, &sent(true)).done();
    assert!(server.count("POST", "uploadId=") > 0);
}

#[test]
fn an_upload_whose_end_is_not_answered_is_finished() {
    let (scene, server) = (scene(), Server::start());
    server.fail(|it, before| (it.is("POST", "uploadId=") && before == 0).then_some(Fault::Lose));
    build(&scene, &server, &sent(true)).done();
    assert_eq!(server.count("PUT", "partNumber=9&"), 1, "it was sent again");
    server.fail(|_, _| None);
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

#[test]
fn a_download_whose_every_body_ends_in_the_middle_is_no_download() {
    let (scene, server) = (scene(), Server::start());
    build(&scene, &server, &sent(false)).done();
    for part in ["/blobs/", "/index.json"] {
        server.fail(move |it, _| it.is("GET", part).then_some(Fault::Cut(60)));
        let told = run(&scene, &server, &["verify", "s3://lab/run/1"]);
        told.refused_naming(5, &["reading s3://lab/run/1/"]);
        assert!(server.count("GET", part) > 1, "it was tried once");
    }
    server.fail(|_, _| None);
    run(&scene, &server, &["verify", "s3://lab/run/1"]).done();
}

//! Checks that sending a build to a registry survives failing requests, interruptions and kills.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::RECIPIENT;
use super::oci::{build, scene};
use super::registry::{Fault, Registry};

#[test]
fn a_moment_of_trouble_is_survived() {
    let (scene, registry) = (scene(), Registry::start());
    let mut seen = Vec::new();
    registry.fail(move |it| {
        let kind = match &*it.method {
            "PATCH" if !it.headers.contains("content-range: 0-") => "a later part",
            "PATCH" => "a first part",
            "PUT" if it.target.contains("/blobs/") => "the end",
            "PUT" => "the manifest",
            "GET" if it.target.contains("/blobs/sha256:") => "reading",
            "DELETE" => {
                return Some(Fault::Answer(
                    "405 Method Not Allowed",
                    String::new(),
                    String::new(),
                ));
            }
            _ => return None,
        };
        let is_new = !seen.contains(&kind);
        seen.push(kind);
        is_new.then(|| match kind {
            "a first part" => {
                Fault::Answer("503 Service Unavailable", String::new(), String::new())
            }
            "a later part" => Fault::Break,
            "reading" => Fault::Cut(600),
            _ => Fault::Cut(0), // done, but the answer is lost
        })
    });
    build(&scene, &registry, "img").done();
    registry.fail(|_| None);
    scene.bare(&["verify", &registry.place("lab/kv")]).done();
}

#[test]
fn an_upload_goes_on_where_it_stopped() {
    let (scene, registry) = (scene(), Registry::start());
    let is_third = |range: &str| range.contains("content-range: 16777216-");
    registry.fail(move |it| {
        // A registry that says that it is busy would be asked again for a minute.
        let answer = Fault::Answer("500 Internal Server Error", String::new(), String::new());
        is_third(&it.headers).then_some(answer)
    });
    let told = build(&scene, &registry, "img");
    told.refused_naming(
        5,
        &[
            "sending etcd1.img: writing oci://127.0.0.1:",
            ": answer 500 ",
        ],
    );
    let verify = || scene.bare(&["verify", &registry.place("lab/kv")]);
    verify().refused_naming(2, &["there is no finished build in "]);
    registry.fail(|_| None);
    build(&scene, &registry, "img").done();
    let sent = |range: &'static str| registry.count(|it| it.headers.contains(range));
    assert_eq!(
        sent("content-range: 8388608-"),
        0,
        "the second part was sent again"
    );
    assert_eq!(sent("content-range: 16777216-"), 1);
    verify().done();
}

/// The registry of GitHub accepts at most 4 MiB at once, and answers as if the range were wrong; a proxy may say why.
#[test]
fn a_registry_that_refuses_large_parts_gets_smaller_ones() {
    for status in [
        "416 Requested Range Not Satisfiable",
        "413 Content Too Large",
    ] {
        let (scene, registry) = (scene(), Registry::start());
        let is_large = "content-length: 8388608\r\n";
        registry.fail(move |it| {
            let answer = Fault::Answer(status, String::new(), String::new());
            it.headers.contains(is_large).then_some(answer)
        });
        build(&scene, &registry, "img").done();
        assert_eq!(registry.count(|it| it.headers.contains(is_large)), 1);
        assert!(registry.count(|it| it.headers.contains("content-range: 4194304-")) > 0);
        scene.bare(&["verify", &registry.place("lab/kv")]).done();
    }
}

#[test]
fn a_registry_that_is_busy_is_left_alone_for_a_while() {
    for (status, asks, least) in [
        ("429 Too Many Requests", "Retry-After: 2\r\n", 1900),
        ("503 Service Unavailable", "", 900),
    ] {
        let (scene, registry) = (scene(), Registry::start());
        let (waited, pauses) = mpsc::channel();
        let mut refused: Option<Instant> = None;
        registry.fail(move |it| {
            if it.method != "PATCH" {
                return None;
            }
            if let Some(refused) = refused {
                let _ = waited.send(refused.elapsed());
                return None;
            }
            refused = Some(Instant::now());
            Some(Fault::Answer(status, asks.to_owned(), String::new()))
        });
        build(&scene, &registry, "img.zst").done();
        let pause = pauses.recv().unwrap();
        assert!(pause >= Duration::from_millis(least), "{status}: {pause:?}");
    }
}

#[test]
fn an_upload_is_repeated_after_a_kill() {
    let (scene, registry) = (scene(), Registry::start());
    let (out, encrypted) = (registry.place("lab/kv"), ["--encrypt-to", RECIPIENT]);
    let options = [&["--nodes", "1", "--out", &out], &encrypted[..]].concat();
    for part in [
        "content-range: 0-",
        "content-range: 8388608-",
        "content-range: 33554432-",
    ] {
        let (reached, is_reached) = mpsc::channel();
        let (killed, is_killed) = mpsc::channel::<()>();
        registry.fail(move |it| {
            if it.headers.contains(part) {
                let _ = reached.send(());
                // It must not go on before it is killed.
                let _ = is_killed.recv_timeout(Duration::from_mins(5));
            }
            None
        });
        let mut child = scene.start(&options);
        is_reached.recv_timeout(Duration::from_mins(5)).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(killed);
    }
    registry.fail(|_| None);
    scene
        .bare(&["verify", &out])
        .refused_naming(2, &["there is no finished build in "]);
    scene.build(&options);
    scene.bare(&["verify", &out]).done();
    let kept = scene.names("home/.cache/etcd-image/outgoing");
    assert_eq!(kept.len(), 1, "only the lock is kept: {kept:?}");
}

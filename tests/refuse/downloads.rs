//! Checks that an unexpected download yields the right exit code and leaves nothing that the next build would trust.

use std::fs;

use crate::support::fixture::{hex, packed, release};
use crate::support::http::{Reply, Server};
use crate::support::refusal::leaves_nothing;
use crate::support::scene::{Outcome, Scene};
use crate::support::tls::Secure;
use sha2::{Digest as _, Sha256};

/// Runs a build with a recipe that promises one content and a server that sends another.
fn build(promised: &[u8], reply: impl Fn() -> Reply + Send + Sync + 'static) -> Outcome {
    let server = Server::start(move |_, _| reply());
    let scene = Scene::with("raspios-trixie");
    recipe(&scene, &server.url("/base.img.xz"), promised);
    let etcd = release("arm64");
    let options = [
        "--nodes",
        "1",
        "--base",
        "mine",
        "--recipes",
        "recipes",
        "--etcd",
    ];
    let words = [&["build"], &options[..], &[etcd.to_str().unwrap()]].concat();
    let outcome = scene.bare(&words);
    leaves_nothing(&scene);
    assert!(!scene.at("etcd-cluster").exists());
    let cached = scene.names("home/.cache").into_iter();
    let endings = cached.map(|name| name.rsplit_once('.').unwrap().1.to_owned());
    let kept: Vec<_> = endings.filter(|ending| ending != "lock").collect();
    // The next build resumes an incomplete download, but never one with wrong bytes.
    let part: &[&str] = if outcome.code == Some(5) {
        &["part"]
    } else {
        &[]
    };
    assert_eq!(kept, part);
    outcome
}

/// Writes the recipe `mine`, which promises one content.
fn recipe(scene: &Scene, url: &str, promised: &[u8]) {
    let sha256 = hex(&Sha256::digest(promised));
    scene.file(
        "recipes/mine.toml",
        &format!(
            "title = \"t\"\nrelease = \"1\"\nprovisioned-by = \"p\"\nsystemd = 257\noverlays = [\"appliance\"]\nfirmware = []\n\
             boards = [\"pi4\"]\n[recognize]\nid = \"debian\"\nversion = \"13\"\n[download]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n"
        ),
    );
}

#[test]
fn bytes_that_were_not_promised() {
    let whole = fs::read(packed("raspios-trixie", "xz-multi")).unwrap();
    let padded = [&whole[..], &[0; 512]].concat();
    let garbage = [&whole[..], b"garbage"].concat();
    let cut = whole[..whole.len() / 2].to_vec();
    for sent in [padded, garbage, cut] {
        build(&whole, move || Reply::whole(&sent)).refused_naming(3, &["base.img.xz", "SHA-256"]);
    }
}

#[test]
fn promised_bytes_that_are_no_image() {
    let whole = fs::read(packed("raspios-trixie", "xz-multi")).unwrap();
    let garbage = [&whole[..], b"garbage"].concat();
    for sent in [garbage, whole[..whole.len() / 2].to_vec()] {
        let promised = sent.clone();
        build(&promised, move || Reply::whole(&sent)).refused_naming(4, &["mine"]);
    }
}

#[test]
fn a_server_without_the_file() {
    build(b"x", || Reply::status("404 Not Found")).refused_naming(5, &["base.img.xz", "404"]);
}

/// Fetches the base `mine` from a server with TLS that redirects to another address.
fn redirected(whole: &[u8], secure: &Secure) -> Outcome {
    let scene = Scene::with("raspios-trixie");
    recipe(&scene, &secure.url("/base.img.xz"), whole);
    scene.file("ca.pem", &secure.ca);
    let etcd = release("arm64");
    let etcd = etcd.to_str().unwrap();
    let words = [
        "fetch",
        "--base",
        "mine",
        "--recipes",
        "recipes",
        "--etcd",
        etcd,
    ];
    scene.bare_with("SSL_CERT_FILE", "ca.pem", &words)
}

#[test]
fn a_redirect_from_https_to_http() {
    let whole = fs::read(packed("raspios-trixie", "xz-multi")).unwrap();
    let sent = whole.clone();
    let plain = Server::start(move |_, _| Reply::whole(&sent));
    let target = plain.url("/base.img.xz");
    let secure = Secure::before(&Server::start(move |_, _| {
        Reply::status("302 Found").header("Location", &target)
    }));
    let outcome = redirected(&whole, &secure);
    let expected = format!(
        "downloading base.img.xz\nerror: fetching the base mine: downloading {}: redirected from https to http\n\
         hint: check the address in the recipe\n",
        secure.url("/base.img.xz")
    );
    assert_eq!(outcome.stderr, expected);
    assert_eq!(outcome.code, Some(5));
    assert_eq!(plain.requests().len(), 0);
}

#[test]
fn a_redirect_within_https() {
    let whole = fs::read(packed("raspios-trixie", "xz-multi")).unwrap();
    let sent = whole.clone();
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/base.img.xz" => Reply::status("302 Found").header("Location", "/elsewhere.img.xz"),
        _ => Reply::whole(&sent),
    });
    redirected(&whole, &Secure::before(&server)).done();
}

//! Checks which rights are asked for where a registry gives tokens.

use super::oci::{build, scene};
use super::registry::{Fault, Registry};

/// As Quay does: it names the right that the request needs, and says nothing to one whose token does not suffice.
#[test]
fn a_build_asks_for_the_right_to_push_from_the_beginning() {
    let (scene, registry) = (scene(), Registry::start());
    let host = registry.host();
    registry.fail(move |it| {
        if it.target.starts_with("/token") {
            let token = if it.target.contains("push") { "rw" } else { "r" };
            let token = format!("{{\"token\": \"{token}\"}}");
            return Some(Fault::Answer("200 OK", String::new(), token));
        }
        let has = |token: &str| {
            let header = format!("authorization: Bearer {token}\r\n");
            it.headers.contains(&header)
        };
        let is_reading = ["GET", "HEAD"].contains(&&*it.method);
        if has("rw") || (has("r") && is_reading) {
            return None;
        }
        let ask = format!(
            "WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"r\",scope=\"repository:lab/kv:pull\"\r\n"
        );
        let ask = if has("r") { String::new() } else { ask };
        Some(Fault::Answer("401 Unauthorized", ask, String::new()))
    });
    let asked = |rights: &str| {
        let target = format!("/token?scope=repository%3Alab%2Fkv%3A{rights}&service=r");
        registry.count(|it| it.target == target)
    };
    build(&scene, &registry, "img.zst").done();
    assert!(asked("pull%2Cpush") > 0);
    assert_eq!(asked("pull"), 0);
    // Who only reads need not be allowed more.
    let before = asked("pull%2Cpush");
    scene.bare(&["verify", &registry.place("lab/kv")]).done();
    assert!(asked("pull") > 0);
    assert_eq!(asked("pull%2Cpush"), before);
}

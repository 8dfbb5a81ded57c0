//! `etcd-image verify` finds what is wrong with an image, and what will be soon.

use crate::support::scene::Scene;

#[test]
fn certificates_that_end_soon_are_told() {
    let scene = Scene::with("raspios-trixie");
    scene.file("short.toml", "[pki]\nleaf-days = 30\n");
    let built = scene.build(&["--nodes", "1", "--config", "short.toml"]);
    let note = "note: these certificates end soon: admin on 20";
    assert!(built.stderr.contains(note), "{}", built.stderr);
    assert!(!built.stderr.contains(" ca on "), "{}", built.stderr);
    for name in ["etcd1 server on 20", "etcd1 peer on 20"] {
        assert!(built.stderr.contains(name), "{}", built.stderr);
    }
    let verified = scene.bare(&["verify", "images"]).done().stdout;
    for name in ["server", "peer"] {
        let note = format!("\n  note: certificate {name} ends on 20");
        assert!(verified.contains(&note), "{verified}");
    }
    scene.build(&["--nodes", "1", "--state", "other", "--out", "other"]);
    let verified = scene.bare(&["verify", "other"]).done().stdout;
    assert_eq!(verified.lines().count(), 1, "{verified}");
}

//! Builds under a limit of file sizes: a write is shortened, and the next one fails.

use super::check::images;
use crate::support::scene::Scene;

/// The limits in bytes, from none of a manifest to most of an image.
const LIMITS: [u64; 9] = [
    0,
    512,
    2048,
    8192,
    16384,
    65536,
    1 << 20,
    40 << 20,
    80 << 20,
];

#[test]
fn shortened_writes_change_nothing() {
    let scene = Scene::built("raspios-trixie+small", "", &["--nodes", "2"]);
    let before = (
        images(&scene),
        scene.snapshot("images"),
        scene.snapshot("etcd-cluster"),
    );
    scene.file("hosts.toml", "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n");
    let options = ["--nodes", "2", "--config", "hosts.toml"];
    for limit in LIMITS {
        let outcome = scene.run_with_file_limit("build", &options, limit);
        outcome.refused_naming(5, &[]);
        let after = (
            images(&scene),
            scene.snapshot("images"),
            scene.snapshot("etcd-cluster"),
        );
        assert_eq!(after, before, "a limit of {limit} bytes");
    }
    scene.build(&options);
    scene.bare(&["verify", "images"]).done();
}

//! Checks that shards which several workers sent to a store join to what one machine would have written.

use std::thread;

use super::server::Server;
use super::{IDENTITY, RECIPIENT, build, run};
use crate::support::fixture::digest;
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// Creates a scene with a fleet whose first cluster has a node in each of two shards, and its keys.
fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_790_000_000);
    scene.file("lab.toml", "[cluster]\ndomain = \"lab\"\n");
    scene.file(
        "fleet.toml",
        "template = \"lab.toml\"\ntable = \"clusters.csv\"\n",
    );
    let table = "name,addresses\nhome,192.168.0.11 192.168.0.12\nwest,192.168.0.21\n";
    scene.file("clusters.csv", table);
    scene.file("key", &format!("{IDENTITY}\n"));
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml"])
        .done();
    scene
}

/// Sends a shard to a prefix of its own.
fn send(scene: &Scene, server: &Server, shard: &str, out: &str) {
    let options = [
        "--fleet",
        "fleet.toml",
        "--shard",
        shard,
        "--format",
        "img.zst",
    ];
    let sent = ["--out", out, "--encrypt-to", RECIPIENT];
    build(scene, server, &[&options[..], &sent].concat()).done();
}

#[test]
fn shards_in_a_store_join_to_one_full_build() {
    let (scene, server) = (scene(), Server::start());
    send(&scene, &server, "1/2", "s3://lab/1");
    send(&scene, &server, "2/2", "s3://lab/2");
    let merge = |shards: &[&str]| {
        let line = ["merge", "--out", "merged", "--identity", "key"];
        run(&scene, &server, &[&line, shards].concat())
    };
    merge(&["s3://lab/1"]).refused_naming(2, &["shard 2 of 2 is missing"]);
    merge(&["s3://lab/1", "s3://lab/2", "s3://lab/1"]).refused_naming(2, &["shard 1/2 is in "]);
    merge(&["s3://lab/1", "s3://lab/3"])
        .refused_naming(2, &["there is no finished build in s3://lab/3"]);
    let plain = run(
        &scene,
        &server,
        &["merge", "--out", "merged", "s3://lab/1", "s3://lab/2"],
    );
    plain.refused_naming(2, &["the images in s3://lab/1 are encrypted"]);
    assert!(!scene.at("merged").exists());

    scene.build(&["--fleet", "fleet.toml", "--format", "img.zst"]);
    merge(&["s3://lab/1", "s3://lab/2"]).done();
    for file in [
        "home/home-1.img.zst",
        "home/home-2.img.zst",
        "west/west-1.img.zst",
    ] {
        let of = |out: &str| digest(&scene.at(&format!("{out}/{file}")));
        assert_eq!(of("merged"), of("images"), "{file}");
    }
    assert!(
        !scene.at("merged/home/client").exists(),
        "a store has the administrator's key"
    );
    scene.bare(&["verify", "merged"]).done();
    assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);

    // One shard may also be in a directory, which has the operator's files.
    let options = [
        "--fleet",
        "fleet.toml",
        "--shard",
        "2/2",
        "--format",
        "img.zst",
        "--out",
        "two",
    ];
    scene.build(&options);
    merge(&["s3://lab/1", "two"]).done();
    assert_eq!(
        scene.snapshot("merged").len(),
        scene.snapshot("images").len()
    );
}

#[test]
fn two_workers_may_send_the_same_shard_at_once() {
    let server = Server::start();
    let scenes = [scene(), scene()];
    // Both workers have the same keys, and do not know of each other.
    for name in ["etcd-cluster", "fleet.toml"] {
        let (from, to) = (scenes[0].at(name), scenes[1].at(""));
        tool("rm", &["-rf".as_ref(), scenes[1].at(name).as_os_str()]).done();
        tool("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()]).done();
    }
    thread::scope(|scope| {
        for scene in &scenes {
            let server = &server;
            scope.spawn(move || send(scene, server, "1/2", "s3://lab/1"));
        }
    });
    run(&scenes[0], &server, &["verify", "s3://lab/1"]).done();
    send(&scenes[1], &server, "2/2", "s3://lab/2");
    let merge = ["merge", "--identity", "key", "s3://lab/1", "s3://lab/2"];
    run(&scenes[0], &server, &merge).done();
    scenes[0].bare(&["verify", "images"]).done();
}

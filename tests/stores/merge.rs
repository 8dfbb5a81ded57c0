//! Checks that shards which several workers sent to a store join to what one machine would have written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::registry::Registry;
use super::server::{Fault, Server};
use super::{IDENTITY, RECIPIENT, build, run};
use crate::support::fixture::digest;
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// Creates a scene with a fleet whose first cluster has a node in each of two shards, and its keys.
pub(super) fn scene() -> Scene {
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

/// Creates two scenes with the same keys, as of two workers that do not know of each other.
fn two_machines() -> [Scene; 2] {
    let scenes = [scene(), scene()];
    for name in ["etcd-cluster", "fleet.toml"] {
        let (from, to) = (scenes[0].at(name), scenes[1].at(""));
        tool("rm", &["-rf".as_ref(), scenes[1].at(name).as_os_str()]).done();
        tool("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()]).done();
    }
    scenes
}

/// The options of a build of the whole fleet.
const WHOLE: [&str; 4] = ["--fleet", "fleet.toml", "--format", "img.zst"];

/// Returns the options of a build of a shard that goes to a store.
pub(super) fn sent<'a>(shard: &'a str, out: &'a str) -> Vec<&'a str> {
    let to = ["--shard", shard, "--out", out, "--encrypt-to", RECIPIENT];
    [&WHOLE[..], &to].concat()
}

/// Sends a shard to a prefix of its own.
fn send(scene: &Scene, server: &Server, shard: &str, out: &str) {
    build(scene, server, &sent(shard, out)).done();
}

#[test]
fn shards_in_a_store_join_to_one_full_build() {
    let (scene, server) = (scene(), Server::start());
    send(&scene, &server, "1/2", "s3://lab/1");
    let other = build(&scene, &server, &sent("2/2", "s3://lab/1"));
    let why =
        "s3://lab/1 contains images of shard 1/2 of a fleet, and this is shard 2/2 of a fleet";
    other.refused_naming(2, &[why]);
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
        let joined = fs::metadata(scene.at(&format!("merged/{file}"))).unwrap();
        assert_eq!(joined.permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert!(
        !scene.at("merged/home/client").exists(),
        "a store has the administrator's key"
    );
    scene.bare(&["verify", "merged"]).done();
    assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);

    // One shard may also be in a directory, which has the operator's files.
    scene.build(&[WHOLE, ["--shard", "2/2", "--out", "two"]].concat());
    merge(&["s3://lab/1", "two"]).done();
    let merged = scene.snapshot("merged").into_iter();
    let merged = merged.map(|(name, digest)| (name.replace("merged/", "images/"), digest));
    assert_eq!(merged.collect::<Vec<_>>(), scene.snapshot("images"));
}

#[test]
fn a_fleet_of_which_only_some_clusters_were_replaced_is_refused() {
    let (scene, server) = (scene(), Server::start());
    let to = ["--out", "s3://lab/all", "--encrypt-to", RECIPIENT];
    let send = || build(&scene, &server, &[&WHOLE[..], &to].concat());
    let verify = || run(&scene, &server, &["verify", "s3://lab/all"]);
    send().done();
    verify().done();
    let hosts = "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n";
    scene.file("lab.toml", &format!("[cluster]\ndomain = \"lab\"\n{hosts}"));
    server.fail(|it, _| {
        let denied = Fault::Answer("403 Forbidden", "AccessDenied");
        it.is("PUT", "/all/west/index.json").then_some(denied)
    });
    send().refused_naming(5, &["writing s3://lab/all/west/index.json: "]);
    server.fail(|_, _| None);
    let why = "reading s3://lab/all/home/index.json: the index of the fleet names another build of this cluster";
    verify().refused_naming(3, &[why]);
    send().done();
    verify().done();

    scene.file("clusters.csv", "name,addresses\nnorth,192.168.0.31\n");
    let why = "s3://lab/all contains images of a fleet of other clusters, and this is a fleet";
    send().refused_naming(2, &[why]);
    verify().done();
}

#[test]
fn two_workers_may_send_the_same_shard_at_once() {
    let (scenes, server) = (two_machines(), Server::start());
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

#[test]
fn a_store_that_fails_during_a_merge_leaves_nothing_of_it() {
    let (scene, server) = (scene(), Server::start());
    send(&scene, &server, "1/2", "s3://lab/1");
    send(&scene, &server, "2/2", "s3://lab/2");
    let merge = || {
        let line = ["merge", "--out", "merged", "--identity", "key"];
        run(
            &scene,
            &server,
            &[&line[..], &["s3://lab/1", "s3://lab/2"]].concat(),
        )
    };
    let refused = |code: i32, why: &str| {
        let told = merge();
        told.refused_naming(code, &["getting ", " from s3://lab/2/home: "]);
        assert!(told.stderr.contains(why), "{}", told.stderr);
        assert!(!scene.at("merged").exists());
        assert_eq!(scene.names("home/.cache/etcd-image/incoming"), [""; 0]);
    };
    for (fault, why) in [
        (Fault::Drop, "hint: check the network and AWS_ENDPOINT_URL"),
        (
            Fault::Answer("400 Bad Request", "ExpiredToken"),
            "the credentials have expired",
        ),
        (
            Fault::Answer("403 Forbidden", "AccessDenied"),
            "the server denies it",
        ),
    ] {
        server.fail(move |it, _| it.is("GET", "/lab/2/home/blobs/").then_some(fault));
        refused(5, why);
    }
    server.fail(|_, _| None);
    let spoil = || {
        server.change(|objects| {
            let mut all = objects.iter_mut();
            let (_, bytes) = all
                .find(|(name, _)| name.contains("/2/home/blobs/"))
                .unwrap();
            bytes[40] ^= 1;
        });
    };
    spoil();
    refused(3, " has the SHA-256 ");
    spoil();
    merge().done();
    scene.bare(&["verify", "merged"]).done();
}

#[test]
fn a_worker_killed_while_it_sends_is_replaced_on_another_machine() {
    let ([killed, other], registry) = (two_machines(), Registry::start());
    let [one, two] = ["1", "2"].map(|shard| registry.place(&format!("lab/kv:{shard}")));
    for part in ["/blobs/uploads/", "/manifests/"] {
        let (reached, is_reached) = mpsc::channel();
        let (ended, is_killed) = mpsc::channel::<()>();
        registry.fail(move |it| {
            if it.is("PUT", part) {
                let _ = reached.send(());
                // It must not go on before it is killed.
                let _ = is_killed.recv_timeout(Duration::from_mins(5));
            }
            None
        });
        let mut worker = killed.start(&sent("1/2", &one));
        is_reached.recv_timeout(Duration::from_mins(5)).unwrap();
        worker.kill().unwrap();
        worker.wait().unwrap();
        drop(ended);
        let absent = format!("there is no finished build in {one}");
        killed.bare(&["verify", &one]).refused_naming(2, &[&absent]);
    }
    registry.fail(|_| None);
    other.build(&sent("1/2", &one));
    other.build(&sent("2/2", &two));
    let merge = ["merge", "--identity", "key", "--out", "merged", &one, &two];
    other.bare(&merge).done();
    other.build(&WHOLE);
    for name in ["home/home-1", "home/home-2", "west/west-1"] {
        let of = |out: &str| digest(&other.at(&format!("{out}/{name}.img.zst")));
        assert_eq!(of("merged"), of("images"), "{name}");
    }
}

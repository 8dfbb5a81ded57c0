//! Checks the stores with another author's S3 server, which checks signatures and rights, and reads what it has with other tools.

use std::fs::{self, File};

use serde_json::Value;

use super::moto::Moto;
use super::{IDENTITY, RECIPIENT, cache, merge};
use crate::support::fixture::{digest, packed};
use crate::support::http::{Reply, Server as Mirror};
use crate::support::scene::{Outcome, Scene};
use crate::support::tool::tool;

const RUN: &str = "s3://lab/run/1";

fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_790_000_000);
    scene.file("key", &format!("{IDENTITY}\n"));
    scene
}

/// Returns the command line of a build on the scene's inputs.
fn build<'a>(scene: &'a Scene, options: &[&'a str]) -> Vec<&'a str> {
    let inputs = scene.inputs().iter().map(String::as_str);
    let line = ["build"].into_iter().chain(inputs);
    line.chain(options.iter().copied()).collect()
}

/// Returns the command line of a build of one node that goes to this address.
fn sent<'a>(scene: &'a Scene, to: &'a str) -> Vec<&'a str> {
    let options = ["--nodes", "1", "--encrypt-to", RECIPIENT, "--out", to];
    build(scene, &options)
}

#[test]
fn a_real_server_takes_a_build_in_parts_and_other_tools_read_it() {
    let Some(moto) = Moto::start("a real server takes a build") else {
        return;
    };
    let scene = scene();
    moto.run(&scene, &sent(&scene, RUN)).done();
    let verified = moto.run(&scene, &["verify", RUN]).done().stdout;
    assert_eq!(verified, format!("{RUN}: ok, 6 sound files\n"));

    // The commands of the README.
    let index = moto.aws(&["s3", "cp", &format!("{RUN}/index.json"), "-"]);
    let index: Value = serde_json::from_str(&index).unwrap();
    for file in index["files"].as_array().unwrap() {
        let of = |which: &str| file[which]["sha256"].as_str().unwrap().to_owned();
        let blob = format!("{RUN}/blobs/sha256/{}", of("stored"));
        let [copy, plain] = ["copy", "plain"].map(|name| scene.at(name));
        let (to, out) = (copy.to_str().unwrap(), plain.to_str().unwrap());
        moto.aws(&["s3", "cp", "--only-show-errors", &blob, to]);
        assert_eq!(digest(&copy), of("stored"));
        let key = scene.at("key");
        tool("age", &["-d", "-i", key.to_str().unwrap(), "-o", out, to]).done();
        assert_eq!(digest(&plain), of("plain"), "{}", file["name"]);
    }

    File::create(scene.at("card"))
        .unwrap()
        .set_len(9 << 30)
        .unwrap();
    let flash = ["flash", "--yes-really", RUN, "card", "--identity", "key"];
    moto.run(&scene, &flash).done();
    let inspected = scene.bare(&["inspect", "card"]).done();
    assert!(inspected.stdout.contains("etcd1"), "{}", inspected.stdout);
}

#[test]
fn shards_on_a_real_server_join_to_one_full_build() {
    let Some(moto) = Moto::start("shards on a real server") else {
        return;
    };
    let scene = merge::scene();
    for (shard, out) in [("1/2", "s3://lab/1"), ("2/2", "s3://lab/2")] {
        moto.run(&scene, &build(&scene, &merge::sent(shard, out)))
            .done();
    }
    let line = [
        "merge",
        "--out",
        "merged",
        "--identity",
        "key",
        "s3://lab/1",
        "s3://lab/2",
    ];
    moto.run(&scene, &line).done();
    scene.bare(&["verify", "merged"]).done();
    scene.build(&["--fleet", "fleet.toml", "--format", "img.zst"]);
    for name in ["home/home-1", "home/home-2", "west/west-1"] {
        let of = |out: &str| digest(&scene.at(&format!("{out}/{name}.img.zst")));
        assert_eq!(of("merged"), of("images"), "{name}");
    }
}

#[test]
fn machines_share_a_cache_on_a_real_server() {
    let Some(moto) = Moto::start("a cache on a real server") else {
        return;
    };
    let base = packed("raspios-trixie", "xz-multi");
    let (bytes, sha256) = (fs::read(&base).unwrap(), digest(&base));
    let mirror = Mirror::start(move |_, _| Reply::whole(&bytes));
    for _ in 0..2 {
        let (scene, line) = cache::machine(&mirror, &sha256);
        moto.run(&scene, &line.split(' ').collect::<Vec<_>>())
            .done();
    }
    assert_eq!(mirror.requests().len(), 1);
    let listed = moto.aws(&["s3", "ls", "--recursive", "s3://lab"]);
    let blob = format!(" cache/blobs/sha256/{sha256}\n");
    assert!(listed.ends_with(&blob), "{listed}");
}

#[test]
fn the_refusals_of_a_real_server_are_explained_before_anything_is_built() {
    let Some(moto) = Moto::start("refusals of a real server") else {
        return;
    };
    let scene = scene();
    let refused = |told: Outcome, error: &str| {
        told.refused_naming(5, &[error]);
        assert_eq!(scene.names("etcd-cluster"), [""; 0], "keys were made");
    };
    let line = sent(&scene, RUN);
    refused(
        moto.run_with(&scene, "hunter2", &line),
        "reading s3://lab/run/1/index.json: the server does not accept the credentials",
    );
    refused(
        moto.run(&scene, &sent(&scene, "s3://none/run/1")),
        "reading s3://none/run/1/index.json: there is no such bucket",
    );
    moto.allow_only("[\"s3:GetObject\", \"s3:ListBucket\"]");
    refused(
        moto.run(&scene, &line),
        "writing s3://lab/run/1: the server denies it",
    );
}

#[test]
fn a_container_builds_into_a_real_server_with_the_token_of_its_role() {
    let Some(moto) = Moto::start("a container with a role") else {
        return;
    };
    let (scene, role) = (scene(), moto.role());
    let service = Mirror::start(move |_, _| Reply::whole(role.as_bytes()));
    let address = service.url("/v1/credentials");
    moto.run_in_container(&scene, &address, &sent(&scene, RUN))
        .done();
    moto.run(&scene, &["verify", RUN]).done();
    assert_eq!(service.requests()[0].path, "/v1/credentials");
}

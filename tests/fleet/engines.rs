//! Checks the examples for Kubernetes and GitHub Actions: their schemas, and what their command lines do.
//!
//! No cluster of Kubernetes runs here: a pod's volumes are directories of the scene, and that of the `ConfigMap` is read-only as on a node.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::shards::content;
use crate::support::checker;
use crate::support::fixture::{image, release};
use crate::support::scene::{PROGRAM, SSH_KEY, Scene};
use crate::support::tool::tool_in;

const FILES: [&str; 3] = ["fleet.toml", "cluster.toml", "clusters.csv"];

fn example(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/builder/examples");
    Path::new(folder).join(name)
}

/// Creates a scene with a fleet, and the program where the examples' command lines find it.
fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie");
    let template = format!(
        "[cluster]\nbase = \"{}\"\n[etcd]\nversion = \"{}\"\n[ssh]\nauthorized-keys = [\"{SSH_KEY}\"]\n",
        image("raspios-trixie").display(),
        release("arm64").display()
    );
    scene
        .file("cluster.toml", &template)
        .file(
            "fleet.toml",
            "template = \"cluster.toml\"\ntable = \"clusters.csv\"\n",
        )
        .file("clusters.csv", super::TABLE);
    fs::create_dir(scene.at("bin")).unwrap();
    symlink(PROGRAM, scene.at("bin/etcd-image")).unwrap();
    scene
}

/// Runs a shell script in the scene as an engine does: with the program in `PATH`, and without keys in the home directory.
#[track_caller]
fn run(scene: &Scene, under: &[&str], script: &str) {
    let path = format!("PATH={}:/usr/sbin:/usr/bin:/bin", scene.at("bin").display());
    let home = format!("HOME={}", scene.at("nobody").display());
    let temporary = format!("TMPDIR={}", scene.at("tmp").display());
    let shell = ["env", "-i", &path, &home, &temporary, "sh", "-euc", script];
    let words = [under, &shell[..]].concat();
    tool_in(&scene.at(""), words[0], &words[1..]).done();
}

/// Joins the shards and compares every file with those that one machine writes.
fn must_join(scene: &Scene, merge: &str) {
    run(scene, &[], merge);
    scene.build(&["--fleet", "fleet.toml"]);
    assert_eq!(content(scene, "merged"), content(scene, "images"));
}

#[test]
fn the_example_for_kubernetes_builds_the_fleet_of_a_config_map() {
    let documents = checker::documents(&example("kubernetes-indexed-job.yaml"));
    checker::kubernetes(&documents).unwrap();
    let job = &documents[1]["spec"];
    let pod = &job["template"]["spec"];
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = |kind: &str| {
        let found = volumes.iter().find(|volume| !volume[kind].is_null());
        found.unwrap()["name"].as_str().unwrap()
    };

    let scene = scene();
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml"])
        .done();
    let (described, sealed) = (volume("configMap"), volume("secret"));
    for index in 0..job["completions"].as_u64().unwrap() {
        let [copies, builds] =
            ["initContainers", "containers"].map(|container| command(&pod[container][0]));
        // What only the pod has ends with it.
        let script = format!(
            "export JOB_COMPLETION_INDEX={index}\nmkdir -p {}\n{}\
             tar -C etcd-cluster -czf pod/{sealed}/state.tgz .\n{copies}{builds}rm -r {}\n",
            places(volumes),
            config_map(described),
            empty(volumes)
        );
        run(&scene, &["unshare", "--map-root-user", "--mount"], &script);
    }
    let merge = format!(
        "etcd-image merge pod/{}/shards/* --out merged",
        volume("persistentVolumeClaim")
    );
    must_join(&scene, &merge);
}

/// Returns the directories of all volumes.
fn places(volumes: &[Value]) -> String {
    let names = volumes.iter().map(|it| it["name"].as_str().unwrap());
    let places: Vec<String> = names.map(|name| format!("pod/{name}")).collect();
    places.join(" ")
}

/// Returns the directories of the volumes that begin empty and belong to one pod.
fn empty(volumes: &[Value]) -> String {
    let is_empty = |volume: &&Value| !volume["emptyDir"].is_null();
    let found: Vec<Value> = volumes.iter().filter(is_empty).cloned().collect();
    places(&found)
}

/// Returns the commands that mount a read-only volume with the files of a `ConfigMap`, which are links there.
fn config_map(volume: &str) -> String {
    let files = FILES.join(" ");
    format!(
        "mount -t tmpfs none pod/{volume}\nmkdir pod/{volume}/..1\ncp {files} pod/{volume}/..1\nln -s ..1 pod/{volume}/..data\n\
         for each in {files}; do ln -s ..data/$each pod/{volume}/$each; done\nmount -o remount,ro pod/{volume}\n\
         if touch pod/{volume}/x 2>/dev/null; then exit 99; fi\n"
    )
}

/// Returns the command of a container with its volumes below `pod/`, as a shell command.
fn command(container: &Value) -> String {
    let words = container["command"].as_array().unwrap();
    let [shell, option, script] = [0, 1, 2].map(|index| words[index].as_str().unwrap());
    assert_eq!((shell, option, words.len()), ("sh", "-c", 3));
    let mut script = format!(" {script}");
    for mount in container["volumeMounts"].as_array().unwrap() {
        let (path, name) = (&mount["mountPath"], &mount["name"]);
        let (path, name) = (path.as_str().unwrap(), name.as_str().unwrap());
        script = script.replace(&format!(" {path}"), &format!(" pod/{name}"));
    }
    assert!(
        !script.contains(" /"),
        "a place that is no volume: {script}"
    );
    format!("sh -c '{script}'\n")
}

#[test]
fn the_example_for_github_builds_a_fleet() {
    let documents = checker::documents(&example("ci-matrix.yml"));
    checker::workflow(&documents[0]).unwrap();
    let jobs = &documents[0]["jobs"];
    let scene = scene();
    let storage = scene.at("srv").display().to_string();
    let steps = |job: &str, shard: &str| -> String {
        let steps = jobs[job]["steps"].as_array().unwrap().iter();
        let lines = steps.filter_map(|step| step["run"].as_str());
        let lines = lines.map(|line| {
            line.replace("${{ matrix.shard }}", shard)
                .replace("${{ github.run_id }}", "7")
                .replace("/srv/fleet", &storage)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let (state, fleet) = (format!("{storage}/state"), ["--fleet", "fleet.toml"]);
    scene
        .bare(&[&["state", "init", "--state", &state][..], &fleet].concat())
        .done();
    let shards = &jobs["build"]["strategy"]["matrix"]["shard"];
    for shard in shards.as_array().unwrap() {
        run(&scene, &[], &steps("build", &shard.to_string()));
    }
    run(&scene, &[], "cp -a srv/state etcd-cluster");
    let merge = steps("merge", "") + "\nmv srv/images-7 merged";
    must_join(&scene, &merge);
}

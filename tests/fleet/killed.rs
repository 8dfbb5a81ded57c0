//! Kills workers at many moments, or interrupts them as Ctrl-C does, and starts them again; the fleet must be what one machine would
//! have written.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::scene;
use super::shards::{content, shard, two_shards, with_keys};
use crate::support::interrupted::{SAID, interrupted};
use crate::support::scene::Scene;

/// The number of moments at which a program is killed.
const MOMENTS: u32 = 6;
/// How often a program is started until the signal finds it at work.
const ATTEMPTS: u32 = 20;

/// Starts a program again and again, and kills it at moments spread evenly over the time that it needs.
fn kill_at_every_moment(whole: Duration, start: impl Fn(u32) -> Child, check: impl Fn(u32)) {
    for moment in 0..MOMENTS {
        let mut child = start(moment);
        sleep(whole * moment / MOMENTS);
        child.kill().unwrap();
        child.wait().unwrap();
        check(moment);
    }
}

fn merge(scene: &Scene, one: &str, out: &str) {
    scene.bare(&["merge", one, "two", "--out", out]).done();
}

#[test]
fn a_worker_killed_at_any_moment_completes_its_shard_when_it_starts_again() {
    let scene = with_keys();
    shard(&scene, "2/2", "two", "copy");
    let begun = Instant::now();
    shard(&scene, "1/2", "unharmed", "etcd-cluster");
    let whole = begun.elapsed();
    merge(&scene, "unharmed", "wanted");
    let wanted = content(&scene, "wanted");
    let of = |moment: u32| format!("one-{moment}");
    let start = |moment| {
        let (out, fleet) = (
            of(moment),
            ["--fleet", "fleet.toml", "--shard", "1/2", "--out"],
        );
        scene.start(&[&fleet[..], &[&out]].concat())
    };
    kill_at_every_moment(whole, start, |moment| {
        shard(&scene, "1/2", &of(moment), "etcd-cluster");
        merge(&scene, &of(moment), "merged");
        assert!(
            content(&scene, "merged") == wanted,
            "killed at moment {moment}"
        );
    });
}

#[test]
fn a_merge_killed_at_any_moment_is_completed_by_another() {
    let scene = two_shards();
    let begun = Instant::now();
    merge(&scene, "one", "wanted");
    let (whole, wanted) = (begun.elapsed(), content(&scene, "wanted"));
    let start = |_| scene.start_bare(&["merge", "one", "two", "--out", "merged"]);
    kill_at_every_moment(whole, start, |moment| {
        // A merge that was killed before its end is no finished fleet.
        let names = scene.names("merged");
        if names.contains(&"merged/fleet.json".to_owned()) {
            assert!(
                content(&scene, "merged") == wanted,
                "killed at moment {moment}"
            );
        }
    });
    merge(&scene, "one", "merged");
    assert_eq!(content(&scene, "merged"), wanted);
}

#[test]
fn an_interrupted_merge_leaves_no_incomplete_image() {
    let scene = two_shards();
    merge(&scene, "one", "wanted");
    let partial = || {
        let mut names = scene.names("merged");
        names.retain(|name| name.contains(".partial"));
        names
    };
    let is_interrupted = |_| {
        let mut child = scene.start_bare_heard(&["merge", "one", "two", "--out", "merged"]);
        while partial().is_empty() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        let (code, said) = interrupted(child, Duration::ZERO);
        assert_eq!(partial(), [""; 0], "{code:?}");
        assert!(code == Some(0) || said.ends_with(SAID), "{code:?}: {said}");
        code == Some(130)
    };
    // It may end before the signal comes.
    assert!((0..ATTEMPTS).any(is_interrupted));
    merge(&scene, "one", "merged");
    assert_eq!(content(&scene, "merged"), content(&scene, "wanted"));
}

#[test]
fn two_workers_with_the_same_shard_and_directory_leave_one_whole_shard() {
    let scene = scene();
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml"])
        .done();
    let options = ["--fleet", "fleet.toml", "--shard", "1/2", "--out", "one"];
    let mut other = scene.start(&options);
    let told = scene.run("build", &options);
    let others = other.wait().unwrap();
    // Who comes second is refused, or finds everything done.
    let refusals = [told.code, others.code()]
        .iter()
        .filter(|code| **code != Some(0))
        .count();
    assert!(refusals <= 1, "{}", told.stderr);
    if told.code != Some(0) {
        told.refused_naming(5, &["another build"]);
    }
    scene.build(&options);
    scene.bare(&["verify", "one"]).done();
}

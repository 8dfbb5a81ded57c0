//! Runs the points on all processors. `FAULTS_MOST` limits them to so many of each kind, `FAULTS_TOTAL` to so many of all,
//! both spread evenly.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::check::{check, images};
use super::point::Point;
use crate::support::scene::Scene;

const BASE: &str = "raspios-trixie+small";
const FIRST: [&str; 2] = ["--nodes", "2"];
const AGAIN: [&str; 4] = ["--nodes", "2", "--config", "hosts.toml"];

/// Returns a scene in which nothing was built.
fn first() -> Scene {
    Scene::with(BASE)
}

/// Returns a scene with images of another configuration.
fn again() -> Scene {
    let scene = Scene::built(BASE, "", &FIRST);
    scene.file("hosts.toml", "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n");
    scene
}

#[test]
#[ignore = "started by `cargo xtask faults`, which chooses the points"]
fn a_disturbed_first_build_leaves_nothing_or_whole_images() {
    run("first build", first, &FIRST);
}

#[test]
#[ignore = "started by `cargo xtask faults`, which chooses the points"]
fn a_disturbed_build_leaves_old_or_new_images() {
    run("build over older images", again, &AGAIN);
}

/// Returns at most so many points, evenly spread.
fn spread(points: &[Point], most: usize) -> Vec<Point> {
    let step = points.len().div_ceil(most).max(1);
    let chosen = points.iter().skip(step / 2).step_by(step);
    chosen.copied().collect()
}

#[expect(clippy::print_stdout, reason = "the figures of the run")]
fn run(name: &str, scene: impl Fn() -> Scene + Sync, options: &[&str]) {
    let limit = |name| std::env::var(name).map_or(usize::MAX, |value| value.parse().unwrap());
    let (most, total) = (limit("FAULTS_MOST"), limit("FAULTS_TOTAL"));
    let kinds = Point::all(&scene, options);
    let points: usize = kinds.iter().map(Vec::len).sum();
    let chosen: Vec<Point> = kinds.iter().flat_map(|kind| spread(kind, most)).collect();
    let chosen = spread(&chosen, total);
    let next = AtomicUsize::new(0);
    let ends = Mutex::new(BTreeMap::<Option<i32>, usize>::new());
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(point) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let scene = scene();
            let before = images(&scene);
            let outcome = point.run(&scene, options);
            *ends.lock().unwrap().entry(outcome.code).or_default() += 1;
            if let Err(why) = check(&scene, point, &outcome, &before, options) {
                let report = format!("{name}, {point}: {why}");
                println!("{report}");
                failures.lock().unwrap().push(report);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    println!(
        "{name}: {} of {points} points, {} broken; exit codes (none: killed): {:?}",
        chosen.len(),
        failures.len(),
        ends.into_inner().unwrap()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

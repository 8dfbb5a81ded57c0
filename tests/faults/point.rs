//! The points at which a build is disturbed: the n-th call of some system calls, as `strace` counts them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;

use crate::support::scene::{Outcome, Scene};

/// System calls that do the same, by the names that `strace` uses, and the effects that disturb them.
struct Calls {
    name: &'static str,
    names: &'static str,
    effects: &'static [&'static str],
}

const NO_ROOM: &str = "error=ENOSPC";
const BROKEN: &str = "error=EIO";
const KILL: &str = "signal=KILL";

/// The calls that change files, and those that read.
const CALLS: [Calls; 8] = [
    Calls {
        name: "write",
        names: "write,pwrite64",
        effects: &[NO_ROOM, BROKEN, KILL],
    },
    Calls {
        name: "sync",
        names: "fsync,fdatasync",
        effects: &[NO_ROOM, BROKEN, KILL],
    },
    Calls {
        name: "rename",
        names: "rename,renameat,renameat2,link,linkat",
        effects: &[NO_ROOM, BROKEN, KILL],
    },
    Calls {
        name: "open",
        names: "openat",
        effects: &[BROKEN, KILL],
    },
    Calls {
        name: "mkdir",
        names: "mkdir,mkdirat",
        effects: &[NO_ROOM, KILL],
    },
    Calls {
        name: "unlink",
        names: "unlink,unlinkat,rmdir",
        effects: &[BROKEN, KILL],
    },
    Calls {
        name: "resize",
        names: "ftruncate,fallocate,fchmod",
        effects: &[NO_ROOM, KILL],
    },
    Calls {
        name: "read",
        names: "read,pread64",
        effects: &[BROKEN],
    },
];

/// The threads whose calls count. `strace` counts the calls of each thread separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Threads {
    /// The first thread, which writes everything but images.
    Main,
    /// Every thread, so that the first one with enough calls is disturbed.
    Each,
    /// Every thread, for calls that name this file.
    Naming(&'static str),
}

/// A moment of a build and what happens there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    calls: usize,
    threads: Threads,
    effect: &'static str,
    number: usize,
}

impl Point {
    /// Returns every point of a build, kind by kind. The build runs once for each kind of threads, on a scene from `scene`.
    pub(super) fn all(scene: impl Fn() -> Scene, options: &[&str]) -> Vec<Vec<Self>> {
        let threads = [
            Threads::Main,
            Threads::Each,
            Threads::Naming("images/etcd1.img"),
            Threads::Naming("images/etcd2.img"),
        ];
        let points = threads.into_iter().flat_map(|threads| {
            let scene = scene();
            let counts = counts(&scene, threads, options);
            counts
                .into_iter()
                .flat_map(move |(calls, count)| of_calls(calls, threads, count))
        });
        points.collect()
    }

    /// Runs a build that is disturbed at this point.
    pub(super) fn run(&self, scene: &Scene, options: &[&str]) -> Outcome {
        let Calls { names, .. } = CALLS[self.calls];
        let trace = format!("trace={names}");
        let inject = format!("inject={names}:{}:when={}", self.effect, self.number);
        let arguments = ["-e", &trace, "-e", &inject, "-o", "trace"];
        let words = [&strace(self.threads)[..], &arguments].concat();
        scene.run_under(&words, "build", options)
    }

    /// Returns whether the build is killed there.
    pub(super) fn kills(&self) -> bool {
        self.effect == KILL
    }
}

impl Display for Point {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = CALLS[self.calls].name;
        write!(
            f,
            "{name} {} of {:?}: {}",
            self.number, self.threads, self.effect
        )
    }
}

fn of_calls(calls: usize, threads: Threads, count: usize) -> impl Iterator<Item = Vec<Point>> {
    let effects = CALLS[calls].effects.iter();
    effects.map(move |effect| {
        let point = |number| Point {
            calls,
            threads,
            effect,
            number,
        };
        (1..=count).map(point).collect()
    })
}

fn strace(threads: Threads) -> Vec<&'static str> {
    match threads {
        Threads::Main => vec!["/usr/bin/strace"],
        Threads::Each => vec!["/usr/bin/strace", "-f", "--seccomp-bpf"],
        Threads::Naming(path) => vec!["/usr/bin/strace", "-f", "-P", path],
    }
}

/// Returns how often each kind of calls happens in an undisturbed build, in the thread with the most.
fn counts(scene: &Scene, threads: Threads, options: &[&str]) -> Vec<(usize, usize)> {
    let all: Vec<&str> = CALLS.iter().map(|calls| calls.names).collect();
    let trace = format!("trace={}", all.join(","));
    let words = [&strace(threads)[..], &["-e", &trace, "-o", "trace"]].concat();
    scene.run_under(&words, "build", options).done();
    let text = fs::read_to_string(scene.at("trace")).unwrap();
    let count = |calls: &Calls| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text.lines() {
            let (start, _) = line.split_once('(').unwrap_or_default();
            let mut words = start.split_whitespace();
            let name = words.next_back().unwrap_or_default();
            if calls.names.split(',').any(|known| known == name) {
                *counts.entry(words.next().unwrap_or_default()).or_default() += 1;
            }
        }
        counts.into_values().max().unwrap_or(0)
    };
    CALLS.iter().map(count).enumerate().collect()
}

//! Puts a healthy cluster of three machines through failures, inside namespaces.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::BootLab;
use etcd_image::etcd::Client;

use super::card::digests;
use super::cluster::{Images, NODES, answered, healthy};
use super::power::keep_flushed;

/// The prefix of all keys written here.
const KEY: &str = "gate";

/// The cluster, and the number of acknowledged writes it must keep.
#[derive(Debug)]
pub(crate) struct Three {
    lab: BootLab,
    client: Client,
    at: Vec<IpAddr>,
    promised: u32,
    /// The time from switching the machines on to a healthy cluster, measured at the latest start.
    boot: Duration,
}

impl Three {
    /// Builds the machines, switches them on and waits until they are healthy.
    pub(crate) fn healthy(name: &str) -> Self {
        let mut three = Self::off(name);
        three.start();
        three
    }

    /// Builds the machines and leaves them off.
    pub(crate) fn off(name: &str) -> Self {
        let lab = Images::build(name, NODES.len()).lab();
        Self {
            client: lab.client().clone(),
            at: lab.nodes().iter().map(|node| node.address).collect(),
            promised: 0,
            boot: Duration::ZERO,
            lab,
        }
    }

    /// Kills a node, writes without it and starts it again: it must catch up on what it missed.
    pub(crate) fn misses_nobody_and_lets_catch_up(&mut self, killed: &str) {
        let index = NODES.iter().position(|name| *name == killed).unwrap();
        let [one, other] = [(index + 1) % 3, (index + 2) % 3].map(|other| self.at[other]);
        self.write(self.at[index], "before");
        self.lab.machines.kill(killed).unwrap();
        self.write(one, "without it");
        assert_eq!(self.read(other, KEY).as_deref(), Some("without it"));
        self.lab.machines.start(killed).unwrap();
        healthy(&mut self.lab, &[killed]);
        // A linearizable read waits until the node has applied everything committed before.
        let log = |node| answered(|| self.client.status(node)).raft_index;
        let known = log(one);
        let kept = self.read(self.at[index], KEY);
        assert_eq!(kept.as_deref(), Some("without it"));
        assert!(log(self.at[index]) >= known, "{killed} is behind");
    }

    /// Cuts the power of all nodes during writes and starts them again, `cuts` times.
    pub(crate) fn keeps_its_promises_through_power_cuts(&mut self, cuts: u32) {
        for _ in 0..cuts {
            self.cut();
            self.start();
            self.keeps_its_promises();
        }
    }

    /// Cuts the power as often as fits into the budget, from once to `cuts` times.
    ///
    /// The latest start of the cluster shows how long a boot takes on this machine.
    pub(crate) fn keeps_its_promises_for(&mut self, budget: Duration, cuts: u32) {
        let fitting = budget.as_secs() / self.boot.as_secs().max(1);
        let cuts = u32::try_from(fitting).unwrap_or(cuts).clamp(1, cuts);
        self.keeps_its_promises_through_power_cuts(cuts);
    }

    /// Switches the machines off and asserts that they have not changed their systems.
    pub(crate) fn has_systems_as_they_were_flashed(&mut self) {
        for name in NODES {
            self.lab.machines.kill(name).unwrap();
            let [flashed, now] = digests(&self.lab, name);
            assert_eq!(now, flashed, "{name} has changed its system");
        }
    }

    /// Cuts the power of disks that lose unflushed writes; the images become what the disks hold after each cut.
    pub(crate) fn keeps_its_promises_on_forgetful_disks(&mut self, cuts: u32) {
        let mut logs = self.note_writes();
        self.start();
        for _ in 0..cuts {
            self.cut();
            for (log, node) in logs.iter().zip(self.lab.nodes()) {
                // The amount of lost data varies and is often zero, since etcd flushes all the time.
                keep_flushed(log, &node.image);
            }
            logs = self.note_writes();
            self.start();
            self.keeps_its_promises();
        }
    }

    fn note_writes(&mut self) -> [PathBuf; 3] {
        NODES.map(|name| self.lab.machines.note_writes(name).unwrap())
    }

    fn start(&mut self) {
        let started = Instant::now();
        for name in NODES {
            self.lab.machines.start(name).unwrap();
        }
        healthy(&mut self.lab, &NODES);
        self.boot = started.elapsed();
    }

    fn keeps_its_promises(&self) {
        for number in 0..self.promised {
            let kept = self.read(self.at[0], &key(number));
            let wanted = Some(number.to_string());
            assert_eq!(kept, wanted, "write {number} was acknowledged");
        }
    }

    fn read(&self, node: IpAddr, key: &str) -> Option<String> {
        answered(|| self.client.get(node, key))
    }

    fn write(&self, node: IpAddr, value: &str) {
        answered(|| self.client.put(node, KEY, value));
    }

    /// Cuts the power of all nodes during writes, and remembers the last acknowledged one.
    fn cut(&mut self) {
        let (client, node) = (&self.client, self.at[1]);
        let put = |number: u32| client.put(node, &key(number), &number.to_string());
        answered(|| put(self.promised));
        let next = AtomicU32::new(self.promised + 1);
        let write = || {
            for number in next.load(Ordering::Relaxed).. {
                match put(number) {
                    Ok(()) => next.store(number + 1, Ordering::Relaxed),
                    Err(_) => break,
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(write);
            thread::sleep(Duration::from_secs(5));
            for name in NODES {
                self.lab.machines.kill(name).unwrap();
            }
        });
        self.promised = next.into_inner();
    }
}

fn key(number: u32) -> String {
    format!("{KEY}/{number}")
}

//! A client that writes to a cluster while a test changes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use etcd_image::etcd::{Client, Timeouts};

use super::members::address;
use super::nodes::Nodes;

/// How long a client waits between two writes.
const PAUSE: Duration = Duration::from_millis(50);

/// How many writes a test that changes a cluster must have seen.
const ENOUGH: u32 = 10;

/// Ends the writer when it is dropped, also by a test that fails.
pub(crate) struct Ending<'s>(pub(crate) &'s AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Acts while a client writes to any member that answers, with the current files of the state directory. No write fails.
pub(crate) fn while_writing<R>(nodes: &mut Nodes, act: impl FnOnce(&mut Nodes) -> R) -> R {
    let state = nodes.members.scene.at("etcd-cluster");
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let writer = threads.spawn(|| {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                let client = Client::open(&state, Timeouts::LABORATORY).unwrap();
                // A client of all members tries the next one when a member restarts.
                let done = (0..3).any(|at| client.put(address(at), "key", "value").is_ok());
                assert!(done, "no member accepted write {written}");
                written += 1;
                thread::sleep(PAUSE);
            }
            written
        });
        let end = Ending(&stop);
        let result = act(nodes);
        drop(end);
        let written = writer.join().unwrap();
        assert!(written > ENOUGH, "only {written} writes");
        result
    })
}

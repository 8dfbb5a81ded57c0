//! Clients that continuously write and read, and record every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::client::{Header, LabClient};
use super::history::History;
use super::violation::{Invariant, Violation};
use crate::rng::Rng;

/// The pause between two writes, and between two reads.
const PAUSE: Duration = Duration::from_millis(40);
/// The same where each starts etcdctl: to start a program needs far more processor time than a request.
const COMMAND_PAUSE: Duration = Duration::from_millis(200);

/// The clients' record.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Acknowledged writes that must still be readable.
    pub(super) acknowledged: BTreeMap<String, String>,
    /// The numbers of all acknowledged writes and of all reads with the expected result.
    writes: u64,
    reads: u64,
    serving: Option<String>,
    retired: BTreeSet<String>,
    violation: Option<Violation>,
}

/// Running clients, which stop when this value is dropped.
#[derive(Debug)]
pub(super) struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    client: LabClient,
    history: History,
    ledger: Mutex<Ledger>,
    /// The nodes that are on, with their names.
    nodes: Mutex<Vec<(String, IpAddr)>>,
    /// A lock held for reading during each request: while it is held for writing, no request is in progress.
    gate: RwLock<()>,
    stopped: AtomicBool,
}

impl Traffic {
    pub(super) fn start(client: LabClient, history: History, seed: u64) -> Self {
        let pause = match client.starts_programs() {
            true => COMMAND_PAUSE,
            false => PAUSE,
        };
        let shared = Arc::new(Shared {
            client,
            history,
            ledger: Mutex::default(),
            nodes: Mutex::default(),
            gate: RwLock::default(),
            stopped: AtomicBool::new(false),
        });
        let worker = |work: fn(&Shared, &mut Rng, u64), seed| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let mut rng = Rng::new(seed);
                let mut count = 0;
                while !shared.stopped.load(Relaxed) {
                    count += 1;
                    work(&shared, &mut rng, count);
                    std::thread::sleep(pause);
                }
            })
        };
        let threads = vec![worker(write, seed), worker(read, !seed)];
        Self { shared, threads }
    }

    /// Sets the nodes that clients may query.
    pub(super) fn nodes(&self, nodes: Vec<(String, IpAddr)>) {
        *lock(&self.shared.nodes) = nodes;
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.shared.ledger)
    }

    /// Returns the numbers of acknowledged writes and of reads with the expected result.
    pub(super) fn counts(&self) -> (u64, u64) {
        let ledger = self.ledger();
        (ledger.writes, ledger.reads)
    }

    /// Returns the first violation that clients saw.
    pub(super) fn violation(&self) -> Option<Violation> {
        self.ledger().violation.clone()
    }

    /// Runs `work` while no request is in progress.
    pub(super) fn paused<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let _alone = self
            .shared
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut self.ledger())
    }

    /// Stops the clients and waits for their requests.
    pub(super) fn stop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn write(shared: &Shared, rng: &mut Rng, count: u64) {
    let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
    let Some((name, address)) = shared.choose(rng) else {
        return;
    };
    let (key, value) = (
        format!("w{count:06}"),
        format!("value-{:016x}", rng.number()),
    );
    if let Ok(header) = shared.client.put(address, &key, &value) {
        let mut ledger = lock(&shared.ledger);
        ledger.served(&name, &header, &shared.history);
        ledger.acknowledged.insert(key, value);
        ledger.writes += 1;
    }
}

fn read(shared: &Shared, rng: &mut Rng, _: u64) {
    let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
    let Some((name, address)) = shared.choose(rng) else {
        return;
    };
    let wanted = {
        let ledger = lock(&shared.ledger);
        let length = ledger.acknowledged.len().max(1);
        let chosen = ledger.acknowledged.iter().nth(rng.index(length));
        chosen.map(|(key, value)| (key.clone(), value.clone()))
    };
    let Some((key, value)) = wanted else {
        return;
    };
    let Ok((header, found)) = shared.client.get(address, &key) else {
        return;
    };
    let mut ledger = lock(&shared.ledger);
    if found.as_ref() == Some(&value) {
        ledger.reads += 1;
    } else {
        let found = found.unwrap_or_else(|| "nothing".to_owned());
        let cluster = header.cluster;
        let text = format!(
            "{name} of cluster {cluster} reads {found} where {key} = {value} was acknowledged"
        );
        ledger.broken(
            Violation::new(Invariant::NoLostWrite, text),
            &shared.history,
        );
    }
}

impl Shared {
    fn choose(&self, rng: &mut Rng) -> Option<(String, IpAddr)> {
        let nodes = lock(&self.nodes);
        let length = nodes.len().max(1);
        nodes.get(rng.index(length)).cloned()
    }
}

impl Ledger {
    /// Records which cluster acknowledges writes: after another cluster does, the former must never do so again.
    fn served(&mut self, name: &str, header: &Header, history: &History) {
        let cluster = &header.cluster;
        if self.serving.as_ref() == Some(cluster) {
            return;
        }
        history.add(&format!(
            "clients: {name} acknowledges writes for cluster {cluster}"
        ));
        if self.retired.contains(cluster) {
            let text = format!(
                "{name} acknowledges writes for cluster {cluster}, and another cluster did meanwhile"
            );
            self.broken(Violation::new(Invariant::OneCluster, text), history);
        }
        let former = self.serving.replace(cluster.clone());
        self.retired.extend(former);
    }

    fn broken(&mut self, violation: Violation, history: &History) {
        if self.violation.is_none() {
            history.add(&format!("clients: {violation}"));
            self.violation = Some(violation);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

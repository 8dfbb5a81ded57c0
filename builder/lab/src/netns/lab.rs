//! The state of a scenario: nodes, network, clients, and the faults so far.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::client::LabClient;
use super::history::History;
use super::links::Links;
use super::node::{self, LabNode};
use super::pace::time_factor;
use super::traffic::Traffic;
use super::violation::{Invariant, violated};
use crate::rng::Rng;

/// The addresses of clients: the gateway of each subnet that an image set uses.
const CLIENTS: &[&str] = &["192.168.0.1/24", "192.168.7.1/24", "fd00:7::1/64 nodad"];
/// The pause between two polls.
pub(super) const LOOK: Duration = Duration::from_millis(150);
/// The directory for the nodes' data; `/run` is a separate file system in the scenario's namespace.
const FOLDER: &str = "/run/lab";

/// Everything that one scenario acts on.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) nodes: Vec<LabNode>,
    pub(super) links: Links,
    pub(super) history: History,
    pub(super) client: LabClient,
    pub(super) traffic: Traffic,
    /// Whether clients send nothing, whichever nodes are on.
    clients_are_paused: bool,
    pub(super) rng: Rng,
    pub(super) faults: u64,
    /// The time within which every node must be a member after all repairs, on a machine with nothing else to do. etcd itself
    /// waits 5 s before it admits a member.
    pub(super) bound: Duration,
    pub(super) images: PathBuf,
}

impl Lab {
    /// Creates the network and one flashed card for each node of an image set; all nodes are off.
    pub(super) fn new(images: &Path, set: &str, seed: u64) -> Result<Self> {
        let history = History::new();
        let client = LabClient::open(&images.join(set))?;
        let mut links = Links::create(CLIENTS)?;
        let mut nodes = Vec::new();
        for (index, image) in members(&images.join(set))?.iter().enumerate() {
            nodes.push(board(index, image, &history)?);
            links.plug(index, &nodes[index].addresses)?;
        }
        Ok(Self {
            traffic: Traffic::start(client.clone(), history.clone(), seed),
            nodes,
            links,
            history,
            client,
            clients_are_paused: false,
            rng: Rng::new(seed),
            faults: 0,
            bound: Duration::from_mins(1),
            images: images.to_owned(),
        })
    }

    /// Returns the image of a node of any set.
    pub(super) fn image(&self, set: &str, name: &str) -> PathBuf {
        self.images.join(set).join(name)
    }

    /// Adds a board with an image, and with a copy of a card or an empty card. Returns its index.
    pub(super) fn add_board(
        &mut self,
        set: &str,
        name: &str,
        card: Option<&Path>,
    ) -> Result<usize> {
        let index = self.nodes.len();
        self.fault(&format!(
            "plug in another board, flashed as {name} of `{set}`"
        ));
        let node = board(index, &self.image(set, name), &self.history)?;
        self.links.plug(index, &node.addresses)?;
        self.nodes.push(node);
        if let Some(card) = card {
            self.put(card, index)?;
        }
        Ok(index)
    }

    /// Switches the checker to the admin certificate of another set.
    pub(super) fn use_set(&mut self, set: &str) -> Result<()> {
        self.client = LabClient::open(&self.images.join(set))?;
        Ok(())
    }

    /// Extends the bound: etcd admits one learner at a time, and only 5 s after it has heard from all others.
    pub(super) fn allow_four_to_rejoin(&mut self) {
        self.bound = Duration::from_mins(2);
    }

    /// Returns whether the bound has passed since `start`.
    pub(super) fn is_over(&self, start: Duration) -> bool {
        self.has_passed(self.bound, start)
    }

    /// Returns whether this time has passed since `start`. It grows with the machine's load, as long as that lasts.
    pub(super) fn has_passed(&self, time: Duration, start: Duration) -> bool {
        self.history.elapsed() > start + time.mul_f64(time_factor())
    }

    /// Repeats a request until it is answered: a busy member answers late, and one without a leader does not answer.
    pub(super) fn retry<T>(&self, request: impl Fn(&LabClient) -> Result<T>) -> Result<T> {
        let start = self.history.elapsed();
        loop {
            let waited = self.history.elapsed().saturating_sub(start);
            match request(&self.client.after(waited)) {
                Err(_) if !self.is_over(start) => self.pass(LOOK)?,
                answer => return answer,
            }
        }
    }

    pub(super) fn all(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }

    /// Logs an action and counts it as a fault.
    pub(super) fn fault(&mut self, text: &str) {
        self.faults += 1;
        self.history.add(text);
    }

    /// Stops the clients until [`Self::resume_clients`].
    pub(super) fn pause_clients(&mut self) {
        self.clients_are_paused = true;
        self.announce();
        self.traffic.paused(|_| ());
    }

    /// Stops the clients until [`Self::resume_clients`], after this many more writes, and waits until every node has recorded that the last one is
    /// agreed on: etcd that is forced before drops it.
    pub(super) fn write_and_pause(&mut self, writes: usize) -> Result<()> {
        self.resume_clients();
        self.wait_for_writes(writes)?;
        self.pause_clients_in_sync()?;
        self.pass(Duration::from_secs(1))
    }

    fn wait_for_writes(&self, writes: usize) -> Result<()> {
        let count = || self.traffic.ledger().acknowledged.len();
        let (start, before) = (self.history.elapsed(), count());
        while count() < before + writes {
            if self.is_over(start) {
                let text = format!(
                    "the cluster has acknowledged {} writes only",
                    count() - before
                );
                return violated(Invariant::Expectation, text);
            }
            self.pass(LOOK)?;
        }
        Ok(())
    }

    /// Stops the clients until [`Self::resume_clients`], and waits until every node that is on has applied every write.
    pub(super) fn pause_clients_in_sync(&mut self) -> Result<()> {
        self.pause_clients();
        for node in self.nodes.iter().filter(|node| node.is_on()) {
            let address = node.address();
            self.retry(|client| client.put(address, "probe", "written"))?;
        }
        Ok(())
    }

    /// Lets the clients write and read.
    pub(super) fn resume_clients(&mut self) {
        self.clients_are_paused = false;
        self.announce();
    }

    /// Updates the clients' list of nodes that are on.
    pub(super) fn announce(&self) {
        let on = self
            .nodes
            .iter()
            .filter(|node| node.is_on() && !self.clients_are_paused);
        let nodes: Vec<(String, IpAddr)> = on.map(|node| (node.name(), node.address())).collect();
        self.traffic.nodes(nodes);
    }

    /// Waits; fails as soon as a client has seen a violation.
    pub(super) fn pass(&self, time: Duration) -> Result<()> {
        let end = self.history.elapsed() + time;
        loop {
            self.check()?;
            let left = end.saturating_sub(self.history.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Waits for a random time of less than `milliseconds`.
    pub(super) fn pass_up_to(&mut self, milliseconds: u64) -> Result<()> {
        let time = Duration::from_millis(self.rng.below(milliseconds.max(1)));
        self.pass(time)
    }

    fn check(&self) -> Result<()> {
        match self.traffic.violation() {
            Some(violation) => Err(violation.into()),
            None => Ok(()),
        }
    }
}

fn board(index: usize, image: &Path, history: &History) -> Result<LabNode> {
    let folder = Path::new(FOLDER).join(index.to_string());
    LabNode::new(index, image, folder, history.clone())
}

/// Returns the images of a set, in the order of their names.
fn members(set: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs_err::read_dir(set)?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Result<Vec<PathBuf>> = paths.collect();
    let mut images: Vec<PathBuf> = paths?
        .into_iter()
        .filter(|path| node::name_of(path) != "client" && path.join("etc").is_dir())
        .collect();
    images.sort();
    images.first().context("the image set is empty")?;
    Ok(images)
}

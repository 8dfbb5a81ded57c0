//! Waits for a cluster and reports each node's progress, until all are healthy or one cannot become healthy.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::qemu::Stage;

use super::checks;
use super::lab::BootLab;
use crate::etcd::{CallError, Client};
use crate::failure::Kind;
use crate::parallel;
use crate::progress::Progress;

/// Delay between two polls.
const PAUSE: Duration = Duration::from_secs(1);
/// Number of times that a node may refuse our TLS before that counts as an error: its clock is set during boot.
const TLS_CHANCES: u32 = 3;

/// Number of polls that a node may stay silent after its etcd was started, before its peer port is queried for the reason.
const SILENT_CHANCES: u32 = 20;

/// Seconds from the start until the nodes reached their stages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Each node's stages.
    pub nodes: BTreeMap<String, BTreeMap<Stage, u64>>,
    /// The first healthy answer: the cluster has a leader and can commit writes.
    pub quorum: Option<u64>,
    /// The time when all nodes were healthy.
    pub healthy: u64,
}

/// The state of one node during the wait.
#[derive(Debug)]
struct NodeState {
    name: String,
    stage: Stage,
    refusals: u32,
    /// Polls without an answer since its etcd was started.
    silences: u32,
    /// Whether TLS has worked on its peer port.
    peer_tls_works: bool,
    trouble: CallError,
}

/// The result of one poll of a node.
#[derive(Debug)]
struct PollResult {
    health: Result<(), CallError>,
    peer_tls_works: bool,
}

/// Waits until every one of `names` is a healthy member.
pub fn until_healthy(
    lab: &mut BootLab,
    names: &[String],
    progress: &dyn Progress,
) -> Result<Times> {
    let started = Instant::now();
    let mut wait = Wait {
        nodes: names.iter().map(|name| NodeState::new(name)).collect(),
        times: Times::default(),
        started,
        culprit: None,
        progress,
    };
    let limit = Duration::from_secs(lab.setup().timeout);
    loop {
        let result = wait.look(lab);
        let failure = match result {
            Ok(true) => return Ok(wait.times),
            Ok(false) if started.elapsed() < limit => None,
            Ok(false) => Some(wait.timeout(limit)),
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            wait.explain(lab);
            return Err(error);
        }
        thread::sleep(PAUSE);
    }
}

/// The wait for a healthy cluster.
struct Wait<'a> {
    nodes: Vec<NodeState>,
    times: Times,
    started: Instant,
    /// The node that ended the wait.
    culprit: Option<usize>,
    progress: &'a dyn Progress,
}

impl Wait<'_> {
    /// Polls every node once, and returns whether all are healthy.
    fn look(&mut self, lab: &mut BootLab) -> Result<bool> {
        for index in 0..self.nodes.len() {
            let stage = self.listen(lab, index)?;
            self.reached(index, stage);
        }
        for (index, answer) in self.ask(lab)?.into_iter().enumerate() {
            self.answered(index, answer)?;
        }
        let all = self.nodes.iter().all(|node| node.stage == Stage::Member);
        self.times.healthy = self.seconds();
        Ok(all)
    }

    /// Reads the console; a machine that stopped or a system that failed ends the wait.
    fn listen(&mut self, lab: &mut BootLab, index: usize) -> Result<Stage> {
        let name = &self.nodes[index].name;
        let shown = lab.setup().console.as_ref() == Some(name);
        let console = lab.machines.console(name)?;
        let ours = |line: &str| line.contains("etcd-node: ");
        let lines = console.follow()?;
        for line in lines.iter().filter(|line| shown || ours(line)) {
            self.progress.note(&format!("{name} | {line}"));
        }
        let stage = console.stage();
        if let Some(line) = console.hopeless() {
            let (reason, hint) = (
                line.to_owned(),
                "the console above says what happened before",
            );
            return Err(self.node_failure(index, &reason, hint));
        }
        match lab.machines.stopped(name)? {
            None => Ok(stage),
            Some(reason) => {
                let reason = format!("its machine stopped: {reason}");
                let hint = "the message is from QEMU; too little memory is the usual reason";
                Err(self.node_failure(index, &reason, hint))
            }
        }
    }

    /// Queries all nodes that are not members yet, in parallel.
    fn ask(&self, lab: &BootLab) -> Result<Vec<Option<PollResult>>> {
        let client = lab.client();
        let jobs = NonZeroUsize::new(self.nodes.len()).unwrap_or(NonZeroUsize::MIN);
        parallel::map(jobs, &self.nodes, |node| {
            let place = lab.nodes().iter().find(|place| place.name == node.name);
            let Some(place) = place.filter(|_| node.stage != Stage::Member) else {
                return Ok(None);
            };
            Ok(Some(node.asked(client, place.address)))
        })
    }

    fn answered(&mut self, index: usize, answer: Option<PollResult>) -> Result<()> {
        let Some(PollResult {
            health,
            peer_tls_works,
        }) = answer
        else {
            return Ok(());
        };
        self.nodes[index].peer_tls_works = peer_tls_works;
        match health {
            Ok(()) => {
                let now = self.seconds();
                self.times.quorum.get_or_insert(now);
                self.reached(index, Stage::Member);
            }
            Err(trouble) => {
                let node = &mut self.nodes[index];
                node.refusals += u32::from(matches!(trouble, CallError::Tls(_)));
                node.silences += u32::from(node.stage >= Stage::Etcd);
                let (refused, reason) = (node.refusals >= TLS_CHANCES, trouble.to_string());
                node.trouble = trouble;
                if refused {
                    let hint = "its certificates are not of this cluster's CA (client/ca.crt): build this node \
                                again with the state directory of the others";
                    let reason = format!("it does not take part: {reason}");
                    return Err(self.node_failure(index, &reason, hint));
                }
            }
        }
        Ok(())
    }

    fn reached(&mut self, index: usize, stage: Stage) {
        let seconds = self.seconds();
        let node = &mut self.nodes[index];
        if stage > node.stage {
            node.stage = stage;
            let times = self.times.nodes.entry(node.name.clone()).or_default();
            times.insert(stage, seconds);
            self.progress.note(&format!(
                "{seconds:>5} s  {:<12} {}",
                node.name,
                stage.name()
            ));
        }
    }

    fn node_failure(&mut self, index: usize, reason: &str, hint: &str) -> anyhow::Error {
        self.culprit = Some(index);
        let message = format!("node {}: {reason}", self.nodes[index].name);
        Kind::Unhealthy.error(message, hint)
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    fn timeout(&self, limit: Duration) -> anyhow::Error {
        let late = self.nodes.iter().filter(|node| node.stage != Stage::Member);
        let late: Vec<_> = late
            .map(|node| {
                format!(
                    "{} reached {} ({})",
                    node.name,
                    node.stage.name(),
                    node.trouble
                )
            })
            .collect();
        Kind::Unhealthy.error(
            format!(
                "not healthy after {} s: {}",
                limit.as_secs(),
                late.join("; ")
            ),
            "allow a slow machine more time with `--timeout`, or show a console with `--console NODE`",
        )
    }

    /// Shows the last console lines of the node that ended the wait, or else of every unhealthy node.
    fn explain(&self, lab: &mut BootLab) {
        for (index, node) in self.nodes.iter().enumerate() {
            let shown = match self.culprit {
                Some(culprit) => index == culprit,
                None => node.stage != Stage::Member,
            };
            if shown {
                self.print_last_lines(lab, node);
            }
        }
    }

    fn print_last_lines(&self, lab: &mut BootLab, node: &NodeState) {
        let print = |line: &str| self.progress.note(line);
        print(&format!("--- last lines of the console of {}", node.name));
        if let Ok(console) = lab.machines.console(&node.name) {
            console.tail().for_each(print);
        }
        let mut places = lab.nodes().iter().filter(|place| place.name == node.name);
        let place = places.next().filter(|_| node.stage >= Stage::Network);
        if let Some(journal) = place.and_then(|place| checks::journal(lab.setup(), place)) {
            print(&format!(
                "--- last lines of etcd's journal of {}",
                node.name
            ));
            journal.lines().for_each(print);
        }
    }
}

impl NodeState {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stage: Stage::Off,
            refusals: 0,
            silences: 0,
            peer_tls_works: false,
            trouble: CallError::Silent("nothing listens yet".to_owned()),
        }
    }

    /// Queries the client port, and the peer port if that is silent: without a quorum only the peer port starts TLS. The
    /// peer port is queried late and only until it answers, to save the time of emulated nodes.
    fn asked(&self, client: &Client, address: IpAddr) -> PollResult {
        let due = !self.peer_tls_works && self.silences >= SILENT_CHANCES;
        let (health, peer_tls_works) = match client.health(address) {
            Err(silent @ CallError::Silent(_)) if due => match client.check_peer_port(address) {
                Ok(_) => (Err(silent), true),
                Err(refused) => (Err(refused), false),
            },
            other => (other, self.peer_tls_works),
        };
        PollResult {
            health,
            peer_tls_works,
        }
    }
}

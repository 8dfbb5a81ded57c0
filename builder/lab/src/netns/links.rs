//! The network of a scenario: a bridge, a cable to each node, and network faults.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Cables and their faults, which persist across reboots.
#[derive(Debug, Default)]
pub(super) struct Links {
    addresses: Vec<Vec<IpAddr>>,
    cut: BTreeSet<(usize, usize)>,
    loss: BTreeMap<usize, u64>,
    delayed: BTreeSet<usize>,
    /// The rules that each node's kernel has.
    applied: Vec<String>,
}

/// How long the kernel waits for an answer about an address, in milliseconds, before it asks a second and a third time. With a second, as
/// usual, a connection to a board that is off takes three to fail.
const RETRANSMIT_MS: &str = "250";

/// Arguments that delay a cable if the kernel supports that, and arguments that limit its bandwidth otherwise.
const NETEM: &[&str] = &["netem", "delay", "40ms", "20ms"];
const NARROW: &[&str] = &["tbf", "rate", "400kbit", "burst", "4k", "latency", "400ms"];

impl Links {
    /// Creates the bridge with the addresses of clients, one in each subnet.
    pub(super) fn create(clients: &[&str]) -> Result<Self> {
        fs_err::create_dir_all("/run/netns")?;
        ip("link set lo up")?;
        ip("link add br0 type bridge")?;
        ip("link set br0 up")?;
        for client in clients {
            ip(&format!("address add {client} dev br0"))?;
        }
        Ok(Self::default())
    }

    /// Connects a cable to node number `index`, which is off: its kernel answers no ARP request until [`Self::power`].
    pub(super) fn plug(&mut self, index: usize, addresses: &[(IpAddr, u8)]) -> Result<()> {
        ip(&format!("netns add n{index}"))?;
        ip(&format!(
            "link add v{index} type veth peer name eth0 netns n{index}"
        ))?;
        ip(&format!("link set v{index} master br0"))?;
        ip(&format!("-n n{index} link set lo up"))?;
        ip(&format!("-n n{index} link set eth0 up"))?;
        for table in ["arp_cache", "ndisc_cache"] {
            ip(&format!(
                "-n n{index} ntable change name {table} dev eth0 retrans {RETRANSMIT_MS}"
            ))?;
        }
        self.addresses.push(Vec::new());
        self.applied.push(String::new());
        self.assign(index, addresses)
    }

    /// Switches the network interface of a node on or off with the node.
    pub(super) fn power(index: usize, on: bool) -> Result<()> {
        let state = if on { "up" } else { "down" };
        ip(&format!("link set v{index} {state}"))
    }

    /// Gives a node other addresses, with their prefix lengths.
    pub(super) fn assign(&mut self, index: usize, addresses: &[(IpAddr, u8)]) -> Result<()> {
        ip(&format!("-n n{index} address flush dev eth0 scope global"))?;
        for (address, prefix) in addresses {
            let no_detection = if address.is_ipv6() { " nodad" } else { "" };
            ip(&format!(
                "-n n{index} address add {address}/{prefix} dev eth0{no_detection}"
            ))?;
        }
        self.addresses[index] = addresses.iter().map(|(address, _)| *address).collect();
        self.apply()
    }

    /// Lets the kernel of a node ask whether another board uses its IPv6 addresses, whenever its network comes up.
    pub(super) fn detect(index: usize, addresses: &[(IpAddr, u8)]) -> Result<()> {
        ip(&format!("-n n{index} address flush dev eth0 scope global"))?;
        addresses.iter().try_for_each(|(address, prefix)| {
            ip(&format!(
                "-n n{index} address add {address}/{prefix} dev eth0"
            ))
        })
    }

    /// Cuts the connection between two nodes in one direction: `to` receives nothing from `from`.
    pub(super) fn cut_one_way(&mut self, from: usize, to: usize) -> Result<()> {
        self.cut.insert((from, to));
        self.apply()
    }

    /// Drops `percent` of the packets sent to a node.
    pub(super) fn lose(&mut self, node: usize, percent: u64) -> Result<()> {
        self.loss.insert(node, percent);
        self.apply()
    }

    /// Repairs everything.
    pub(super) fn heal(&mut self) -> Result<()> {
        self.cut.clear();
        self.loss.clear();
        for node in std::mem::take(&mut self.delayed) {
            let delete = format!("-n n{node} qdisc del dev eth0 root");
            run("tc", &delete.split(' ').collect::<Vec<_>>())?;
        }
        self.apply()
    }

    /// Delays the packets that a node sends.
    pub(super) fn delay(&mut self, node: usize) -> Result<()> {
        let start = format!("-n n{node} qdisc replace dev eth0 root");
        let words = start.split(' ').collect::<Vec<_>>();
        let attempt = |how| run("tc", &[&words[..], how].concat());
        attempt(NETEM).or_else(|_| attempt(NARROW))?;
        self.delayed.insert(node);
        Ok(())
    }

    /// Returns the rules that drop packets to a node.
    fn rules(&self, node: usize) -> String {
        let deaf = self.cut.iter().filter(|(_, to)| *to == node);
        let mut rules: Vec<String> = deaf
            .flat_map(|(from, _)| &self.addresses[*from])
            .map(|address| {
                let family = if address.is_ipv6() { "ip6" } else { "ip" };
                format!("{family} saddr {address} drop\n")
            })
            .collect();
        let loss = self.loss.get(&node);
        rules.extend(
            loss.map(|percent| format!("iifname eth0 numgen random mod 100 < {percent} drop\n")),
        );
        rules.concat()
    }

    /// Replaces the rules of every node whose rules have changed.
    fn apply(&mut self) -> Result<()> {
        for node in 0..self.addresses.len() {
            let rules = self.rules(node);
            if rules == self.applied[node] {
                continue;
            }
            let table = format!(
                "table inet lab {{}}\ndelete table inet lab\ntable inet lab {{\nchain in {{\n\
                 type filter hook input priority 0;\n{rules}}}\n}}\n"
            );
            nft(node, &table)?;
            self.applied[node] = rules;
        }
        Ok(())
    }
}

fn nft(node: usize, table: &str) -> Result<()> {
    let mut nft = Command::new("nsenter")
        .arg(format!("--net=/run/netns/n{node}"))
        .args(["nft", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .context("starting nft")?;
    let mut input = nft.stdin.take().context("nft takes no input")?;
    input.write_all(table.as_bytes())?;
    drop(input);
    if !nft.wait()?.success() {
        bail!("nft refused: {table}");
    }
    Ok(())
}

fn ip(words: &str) -> Result<()> {
    run("ip", &words.split(' ').collect::<Vec<_>>())
}

fn run(program: &str, words: &[&str]) -> Result<()> {
    let output = Command::new(program).args(words).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("`{program} {}`: {}", words.join(" "), reason.trim());
    }
    Ok(())
}

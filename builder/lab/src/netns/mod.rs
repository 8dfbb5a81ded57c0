//! A node's own files with real etcd, without a machine: many clusters, many faults, in minutes.
//!
//! ```text
//!   lab ──▶ one process per scenario, in namespaces of its own ──▶ one per node: root, /run, data, address of its own
//!           (network: a bridge; clients run here)                   (`init`: runs the unit etcd.service as systemd would)
//! ```
//!
//! The files come from images that `etcd-image build` made. Only etcd itself is replaced, by a build for this machine.
//! Time passes ten times as fast for the node's scripts: `sleep` and `timeout` in their PATH are this program.
//! **Invariant**: no trace remains. The kernel ends every process and network when the scenario's first process ends.
#![expect(
    clippy::disallowed_methods,
    reason = "a laboratory starts programs, writes files and reads the clock; the product does not"
)]

mod aside;
mod authentication;
mod changes;
mod checker;
mod cli;
mod client;
mod clock;
mod copies;
mod damage;
mod enclosure;
mod gateway;
mod history;
mod idle;
mod images;
mod init;
mod lab;
mod links;
mod loss;
mod memory;
mod model;
mod moves;
mod node;
mod operate;
mod pace;
mod random;
mod received;
mod reported;
mod restarts;
mod restored;
mod root;
mod runner;
mod sabotage;
mod scenarios;
mod shim;
mod signal;
mod stale;
mod traffic;
mod twice;
mod unit;
mod violation;
mod wrong;

use std::process::ExitCode;

/// Runs the laboratory under its own name, and a shim under the shim's name.
pub fn main() -> ExitCode {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    let arguments: Vec<String> = words.collect();
    let result = match name.rsplit('/').next() {
        Some("sleep") => shim::sleep(&arguments),
        Some("timeout") => shim::timeout(&arguments),
        Some("systemctl") => shim::systemctl(&arguments),
        Some("sudo") => shim::sudo(&arguments),
        _ => cli::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        history::complain(&format!("error: {error:#}"));
        ExitCode::from(2)
    })
}

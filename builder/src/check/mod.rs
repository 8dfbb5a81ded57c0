//! Checks that a finished image will boot and let its owner in. Reads the image only, and knows nothing of the plan.
//!
//! `inspect`, `overlay` and `plan` refuse known mistakes early and with better advice. This check looks at the result, so it also
//! finds mistakes that no rule anticipates. It reads metadata and small files.

mod accounts;
mod admission;
mod certificates;
mod etcd;
mod files;
mod findings;
mod firmware;
mod identity;
mod interface_name;
mod kernel;
mod login;
mod managed;
mod modules;
mod network;
mod other_networks;
mod partition_name;
mod partitions;
mod persistence;
mod sshd;
mod sshd_config;
mod sshd_keywords;
mod sshd_listen;
mod sshd_options;
mod system;
mod tree;
mod udev_rule;
mod ufw;
mod unit;
mod units;

use anyhow::Result;

pub use findings::Findings;
pub use partitions::{kernel_command_line, mount_faults, root_fault};

use crate::description::{self, NodeDescription};
use crate::inspect::{Files, Image, NODE_PROGRAMS, System, Volume};
use accounts::ImageAccounts;
use system::NodeSystem;
use tree::Tree;

/// Returns every fault that keeps the node from booting, from running etcd or from letting its owner in.
pub fn check(image: &Image, files: &mut Files) -> Result<Findings> {
    let node = description::required(image, files)?;
    let mut findings = Findings::default();
    certificates::check(&node, files, &mut findings)?;
    match image.layout().system {
        System::Root(_) => check_root(image, files, &node, &mut findings)?,
        System::Writable(_) | System::Seed(_) => {
            firmware::check_core(&mut Tree::new(files.at(Volume::Boot)?), &mut findings)?;
        }
    }
    Ok(findings)
}

fn check_root(
    image: &Image,
    files: &mut Files,
    node: &NodeDescription,
    findings: &mut Findings,
) -> Result<()> {
    let layout = image.layout();
    let commands = firmware::check(&mut Tree::new(files.at(Volume::Boot)?), findings)?;
    let mut root = Tree::new(files.at(Volume::Root)?);
    let accounts = ImageAccounts::read(&mut root)?;
    let system = &mut NodeSystem {
        node,
        layout,
        accounts: &accounts,
        root,
        findings,
    };
    for arguments in &commands {
        kernel::check(arguments, system)?;
    }
    let fstab = system.root.text("/etc/fstab")?.unwrap_or_default();
    for fault in mount_faults(&fstab, layout) {
        system.add(fault);
    }
    let init = format!("{NODE_PROGRAMS}/init");
    let has_memory_over_root = node.files.iter().any(|file| file.path == init);
    system.expect(
        has_memory_over_root || !partitions::is_root_read_only(&fstab),
        "/etc/fstab mounts / with `ro`, but the node writes to it",
    );
    persistence::check(&commands, &fstab, system)?;
    identity::check(system)?;
    files::check(system)?;
    units::check(system)?;
    etcd::check(system)?;
    network::check(system)?;
    ufw::check(system)?;
    interface_name::check(&commands, system)?;
    modules::check(system)?;
    login::check(system)?;
    sshd::check(system)
}

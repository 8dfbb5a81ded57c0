//! Scenarios in which a node's program is broken on purpose: the checker must detect it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::history::say;
use super::lab::Lab;
use super::model::Wanted;
use super::root::PROGRAMS;
use super::scenarios::{Play, form};
use super::twice;
use super::violation::{Invariant, Violation};

/// A broken program, and the invariant that it violates.
#[derive(Debug)]
pub(super) struct Sabotage {
    name: &'static str,
    pub(super) set: &'static str,
    /// The actions before the program is broken.
    before: Play,
    /// The actions with the broken program.
    pub(super) play: Play,
    /// The program, and shell code added at the beginning of `join` or at the end of one that `join` reads.
    program: &'static str,
    code: &'static str,
    /// The node with the broken program, or `None` for all nodes.
    node: Option<usize>,
    breaks: Invariant,
}

const ALL: &[Sabotage] = &[
    // A node with data starts a new cluster with it, without a command to do so.
    Sabotage {
        name: "sabotage-one-cluster",
        set: "three",
        before: form,
        play: reboot_two,
        program: "actions",
        code: "decide() { case $(cat) in *'data yes'*) touch \"$DATA/force-new-cluster\"; echo force ;; *) echo wait ;; esac; }
stays_alone() { :; }",
        node: None,
        breaks: Invariant::OneCluster,
    },
    // Every node forgets everything at each start.
    Sabotage {
        name: "sabotage-no-lost-write",
        set: "three",
        before: form,
        play: reboot_all,
        program: "join",
        code: "rm -rf /var/lib/etcd/member /var/lib/etcd/node",
        node: None,
        breaks: Invariant::NoLostWrite,
    },
    // Members that another one has removed give up what only they have.
    Sabotage {
        name: "sabotage-no-lost-write-of-a-majority",
        set: "three",
        before: twice::forced_is_first,
        play: all_join,
        program: "decide",
        code: "decide() { read_facts; ahead=''; if [ \"$data\" = yes ]; then with_data; else without_data; fi; }",
        node: None,
        breaks: Invariant::NoLostWrite,
    },
    // One member changes its data.
    Sabotage {
        name: "sabotage-same-data",
        set: "three",
        before: form,
        play: reboot_all,
        program: "join",
        code: ": >/run/etcd/unchecked; [ ! -e /var/lib/etcd/member/snap/db ] || sed -i s/written/altered/g /var/lib/etcd/member/snap/db",
        node: Some(1),
        breaks: Invariant::SameData,
    },
    // A node without data does not ask to be added.
    Sabotage {
        name: "sabotage-membership",
        set: "three",
        before: form,
        play: wipe_one,
        program: "decide",
        code: "decide() { case $(cat) in *'data yes'*'majority'*) echo resume ;; *'majority yes'*) echo 'wait for nothing' ;; \
               *) echo resume ;; esac; }",
        node: Some(2),
        breaks: Invariant::Membership,
    },
    // No node reports why it waits.
    Sabotage {
        name: "sabotage-reason",
        set: "three",
        before: |_| Ok(()),
        play: start_two,
        program: "decide",
        code: "decide() { while :; do sleep 1; done; }",
        node: None,
        breaks: Invariant::Reason,
    },
    // What the nodes say is no reason.
    Sabotage {
        name: "sabotage-reason-beside-others",
        set: "three",
        before: |_| Ok(()),
        play: start_two,
        program: "join",
        code: "echo 'etcd-node: warning: this is no reason'; while :; do sleep 1; done",
        node: None,
        breaks: Invariant::Reason,
    },
];

pub(super) fn names() -> impl Iterator<Item = String> {
    ALL.iter().map(|sabotage| sabotage.name.to_owned())
}

pub(super) fn find(name: &str) -> Option<&'static Sabotage> {
    ALL.iter().find(|sabotage| sabotage.name == name)
}

impl Sabotage {
    /// Runs the scenario, which ends with the checker.
    pub(super) fn run(&self, lab: &mut Lab) -> Result<()> {
        (self.before)(lab)?;
        self.prepare(lab)?;
        (self.play)(lab)
    }

    /// Writes the broken programs, which nodes run from their next start.
    fn prepare(&self, lab: &mut Lab) -> Result<()> {
        for (index, node) in lab.nodes.iter().enumerate() {
            if self.node.is_none_or(|only| only == index) {
                let path = node.image.join(PROGRAMS).join(self.program);
                let text = fs_err::read_to_string(&path)?;
                let broken = if self.program == "join" {
                    let (first, rest) = text.split_once('\n').context("the program is one line")?;
                    format!("{first}\n{}\n{rest}", self.code)
                } else {
                    format!("{text}\n{}\n", self.code)
                };
                let copy = node.folder.join("sabotaged").join(self.program);
                fs_err::create_dir_all(node.folder.join("sabotaged"))?;
                fs_err::write(&copy, broken)?;
                fs_err::set_permissions(&copy, fs_err::metadata(&path)?.permissions())?;
            }
        }
        Ok(())
    }

    /// Returns success if the checker has detected the violation.
    pub(super) fn verdict(&self, result: &Result<()>) -> ExitCode {
        let seen = match result {
            Ok(()) => None,
            Err(error) => error
                .downcast_ref::<Violation>()
                .map(|violation| violation.invariant),
        };
        if seen == Some(self.breaks) {
            say(&format!(
                "the checker saw that {:?} was broken, as it should",
                self.breaks
            ));
            return ExitCode::SUCCESS;
        }
        say(&format!(
            "{:?} was broken on purpose; the checker saw {seen:?}",
            self.breaks
        ));
        ExitCode::from(1)
    }
}

/// Reboots two nodes after stopping the clients, which would see a lost write before the checker sees two clusters.
fn reboot_two(lab: &mut Lab) -> Result<()> {
    lab.traffic.stop();
    lab.cut(0)?;
    lab.cut(1)?;
    lab.settle(&Wanted::everyone())
}

fn reboot_all(lab: &mut Lab) -> Result<()> {
    lab.cut_all()?;
    lab.settle(&Wanted::everyone())
}

/// Waits until everybody is a member of the cluster that serves, while the clients are paused: they would immediately see what it lacks.
fn all_join(lab: &mut Lab) -> Result<()> {
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.has_every_write()
}

fn wipe_one(lab: &mut Lab) -> Result<()> {
    lab.bound = Duration::from_secs(15);
    lab.wipe(2)?;
    lab.settle(&Wanted::everyone())
}

fn start_two(lab: &mut Lab) -> Result<()> {
    lab.start(0)?;
    lab.start(1)?;
    lab.settle(&Wanted::nobody().without(&[2]))
}

//! Replaces the CA of a running cluster: every node trusts the next one first, then all certificates come from it, then the
//! previous one is no longer trusted.
//!
//! etcd reads the certificates of CAs when it starts. Members therefore restart one at a time, the leader last, while a
//! majority works without them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::access::Access;
use super::gather::{Scope, survey};
use super::lock::OperatorLock;
use super::operation::Operation;
use super::report::ClusterReport;
use super::ssh::SshLogin;
use super::{catch_up, order, renew, ssh_reason};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::hex;
use crate::pki::{self, Phase};
use crate::progress::Progress;

/// How long the service of a node may take to restart.
const RESTART: Duration = Duration::from_mins(2);
/// How long its member may take to catch up afterwards.
const CATCH_UP: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// Complete the phase that is not complete, or else the next one.
    Next,
    /// Complete all phases.
    All,
    /// Give the next CA up.
    Abort,
}

/// How to reach the cluster whose CA changes.
#[derive(Debug)]
pub struct Rotating<'a> {
    /// The state directory.
    pub state: &'a Path,
    /// How ssh logs in to the nodes.
    pub ssh: SshLogin,
    /// The time in seconds since 1970.
    pub now: i64,
    /// The lock of this command.
    pub lock: &'a OperatorLock,
    /// Where to say what happens.
    pub progress: &'a dyn Progress,
}

/// The state of a change of the CA. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Debug, Serialize)]
pub struct Rotation {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The phase that is complete on every node.
    pub complete: CompletePhase,
    /// The certificates that every client must trust now.
    pub trusted: PathBuf,
}

/// A phase that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompletePhase {
    /// Every node trusts both CAs.
    Trust,
    /// Every certificate comes from the next CA.
    Issue,
    /// The next CA is the only one.
    Done,
    /// The previous CA is the only one again.
    Aborted,
}

/// Changes the CA by one step.
pub fn rotate(rotating: &Rotating<'_>, step: RotationStep) -> Result<Rotation> {
    let complete = match step {
        RotationStep::Next => rotating.next()?,
        RotationStep::All => loop {
            if let CompletePhase::Done = rotating.next()? {
                break CompletePhase::Done;
            }
        },
        RotationStep::Abort => rotating.abort()?,
    };
    let trusted = match complete {
        CompletePhase::Trust | CompletePhase::Issue => pki::TRUSTED,
        CompletePhase::Done | CompletePhase::Aborted => "ca.crt",
    };
    Ok(Rotation {
        format: 1,
        cluster: rotating.access()?.description.cluster,
        complete,
        trusted: rotating.state.join(trusted),
    })
}

impl Rotating<'_> {
    fn access(&self) -> Result<Access> {
        Access::open(self.state, self.ssh.clone())
    }

    /// Completes the current phase if it is not complete on every node, or else the next one.
    fn next(&self) -> Result<CompletePhase> {
        self.lock.must_be_kept()?;
        match pki::rotation(self.state)? {
            None => {
                self.all_answer()?;
                pki::begin_rotation(self.state, self.now)?;
                self.progress.note(
                    "phase 1 of 3: every node will trust the next CA as well as the current one",
                );
                self.trust(Some(Phase::Trust))?;
                Ok(CompletePhase::Trust)
            }
            Some(Phase::Trust) if !self.is_trusted(Phase::Trust)? => {
                self.progress
                    .note("phase 1 of 3, continued: every node will trust the next CA as well as the current one");
                self.trust(Some(Phase::Trust))?;
                Ok(CompletePhase::Trust)
            }
            Some(Phase::Trust) => {
                self.progress
                    .note("phase 2 of 3: every certificate comes from the next CA");
                pki::enter(self.state, Phase::Issue)?;
                self.issue()?;
                Ok(CompletePhase::Issue)
            }
            // What every node has already is not handed over again.
            Some(Phase::Issue) if !self.is_issued()? => {
                self.progress
                    .note("phase 2 of 3, continued: every certificate comes from the next CA");
                Ok(CompletePhase::Issue)
            }
            Some(Phase::Issue) => {
                pki::enter(self.state, Phase::Finish)?;
                self.finish()
            }
            Some(Phase::Finish) => {
                // A node that began with its image's certificate again must get its own before it loses the CA of that one.
                self.issue()?;
                self.finish()
            }
        }
    }

    /// Completes the second phase. Returns whether every node had everything already. One that was flashed with an older image,
    /// and whose data was wiped, does not trust the next CA any more.
    fn is_issued(&self) -> Result<bool> {
        let is_trusted = self.is_trusted(Phase::Issue)?;
        if !is_trusted {
            self.trust(Some(Phase::Issue))?;
        }
        Ok(self.issue()? && is_trusted)
    }

    fn finish(&self) -> Result<CompletePhase> {
        self.progress
            .note("phase 3 of 3: no node trusts the previous CA any more");
        self.trust(Some(Phase::Finish))?;
        pki::finish_rotation(self.state)?;
        Ok(CompletePhase::Done)
    }

    /// Gives the next CA up, in the first or second phase.
    fn abort(&self) -> Result<CompletePhase> {
        match pki::rotation(self.state)? {
            None => {
                let message =
                    "there is nothing to abort: the CA of this cluster is not being replaced";
                let hint = "leave `--abort` out to begin the replacement";
                return Err(Kind::Usage.error(message, hint));
            }
            Some(Phase::Finish) => {
                let message =
                    "the last phase has begun, and some nodes no longer trust the previous CA";
                let hint = "complete it with `etcd-image cluster rotate-ca`; another change brings another CA";
                return Err(Kind::Refused.error(message, hint));
            }
            Some(Phase::Issue) => {
                pki::enter(self.state, Phase::Trust)?;
                self.issue()?;
            }
            // An abort may have been interrupted while it handed certificates of the previous CA over.
            Some(Phase::Trust) => {
                self.issue()?;
            }
        }
        self.trust(None)?;
        pki::abort_rotation(self.state)?;
        Ok(CompletePhase::Aborted)
    }

    /// Refuses to begin while a node is missing, which would be left behind without a way back, or cannot be spared while it
    /// restarts.
    fn all_answer(&self) -> Result<()> {
        let access = self.access()?;
        let report = survey(&access, self.now, Scope::Etcd)?;
        report.verdict()?;
        let mut members = access.description.members.iter();
        members.try_for_each(|member| {
            report.can_spare(&member.name)?;
            places(&access, member).map(drop)
        })
    }

    fn is_trusted(&self, phase: Phase) -> Result<bool> {
        let access = self.access()?;
        let digests = digests(&pki::trusted_ca(self.state, Some(phase))?);
        for member in &access.description.members {
            if !uses(&access, member, &digests)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Hands every node the CAs of a phase, and restarts its etcd.
    fn trust(&self, phase: Option<Phase>) -> Result<()> {
        let access = self.access()?;
        let bundle = pki::trusted_ca(self.state, phase)?;
        let digests = digests(&bundle);
        // A node that is gone is named before others restart.
        for member in &access.description.members {
            places(&access, member)?;
        }
        let mut waiting = access.named(&[])?;
        let mut report = survey(&access, self.now, Scope::Etcd)?;
        while let Some(name) = order::next(&report, &mut waiting) {
            let member = access.node(&name)?.clone();
            if uses(&access, &member, &digests)? {
                continue;
            }
            self.lock.must_be_kept()?;
            report.can_spare(&name)?;
            let given =
                access
                    .ssh
                    .run_with(member.address, &renew::program("trust"), bundle.as_bytes());
            given.map_err(|reason| {
                let message = format!("handing {name} the certificates of CAs: {reason}");
                Kind::Unhealthy.error(message, CONTINUE)
            })?;
            report = self.restart(&access, &member, &digests)?;
            self.progress.note(&format!("{name}: done"));
        }
        Ok(())
    }

    fn restart(
        &self,
        access: &Access,
        member: &DescribedMember,
        digests: &[String],
    ) -> Result<ClusterReport> {
        let name = &member.name;
        // Another member may have failed while this one received the certificates.
        catch_up::before_restart(access, name, self.now)?;
        access
            .ssh
            .run(member.address, RESTART_ETCD)
            .map_err(|reason| {
                Kind::Unhealthy.error(format!("restarting etcd on {name}: {reason}"), CONTINUE)
            })?;
        let started = Instant::now();
        while let used @ (Ok(false) | Err(_)) = uses(access, member, digests) {
            if started.elapsed() > RESTART {
                // A node that cannot be asked may have restarted.
                used?;
                let message = format!(
                    "etcd on {name} has not restarted within {} s",
                    RESTART.as_secs()
                );
                return Err(Kind::Unhealthy.error(message, CONTINUE));
            }
            thread::sleep(INTERVAL);
        }
        catch_up::wait(access, name, CATCH_UP, self.now)
    }

    /// Issues all certificates from the CA that signs, and hands them over. Returns whether every node had them already.
    fn issue(&self) -> Result<bool> {
        let renewed = renew::renew_in_state(self.state, 0, self.now)?;
        let access = self.access()?;
        let operation = Operation {
            access: &access,
            now: self.now,
            lock: self.lock,
            progress: self.progress,
        };
        let renewal = renew::hand_over(&operation, &renewed)?;
        renewal.verdict_with(step)?;
        let mut nodes = renewal.nodes.iter();
        Ok(nodes.all(|node| node.outcome == renew::RenewalOutcome::Current))
    }
}

/// Returns the next step after a login on a node has failed. No phase is complete without every node, and neither is the way
/// back: a member that missed it would refuse the others when it returns.
fn step(name: &str, reason: &str) -> String {
    match ssh_reason::hint(reason) {
        unreachable @ ssh_reason::UNREACHABLE => format!(
            "{unreachable}, or replace it first with `etcd-image cluster replace {name}` if it is gone for good"
        ),
        other => other.to_owned(),
    }
}

/// Returns what the program of a node lists.
fn places(access: &Access, member: &DescribedMember) -> Result<Vec<String>> {
    let said = access.ssh.run(member.address, &renew::program("list"));
    let said = said.map_err(|reason| {
        let message = format!("asking {} for its certificates: {reason}", member.name);
        Kind::Unhealthy.error(message, step(&member.name, &reason))
    })?;
    let knows_ca = said.lines.iter().any(|line| line.ends_with(" ca"));
    if !knows_ca {
        let name = &member.name;
        let message = format!("the image of {name} is too old for a change of the CA");
        let hint = "build it again and flash the node, then run the command again";
        return Err(Kind::Refused.error(message, hint));
    }
    Ok(said.lines)
}

/// Returns the digests of certificates of CAs as nodes may have them: an image from the second phase begins with the next CA.
fn digests(bundle: &str) -> [String; 2] {
    let last = bundle.rfind("-----BEGIN CERTIFICATE-----");
    let (first, last) = bundle.split_at(last.unwrap_or_default());
    [bundle.to_owned(), format!("{last}{first}")].map(hex::sha256)
}

/// Returns whether a node uses exactly the certificates of CAs with one of these digests.
fn uses(access: &Access, member: &DescribedMember, digests: &[String]) -> Result<bool> {
    let places = places(access, member)?;
    let is_own = |line: &String| {
        let digest = line.strip_suffix(" ca");
        digests.iter().any(|own| digest == Some(own.as_str()))
    };
    Ok(places.iter().any(is_own) && !places.iter().any(|line| line.ends_with(" restart")))
}

pub(super) const RESTART_ETCD: &str = "sudo -n systemctl restart --no-block etcd";
const CONTINUE: &str = "run the command again, which continues; `etcd-image cluster logs NODE` shows the messages of a node";

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trusted = self.trusted.display();
        match self.complete {
            CompletePhase::Trust => writeln!(
                f,
                "phase 1 of 3 is complete: every node trusts both CAs\nGive {trusted} to your own clients of etcd as their CA file, \
                 then run the command again"
            ),
            CompletePhase::Issue => writeln!(
                f,
                "phase 2 of 3 is complete: every certificate of the nodes comes from the next CA\nGive your own clients new \
                 certificates, then run the command again; until then, `--abort` returns to the previous CA"
            ),
            CompletePhase::Done => writeln!(
                f,
                "phase 3 of 3 is complete: only the new CA is trusted ({trusted})\nBuild all images again, and flash them when it \
                 suits you: a node whose data is wiped cannot rejoin with an image of the previous CA. If `cluster.toml` names \
                 that CA, remove `ca-certificate`, `ca-key` and `ca-passphrase-file` from [pki] first"
            ),
            CompletePhase::Aborted => {
                writeln!(f, "aborted: only the previous CA is trusted ({trusted})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_have_both_cas_in_the_other_order() {
        let pem = |text: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        let (current, next) = (pem("current"), pem("next"));
        let [own, other] = [current.clone() + &next, next.clone() + &current];
        assert_eq!(digests(&own), [hex::sha256(&own), hex::sha256(&other)]);
        assert_eq!(digests(&next), [hex::sha256(&next), hex::sha256(&next)]);
    }
}

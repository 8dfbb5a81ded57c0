//! The steps that changes of the members share, and the report of a change.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::access::ssh_login;
use super::printing::print;
use crate::cli::{self, ChangeOptions, Environment, OutputMode, WaitOptions};
use crate::cluster::{self, Access, ClusterReport, Leaver, NodeRenewal, Operation, OperatorLock};
use crate::failure::Kind;
use crate::pki;
use crate::progress::{self, Progress};
use crate::run::{Job, Prepared};
use crate::shell;
use crate::spec::{self, NodeEdit, Purpose};
use crate::store::Destination;

/// A change of the members. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Debug, Serialize)]
pub(super) struct MembershipChange {
    /// Version of this format.
    format: u32,
    /// Cluster name.
    cluster: String,
    /// The new member.
    added: Option<String>,
    /// The former member.
    removed: Option<String>,
    /// The image of the new member, if this command built it.
    image: Option<PathBuf>,
    /// Whether the new member still has to start.
    waiting: bool,
    /// The members now.
    members: Vec<String>,
    /// Seconds that the command took.
    seconds: f64,
}

/// The context of a command that changes the members: its options and the lock on the cluster.
pub(super) struct ChangeContext<'a> {
    options: ChangeOptions,
    pub(super) environment: &'a Environment,
    mode: &'a OutputMode,
    progress: Box<dyn Progress>,
    started: Instant,
    lock: OperatorLock,
}

impl<'a> ChangeContext<'a> {
    pub(super) fn open(
        options: ChangeOptions,
        environment: &'a Environment,
        mode: &'a OutputMode,
        command: &str,
    ) -> Result<Self> {
        let nodes = &options.work.nodes;
        if nodes.nodes.is_some() || nodes.fleet.is_some() || !nodes.only.is_empty() {
            let message = format!("`{command}` does not accept `--nodes`, `--fleet` or `--only`");
            return Err(Kind::Usage.error(
                message,
                "remove them: the command determines which node to build",
            ));
        }
        if nodes.restore.is_some() {
            let message = format!("`{command}` does not accept `--restore`");
            let hint = "remove it: a new member receives the data of the running cluster";
            return Err(Kind::Usage.error(message, hint));
        }
        if Destination::of(&options.work)?.is_some() {
            let message = format!("`{command}` does not send its image to a store");
            return Err(Kind::Usage.error(message, "name a directory with `--out`"));
        }
        let started = Instant::now();
        let progress = progress::stderr(mode.quiet);
        let access = access(&options)?;
        let (operator, now) = (&environment.operator, environment.clock);
        let lock = OperatorLock::require(&access, command, operator, now, &*progress)?;
        access.must_know_the_time(now)?;
        Ok(Self {
            options,
            environment,
            mode,
            progress,
            started,
            lock,
        })
    }

    /// Opens the state directory, which a previous step may have changed.
    pub(super) fn access(&self) -> Result<Access> {
        access(&self.options)
    }

    pub(super) fn report(&self) -> Result<ClusterReport> {
        cluster::members(&self.access()?, self.environment.clock)
    }

    pub(super) fn note(&self, line: &str) {
        self.progress.note(line);
    }

    pub(super) fn job(&self) -> Job {
        let work = self.options.work.clone();
        Job::new(work, self.environment.clone(), self.mode)
    }

    fn input(&self) -> Result<spec::Input> {
        spec::Input::gather(&self.options.work, self.environment, Purpose::Images)
    }

    /// Returns the address of a new node: as given, as `cluster.toml` has it already, or that of the node before it.
    pub(super) fn address(
        &self,
        name: &str,
        given: Option<IpAddr>,
        before: Option<IpAddr>,
    ) -> Result<IpAddr> {
        match (given, self.written(name)?) {
            (Some(given), Some(written)) if given != written => {
                let message =
                    format!("cluster.toml gives {name} the address {written}, not {given}");
                Err(Kind::Usage.error(message, "leave `--address` out, or correct the file"))
            }
            (given, written) => given.or(written).or(before).ok_or_else(|| {
                let message = format!("the address of {name} is missing");
                Kind::Usage.error(message, "name it, as in `--address 192.168.0.53`")
            }),
        }
    }

    /// Returns the address of a node in `cluster.toml`, if that is valid and contains the node.
    pub(super) fn written(&self, name: &str) -> Result<Option<IpAddr>> {
        let Ok(cluster) = spec::resolve(&self.input()?) else {
            return Ok(None);
        };
        let node = cluster.nodes.into_iter().find(|node| node.name == name);
        Ok(node.map(|node| node.address))
    }

    /// Changes `cluster.toml`, unless it contains the change. A change is refused if it would make the file invalid, if nobody could
    /// issue the certificates that follow from it, or if the image of its new node may not be built, such as without the key that signs it.
    pub(super) fn edit(&self, edit: &NodeEdit) -> Result<()> {
        let mut input = self.input()?;
        let path = self.options.work.fetch.sources.config.clone();
        let mut file = input.config.take().unwrap_or_else(|| spec::TextFile {
            path: path.unwrap_or_else(|| spec::DEFAULT_CONFIG.into()),
            text: String::new(),
        });
        let known = self.access()?.nodes();
        let text = spec::edit_nodes(&file.text, &known, edit)?;
        let is_changed = text.is_some();
        file.text = text.unwrap_or(file.text);
        input.config = Some(file.clone());
        let cluster = spec::resolve(&input)?;
        if is_changed {
            self.lock.must_be_kept()?;
            let access = self.access()?;
            if access.uses_certificates() {
                let state = &self.options.work.fetch.sources.state;
                pki::can_issue(state, self.environment.clock)?;
            }
            let new = edit.new_node().map(|new| new.name.as_str());
            if let Some(new) = new.filter(|new| !access.is_running(new)) {
                crate::permitted_key(&self.job_of(new), &cluster)?;
            }
            cli::replace(&file.path, &file.text)?;
            self.note(&format!("changed {}", file.path.display()));
        }
        Ok(())
    }

    /// Builds the image of a node, unless the node runs already.
    pub(super) fn build_unless_it_runs(&self, name: &str) -> Result<Option<PathBuf>> {
        if !self.access()?.is_running(name) {
            return self.build(name).map(Some);
        }
        if !self.report()?.is_well(name) {
            self.note(&format!(
                "a board answers at the address of {name} and is taken for the new one; if it is a former one, which hangs, switch it \
                 off, then run the command again"
            ));
        }
        Ok(None)
    }

    fn build(&self, name: &str) -> Result<PathBuf> {
        self.must_have_config()?;
        let output = &self.options.work.output;
        let image = match output.formats.first() {
            Some(format) => output.out.join(format.file_name(name)),
            None => output.out.clone(),
        };
        let job = self.job_of(name);
        let cluster = job.cluster(Purpose::Images)?;
        crate::build(&job, &cluster, &mut Prepared::default())?;
        Ok(image)
    }

    /// Returns the run that builds the image of a node.
    fn job_of(&self, name: &str) -> Job {
        let mut work = self.options.work.clone();
        work.nodes.only = vec![name.to_owned()];
        Job::new(work, self.environment.clone(), self.mode)
    }

    /// Refuses to build a node of a cluster that no file describes, as one that `build --nodes 3` has made.
    fn must_have_config(&self) -> Result<()> {
        if spec::config_path(self.options.work.fetch.sources.config.as_deref())?.is_some() {
            return Ok(());
        }
        let nodes = self.access()?.nodes().into_iter();
        let names: Vec<_> = nodes.map(|node| node.name).collect();
        Err(Kind::Usage.error(
            "there is no cluster.toml here, from which the image is built",
            format!(
                "write one with `etcd-image init` that describes the nodes of the cluster: {}",
                names.join(", ")
            ),
        ))
    }

    pub(super) fn hand_out(&self, except: Option<&str>) -> Result<Vec<NodeRenewal>> {
        cluster::hand_out(&self.operation(&self.access()?), except)
    }

    fn operation<'o>(&'o self, access: &'o Access) -> Operation<'o> {
        Operation {
            access,
            now: self.environment.clock,
            lock: &self.lock,
            progress: &*self.progress,
        }
    }

    /// Removes a member, which the last build may not contain any more.
    pub(super) fn remove_member(&self, access: Access, leaver: &Leaver) -> Result<ClusterReport> {
        let access = access.including(&leaver.name, leaver.address);
        cluster::remove_member(&self.operation(&access), leaver)
    }

    /// Says which card to write, and waits until the node is a member.
    pub(super) fn finish(
        &self,
        name: String,
        removed: Option<(String, Option<Leaver>)>,
        image: Option<PathBuf>,
        wait: WaitOptions,
    ) -> Result<()> {
        let (removed, leaver) = removed.unzip();
        let limit = Duration::from_mins(wait.wait);
        if let Some(image) = &image {
            self.note(&how_to_flash(&name, image, &self.options.work.output.out));
        }
        let (access, now) = (self.access()?, self.environment.clock);
        if limit.is_zero() {
            let report = cluster::members(&access, now)?;
            let mut change = self.outcome(Some(name), removed, image, &report);
            change.waiting = true;
            return self.print(&change);
        }
        let mut report = cluster::wait_for(&access, &name, limit, now, &*self.progress)?;
        if let Some(old) = &removed {
            // The new node has removed it from the list before it joined; one that etcd's authentication stopped has not.
            if let Some(leaver) = leaver.flatten() {
                report = self.remove_member(access, &leaver)?;
            }
            self.note(&format!(
                "{old} is no longer a member; keep it powered off, or erase its card"
            ));
        }
        self.print(&self.outcome(Some(name), removed, image, &report))
    }

    pub(super) fn outcome(
        &self,
        added: Option<String>,
        removed: Option<String>,
        image: Option<PathBuf>,
        report: &ClusterReport,
    ) -> MembershipChange {
        let listed = report.members.iter().filter(|it| it.started.is_some());
        MembershipChange {
            format: 1,
            cluster: report.cluster.clone(),
            added,
            removed,
            image,
            waiting: false,
            members: listed.map(|member| member.name.clone()).collect(),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    pub(super) fn print(&self, change: &MembershipChange) -> Result<()> {
        print(self.mode, change, change)
    }
}

/// Returns how the image of a new node gets onto a card. `out` is the directory with the image and its manifest.
fn how_to_flash(name: &str, image: &Path, out: &Path) -> String {
    format!(
        "write {} to a card (`sudo etcd-image flash --images {} {name}=/dev/sdX`), put it into the board and switch it on",
        image.display(),
        shell::path(out)
    )
}

fn access(options: &ChangeOptions) -> Result<Access> {
    let state = &options.work.fetch.sources.state;
    Access::open(state, ssh_login(&options.ssh))
}

impl fmt::Display for MembershipChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match (&self.added, &self.removed) {
            (Some(new), _) if self.waiting => format!("{new} is prepared but not yet a member"),
            (Some(new), Some(old)) => format!("{new} has replaced {old}"),
            (Some(new), None) => format!("{new} is a member"),
            (None, Some(old)) => format!("{old} is removed"),
            (None, None) => "nothing changed".to_owned(),
        };
        writeln!(
            f,
            "{done}; members of cluster {}: {} ({:.0} s)",
            self.cluster,
            self.members.join(", "),
            self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_finds_images_in_any_directory() {
        let out = Path::new("/srv/my images");
        let said = how_to_flash("etcd4", &out.join("etcd4.img"), out);
        let wanted = "write /srv/my images/etcd4.img to a card \
            (`sudo etcd-image flash --images '/srv/my images' etcd4=/dev/sdX`), put it into the board and switch it on";
        assert_eq!(said, wanted);
    }
}

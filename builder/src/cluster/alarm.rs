//! Disarms the alarms of etcd, once their causes are gone.

use std::fmt;
use std::net::IpAddr;

use anyhow::Result;
use serde::Serialize;

use super::access::Access;
use super::assess::ratio;
use super::report::DatabaseReport;
use super::space::{self, DatabaseContent};
use super::table::bytes;
use crate::etcd::{Alarm, CallError, Member, Session, Status};
use crate::failure::Kind;
use crate::printable::printable;

/// A database below this share of its quota has room again. etcd raises the alarm when it reaches the quota itself.
const SAFE_SHARE: f64 = 0.9;

/// The share above which a part of a database is most of it.
const MAJOR_SHARE: f64 = 0.5;

/// The alarms of a cluster. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Disarming {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The alarms that were found: kind and member.
    pub alarms: Vec<String>,
    /// The causes that are not gone. Without any, the alarms were disarmed.
    pub causes: Vec<String>,
    /// The databases of the members that answer.
    pub databases: Vec<MemberDatabase>,
    /// The live keys, if a database is full.
    pub content: Option<DatabaseContent>,
    #[serde(skip)]
    hint: String,
}

/// The database of a member.
#[derive(Clone, Debug, Serialize)]
pub struct MemberDatabase {
    /// Member name.
    pub name: String,
    /// Its size.
    #[serde(flatten)]
    pub database: DatabaseReport,
}

/// A member that answers.
struct Answering {
    name: String,
    session: Session,
    status: Status,
}

/// Disarms all alarms if the cause of each one is gone, and reports the causes otherwise.
pub fn disarm(access: &Access) -> Result<Disarming> {
    let (members, silent) = ask(access);
    let Some(first) = members.first() else {
        let (name, trouble) = silent
            .first()
            .map_or(("nobody", String::new()), |(name, trouble)| {
                (name, trouble.to_string())
            });
        let message =
            format!("no member could be asked for its alarms: {name} does not answer: {trouble}");
        let hint = "look at the cluster with `etcd-image cluster status`";
        return Err(Kind::Unhealthy.error(message, hint));
    };
    let failed = |what: &'static str| {
        let hint =
            "look at the cluster with `etcd-image cluster status`, then run the command again";
        move |trouble: CallError| {
            anyhow::Error::new(trouble).context(Kind::Unhealthy.context(what, hint))
        }
    };
    let alarms = first
        .session
        .alarms()
        .map_err(failed("reading the alarms"))?;
    let mut report = Disarming {
        format: 1,
        cluster: access.description.cluster.clone(),
        alarms: alarms.iter().map(|alarm| named(*alarm, &members)).collect(),
        causes: Vec::new(),
        databases: members
            .iter()
            .map(|it| it.database(access.description.quota))
            .collect(),
        content: None,
        hint: "look at the members that do not answer with `etcd-image cluster status`".to_owned(),
    };
    if alarms.is_empty() {
        return Ok(report);
    }
    let unknown = silent.iter();
    report.causes = unknown
        .map(|(name, trouble)| format!("{name} does not answer: {trouble}"))
        .collect();
    if alarms.iter().any(|alarm| alarm.kind == Alarm::NO_SPACE) {
        full(&mut report, first).map_err(failed("reading the keys"))?;
    }
    if alarms.iter().any(|alarm| alarm.kind == Alarm::CORRUPT) {
        corrupt(&mut report, &members, &silent).map_err(failed("comparing the members' data"))?;
    }
    if report.causes.is_empty() {
        for alarm in alarms {
            first
                .session
                .disarm(alarm)
                .map_err(failed("disarming the alarm"))?;
        }
    }
    Ok(report)
}

/// Returns the members that answer, and those that do not with the reasons.
fn ask(access: &Access) -> (Vec<Answering>, Vec<(&str, CallError)>) {
    let (mut answering, mut silent) = (Vec::new(), Vec::new());
    let status = |address: IpAddr| {
        let session = access.client.connect(address)?;
        let status = session.status()?;
        Ok((session, status))
    };
    for member in &access.description.members {
        match status(member.address) {
            Ok((session, status)) => answering.push(Answering {
                name: member.name.clone(),
                session,
                status,
            }),
            Err(trouble) => silent.push((member.name.as_str(), trouble)),
        }
    }
    (answering, silent)
}

impl Answering {
    fn database(&self, quota: u64) -> MemberDatabase {
        MemberDatabase {
            name: self.name.clone(),
            database: DatabaseReport {
                size: self.status.db_size,
                in_use: self.status.db_size_in_use,
                quota,
            },
        }
    }
}

/// Returns the text of an alarm. Its member may have been removed from the cluster.
fn named(alarm: Alarm, members: &[Answering]) -> String {
    let mut owners = members.iter();
    let owner = owners.find(|member| member.status.member_id() == alarm.member);
    let owner = owner.map_or(format!("{:x}", alarm.member), |owner| owner.name.clone());
    format!("{} on {owner}", alarm.name())
}

/// Adds the databases that are still full, and what fills them.
fn full(report: &mut Disarming, source: &Answering) -> Result<(), CallError> {
    let share = |it: &DatabaseReport| ratio(it.size, it.quota);
    let all = report.databases.iter();
    let Some(largest) = all.max_by(|a, b| share(&a.database).total_cmp(&share(&b.database))) else {
        return Ok(());
    };
    let database = largest.database;
    if share(&database) < SAFE_SHARE {
        return Ok(());
    }
    let percent = share(&database) * 100.0;
    let cause = format!(
        "the database of {} has {percent:.0} % of its quota",
        largest.name
    );
    let content = space::read(&source.session)?;
    remedy(&database, content.bytes).clone_into(&mut report.hint);
    report.causes.push(cause);
    report.content = Some(content);
    Ok(())
}

/// Returns the step that frees most of a database whose live keys have this many bytes.
fn remedy(database: &DatabaseReport, live: u64) -> &'static str {
    if ratio(database.in_use, database.size) < MAJOR_SHARE {
        "free the unused space with `etcd-image cluster defrag`, then run the command again"
    } else if ratio(live, database.in_use) < MAJOR_SHARE {
        "remove the history with `etcd-image cluster compact`, then free the space with `etcd-image cluster defrag`"
    } else {
        "delete keys that nobody needs (the largest prefixes are listed), then run `etcd-image cluster compact` and `etcd-image cluster defrag`"
    }
}

/// Adds the members whose data differ, or else those whose data was not compared because nobody has described them.
fn corrupt(
    report: &mut Disarming,
    members: &[Answering],
    silent: &[(&str, CallError)],
) -> Result<(), CallError> {
    if let Some(pair) = compare(members)? {
        report.add_difference(pair);
    } else if let Some(first) = members.first() {
        let list = first.session.members()?;
        let compared: Vec<_> = members.iter().map(|it| it.status.member_id()).collect();
        let is_other = |it: &&Member| {
            let is_silent = silent.iter().any(|(name, _)| *name == it.name);
            it.is_started() && !is_silent && !compared.contains(&it.id)
        };
        let others = list.iter().filter(is_other);
        report.add_undescribed(others.map(|it| printable(&it.name)).collect());
    }
    Ok(())
}

/// Compares the data of all members at a revision that each one has. Returns the first two that differ.
fn compare(members: &[Answering]) -> Result<Option<[&str; 2]>, CallError> {
    let common = members.iter().map(|member| member.status.revision()).min();
    let mut hashes = Vec::new();
    for member in members {
        let hash = member.session.hash(common.unwrap_or_default())?;
        hashes.push((member.name.as_str(), hash));
    }
    let different = |pair: &[(&str, crate::etcd::Hash)]| pair[0].1 != pair[1].1;
    let pair = hashes.windows(2).find(|pair| different(pair));
    Ok(pair.map(|pair| [pair[0].0, pair[1].0]))
}

impl Disarming {
    fn add_difference(&mut self, [a, b]: [&str; 2]) {
        self.causes.push(format!("the data of {a} and {b} differ"));
        "save a snapshot of the good member with etcdctl, then let the other one rejoin: run `sudo touch /var/lib/etcd/set-data-aside` \
         on its node (on Ubuntu Core or with `data-dir`, in its own data directory)"
            .clone_into(&mut self.hint);
    }

    fn add_undescribed(&mut self, names: Vec<String>) {
        if self.causes.is_empty() && !names.is_empty() {
            "name the newest state directory of this cluster with `--state`"
                .clone_into(&mut self.hint);
        }
        let causes = names.into_iter();
        self.causes
            .extend(causes.map(|name| format!("{name} is not in the state directory")));
    }

    /// Returns an error if the alarms were not disarmed.
    pub fn verdict(&self) -> Result<()> {
        let Some(cause) = self.causes.first() else {
            return Ok(());
        };
        let message = format!("alarm {} stays: {cause}", self.alarms[0]);
        Err(Kind::Unhealthy.error(message, &self.hint))
    }
}

impl fmt::Display for Disarming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.causes.is_empty() {
            "disarmed"
        } else {
            "stays"
        };
        for alarm in &self.alarms {
            writeln!(f, "alarm {alarm}: {state}")?;
        }
        if self.alarms.is_empty() {
            writeln!(f, "cluster {} has no alarm", self.cluster)?;
        }
        let Some(content) = &self.content else {
            return Ok(());
        };
        for MemberDatabase { name, database } in &self.databases {
            let DatabaseReport {
                size,
                in_use,
                quota,
            } = *database;
            let [size, in_use, quota] = [size, in_use, quota].map(bytes);
            writeln!(
                f,
                "{name}: database {size}, {in_use} of it in use, quota {quota}"
            )?;
        }
        writeln!(
            f,
            "{} live keys with {}; the largest prefixes:",
            content.keys,
            bytes(content.bytes)
        )?;
        content.prefixes.iter().try_for_each(|it| {
            let prefix = if it.prefix.is_empty() {
                "(without a slash)"
            } else {
                &it.prefix
            };
            writeln!(f, "  {:>8}  {:>8} keys  {prefix}", bytes(it.bytes), it.keys)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_frees_what_takes_most_room() {
        let database = |size: u64, in_use: u64| DatabaseReport {
            size,
            in_use,
            quota: 100,
        };
        let cases = [
            (database(100, 40), 30, "free the unused space"),
            (database(100, 90), 30, "remove the history"),
            (database(100, 90), 80, "delete keys"),
        ];
        for (database, live, wanted) in cases {
            assert!(remedy(&database, live).starts_with(wanted), "{wanted}");
        }
    }
}

//! The state of a cluster as text: one line of verdict, then one table of members and one of nodes.

use std::fmt::{self, Display, Formatter};

use super::assess::ratio;
use super::quorum::works;
use super::report::{CertificateReport, ClusterReport, MemberReport, NodeReport, Role, Verdict};
use crate::date::date;

impl Display for ClusterReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.summary())?;
        let head = [
            "member", "address", "state", "etcd", "database", "in use", "term", "index", "lag",
            "read", "server", "peer",
        ];
        table(f, head.map(str::to_owned), self.members.iter().map(member))?;
        for problem in &self.problems {
            writeln!(f, "problem: {problem}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        writeln!(f)?;
        let head = [
            "node", "clock", "image", "etcd", "system", "data", "heat", "power",
        ];
        let nodes = self
            .members
            .iter()
            .filter_map(|member| Some((member, member.node.as_ref()?)));
        table(
            f,
            head.map(str::to_owned),
            nodes.map(|(member, facts)| node(member, facts)),
        )?;
        for member in &self.members {
            if let Some(trouble) = &member.ssh_trouble {
                writeln!(f, "no login on {}: {trouble}", member.name)?;
            }
        }
        Ok(())
    }
}

impl ClusterReport {
    /// Returns the line of verdict.
    fn summary(&self) -> String {
        let well = self.members.iter().filter(|member| works(member)).count();
        let state = match self.verdict {
            Verdict::Healthy if self.warnings.is_empty() => "healthy",
            Verdict::Healthy => "healthy, with warnings",
            Verdict::Degraded => "degraded",
            Verdict::Down => "down",
        };
        let leader = self.leader().map_or("no leader".to_owned(), |leader| {
            format!("{} leads", leader.name)
        });
        format!(
            "cluster {}: {state}, {well} of {} members work, {leader}",
            self.cluster,
            self.members.len()
        )
    }
}

fn member(member: &MemberReport) -> [String; 12] {
    let state = match (member.reachable, member.role) {
        (true, Some(Role::Leader)) => "leader",
        (true, Some(Role::Learner)) => "learner",
        (true, _) if member.leader == 0 => "no leader",
        (true, _) => "follower",
        (false, _) => "silent",
    };
    [
        member.name.clone(),
        shown(member.address.as_ref(), ToString::to_string),
        state.to_owned(),
        shown(member.version.as_ref(), Clone::clone),
        shown(member.database.as_ref(), |it| bytes(it.size)),
        shown(member.database.as_ref(), |it| {
            percent(ratio(it.in_use, it.size))
        }),
        shown(member.raft_term.as_ref(), ToString::to_string),
        shown(member.raft_index.as_ref(), ToString::to_string),
        shown(member.lag.as_ref(), ToString::to_string),
        shown(member.read_milliseconds.as_ref(), |it| {
            format!("{it:.1} ms")
        }),
        shown(member.server_certificate.as_ref(), days),
        shown(member.peer_certificate.as_ref(), days),
    ]
}

fn node(member: &MemberReport, facts: &NodeReport) -> [String; 8] {
    let image = facts.image.as_ref().map(|image| {
        let built = facts
            .built
            .map_or(String::new(), |built| format!(", {}", date(built)));
        format!("{image}{built}")
    });
    let origin = |upgraded: &bool| if *upgraded { "upgrade" } else { "image" }.to_owned();
    let system = |read_only: &bool| if *read_only { "read-only" } else { "writable" }.to_owned();
    let power = |low: &bool| if *low { "too low" } else { "good" }.to_owned();
    [
        member.name.clone(),
        shown(facts.clock_offset.as_ref(), |it| format!("{it:+.2} s")),
        shown(image.as_ref(), Clone::clone),
        shown(facts.upgraded.as_ref(), origin),
        shown(facts.read_only.as_ref(), system),
        shown(facts.data_use.as_ref(), |it| percent(*it)),
        shown(facts.celsius.as_ref(), |it| format!("{it:.0} °C")),
        shown(facts.undervoltage.as_ref(), power),
    ]
}

/// Returns the text of a value, or a dash if it is not known.
fn shown<T>(value: Option<&T>, text: impl Fn(&T) -> String) -> String {
    value.map_or("-".to_owned(), text)
}

fn days(certificate: &CertificateReport) -> String {
    format!("{} d", certificate.days_left)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Returns a size in a unit that suits it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// Prints rows in columns as wide as their widest cell; nothing if there are no rows.
fn table<const N: usize>(
    f: &mut Formatter<'_>,
    head: [String; N],
    rows: impl Iterator<Item = [String; N]>,
) -> fmt::Result {
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    if rows.len() == 1 {
        return Ok(());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::super::report::DatabaseReport;
    use super::*;

    #[test]
    fn a_report_is_a_verdict_and_two_tables() {
        let well = MemberReport {
            reachable: true,
            started: Some(true),
            role: Some(Role::Leader),
            version: Some("3.5.16".to_owned()),
            database: Some(DatabaseReport {
                size: 20_480,
                in_use: 10_240,
                quota: 1 << 31,
            }),
            raft_term: Some(2),
            raft_index: Some(9),
            lag: Some(0),
            read_milliseconds: Some(1.25),
            server_certificate: Some(CertificateReport {
                not_after: 0,
                days_left: 1824,
            }),
            node: Some(NodeReport {
                clock_offset: Some(0.021),
                image: Some("etcd-image 0.1.0".to_owned()),
                built: Some(0),
                upgraded: Some(true),
                read_only: Some(true),
                data_use: Some(0.03),
                ..NodeReport::default()
            }),
            leader: 1,
            ..MemberReport::new("etcd1", "192.168.0.50".parse().ok())
        };
        let silent = MemberReport {
            trouble: Some("no answer within 3 s".to_owned()),
            ssh_trouble: Some("`ssh` is not installed".to_owned()),
            ..MemberReport::new("etcd2", "192.168.0.51".parse().ok())
        };
        let report = assess("main", vec![well, silent], &[]);
        let wanted = "\
cluster main: degraded, 1 of 2 members work, etcd1 leads

  member  address       state   etcd    database  in use  term  index  lag  read    server  peer
  etcd1   192.168.0.50  leader  3.5.16  20 kB     50 %    2     9      0    1.2 ms  1824 d  -
  etcd2   192.168.0.51  silent  -       -         -       -     -      -    -       -       -
problem: etcd2 does not answer: no answer within 3 s

  node   clock    image                         etcd     system     data  heat  power
  etcd1  +0.02 s  etcd-image 0.1.0, 1970-01-01  upgrade  read-only  3 %   -     -
no login on etcd2: `ssh` is not installed
";
        assert_eq!(report.to_string(), wanted);
    }
}

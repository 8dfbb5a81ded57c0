//! The state of a cluster as a text file for the `textfile` collector of Prometheus's `node_exporter`.

use std::fmt::Write as _;

use super::assess::ratio;
use super::report::{ClusterReport, MemberReport, NodeReport, Role, Verdict};

/// The value of a gauge for one member, if it is known.
type Value = fn(&MemberReport) -> Option<f64>;

/// The gauges: name, help text and value.
const GAUGES: [(&str, &str, Value); 14] = [
    ("up", "Whether etcd answers.", |it| Some(flag(it.reachable))),
    (
        "confirms_reads",
        "Whether a majority confirmed a read through this member.",
        |it| Some(flag(it.read_milliseconds.is_some())),
    ),
    ("is_leader", "Whether this member leads.", |it| {
        it.role.map(|role| flag(role == Role::Leader))
    }),
    ("is_learner", "Whether this member has no vote yet.", |it| {
        it.role.map(|role| flag(role == Role::Learner))
    }),
    ("read_seconds", "Duration of a linearizable read.", |it| {
        it.read_milliseconds.map(|it| it / 1000.0)
    }),
    ("database_bytes", "Size of the database.", |it| {
        it.database.map(|it| ratio(it.size, 1))
    }),
    (
        "database_in_use_bytes",
        "Part of the database that is in use; defragmentation frees the rest.",
        |it| it.database.map(|it| ratio(it.in_use, 1)),
    ),
    (
        "database_quota_ratio",
        "Size of the database over its quota.",
        |it| it.database.map(|it| ratio(it.size, it.quota)),
    ),
    (
        "lag_entries",
        "Log entries that are not applied yet.",
        |it| it.lag.map(|lag| ratio(lag, 1)),
    ),
    (
        "clock_offset_seconds",
        "Seconds by which the clock is ahead of that of the observer.",
        |it| node(it)?.clock_offset,
    ),
    ("read_only", "Whether the system is read-only.", |it| {
        node(it)?.read_only.map(flag)
    }),
    (
        "data_used_ratio",
        "Share of the data partition that is in use.",
        |it| node(it)?.data_use,
    ),
    (
        "temperature_celsius",
        "Temperature of the processor.",
        |it| node(it)?.celsius,
    ),
    (
        "undervoltage",
        "Whether the supply voltage is too low.",
        |it| node(it)?.undervoltage.map(flag),
    ),
];

impl ClusterReport {
    /// Returns the metrics in Prometheus's text format.
    pub fn prometheus(&self) -> String {
        let mut out = String::new();
        let cluster = label(&self.cluster);
        head(
            &mut out,
            "etcd_image_cluster_healthy",
            "Whether the cluster is healthy.",
        );
        let healthy = flag(self.verdict == Verdict::Healthy);
        let _ = writeln!(
            out,
            "etcd_image_cluster_healthy{{cluster=\"{cluster}\"}} {healthy}"
        );
        head(&mut out, "etcd_image_cluster_alarms", "Alarms of etcd.");
        let alarms = self.alarms.len();
        let _ = writeln!(
            out,
            "etcd_image_cluster_alarms{{cluster=\"{cluster}\"}} {alarms}"
        );
        for (name, help, value) in GAUGES {
            let name = format!("etcd_image_member_{name}");
            head(&mut out, &name, help);
            for member in &self.members {
                if let Some(value) = value(member) {
                    let member = label(&member.name);
                    let _ = writeln!(
                        out,
                        "{name}{{cluster=\"{cluster}\",member=\"{member}\"}} {value}"
                    );
                }
            }
        }
        self.certificates(&mut out, &cluster);
        out
    }

    fn certificates(&self, out: &mut String, cluster: &str) {
        const NAME: &str = "etcd_image_member_certificate_expiry_timestamp_seconds";
        head(
            out,
            NAME,
            "End of the validity of a certificate as presented.",
        );
        for member in &self.members {
            let certificates = [
                ("server", member.server_certificate),
                ("peer", member.peer_certificate),
            ];
            for (kind, certificate) in certificates {
                if let Some(certificate) = certificate {
                    let (member, end) = (label(&member.name), certificate.not_after);
                    let _ = writeln!(
                        out,
                        "{NAME}{{cluster=\"{cluster}\",member=\"{member}\",certificate=\"{kind}\"}} {end}"
                    );
                }
            }
        }
    }
}

fn head(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn node(member: &MemberReport) -> Option<&NodeReport> {
    member.node.as_ref()
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Escapes the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::super::report::CertificateReport;
    use super::*;

    #[test]
    fn what_is_known_becomes_a_gauge() {
        let member = MemberReport {
            reachable: true,
            role: Some(Role::Follower),
            read_milliseconds: Some(2.5),
            peer_certificate: Some(CertificateReport {
                not_after: 1_893_456_000,
                days_left: 1000,
            }),
            leader: 1,
            ..MemberReport::new("etcd\"1", None)
        };
        let text = assess("main", vec![member], &[]).prometheus();
        for line in [
            "# TYPE etcd_image_cluster_healthy gauge",
            "etcd_image_cluster_healthy{cluster=\"main\"} 1",
            "etcd_image_cluster_alarms{cluster=\"main\"} 0",
            "etcd_image_member_is_learner{cluster=\"main\",member=\"etcd\\\"1\"} 0",
            "etcd_image_member_up{cluster=\"main\",member=\"etcd\\\"1\"} 1",
            "etcd_image_member_read_seconds{cluster=\"main\",member=\"etcd\\\"1\"} 0.0025",
            "etcd_image_member_certificate_expiry_timestamp_seconds{cluster=\"main\",member=\"etcd\\\"1\",certificate=\"peer\"} 1893456000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(
            !text.contains("\netcd_image_member_undervoltage{"),
            "{text}"
        );
    }
}

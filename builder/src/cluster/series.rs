//! Which version of etcd a cluster can change to.

use std::fmt;

use anyhow::Result;

use super::report::ClusterReport;
use crate::failure::Kind;

/// The first version that can return to the minor version before it, with a procedure of etcd's own.
const WITH_DOWNGRADE: Series = Series(3, 6);

/// The first release of a series from which etcd can change to the next series, and what happens with earlier ones.
///
/// Until 3.5, etcd kept the list of members twice, and 3.6 reads the copy that older releases did not always update: promoted
/// learners become learners again, and removed members come back. See <https://etcd.io/blog/2025/zombie_members_upgrade/>. The limit of 3.6 is
/// that of etcd's guide, <https://etcd.io/docs/v3.7/upgrades/upgrade_3_7/>.
const READY: [(Series, u32, &str); 2] = [
    (
        Series(3, 5),
        26,
        "it may misread the list of members that releases before 3.5.26 keep",
    ),
    (
        Series(3, 6),
        11,
        "members of releases before 3.6.11 may not work with it",
    ),
];

/// The major and minor version of etcd, which decide the form of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series(u32, u32);

impl Series {
    fn of(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Returns whether etcd can go from this one to the other in one step.
    fn reaches(self, other: Self) -> bool {
        self.0 == other.0 && other.1.saturating_sub(self.1) <= 1
    }
}

impl ClusterReport {
    /// Checks that the cluster is healthy, and that etcd allows the step from the version of each member to this one.
    pub fn can_change_to(&self, version: &str) -> Result<()> {
        self.verdict()?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-+".contains(letter);
        let target = Series::of(version).filter(|_| version.chars().all(is_plain));
        let Some(target) = target else {
            let hint =
                "name a release, or a release tarball or packages under their official names";
            return Err(Kind::Usage.error("the version of the new etcd is not known", hint));
        };
        let running = self.members.iter().filter_map(|member| {
            let version = member.version.as_deref()?;
            Some((member.name.as_str(), version, Series::of(version)?))
        });
        // An interrupted upgrade must be able to go on.
        let has_begun = running.clone().any(|(_, _, series)| series == target);
        for (name, from, series) in running {
            if series > target {
                return Err(self.refuse_return(name, (from, series), (version, target)));
            }
            let refuse = |why: &str, before: &str| {
                let message = format!(
                    "cluster {} cannot change from etcd {from} ({name}) to {version}: {why}",
                    self.cluster
                );
                Err(Kind::Refused.error(message, format!("upgrade to {before} first")))
            };
            let limit = unready(series, from).filter(|_| !has_begun && target > series);
            if let Some((patch, why)) = limit {
                let before = format!("etcd {series}.{patch} or a later release of {series}");
                return refuse(why, &before);
            }
            if !series.reaches(target) {
                let next = Series(series.0, series.1.saturating_add(1));
                let before = format!("a release of etcd {next}");
                return refuse("etcd allows one minor version at a time", &before);
            }
        }
        Ok(())
    }

    fn refuse_return(
        &self,
        name: &str,
        (from, series): (&str, Series),
        (version, target): (&str, Series),
    ) -> anyhow::Error {
        let message = format!(
            "cluster {} cannot return from etcd {from} ({name}) to {version}: etcd {target} does not read the data of {series}",
            self.cluster
        );
        let hint = match series >= WITH_DOWNGRADE && target.reaches(series) {
            true => format!(
                "etcd's own procedure begins with `etcdctl downgrade enable {target}` on a node (see \"Upgrade etcd\" in README.md)"
            ),
            false => format!("other releases of etcd {series} are possible, also earlier ones"),
        };
        Kind::Refused.error(message, hint)
    }
}

/// Returns the patch version of this series that a member does not reach, if it must reach one, and why.
fn unready(series: Series, version: &str) -> Option<(u32, &'static str)> {
    let patch = version.split(['.', '-', '+']).nth(2);
    let patch: Option<u32> = patch.and_then(|patch| patch.parse().ok());
    let (_, first, why) = READY.into_iter().find(|(known, ..)| *known == series)?;
    let is_unready = patch.is_none_or(|patch| patch < first);
    is_unready.then_some((first, why))
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::super::report::{MemberReport, Role};
    use super::*;
    use crate::failure::explain;

    /// Returns a cluster whose members run these versions. A member with `!` has an alarm, one with `?` does not answer.
    fn cluster(versions: &[&str]) -> ClusterReport {
        let member = |(at, text): (usize, &&str)| {
            let works = !text.contains('?');
            let version = text.trim_end_matches(['!', '?']).to_owned();
            MemberReport {
                started: Some(true),
                reachable: works,
                role: works.then_some(if at == 0 {
                    Role::Leader
                } else {
                    Role::Follower
                }),
                version: works.then_some(version),
                read_milliseconds: works.then_some(1.0),
                trouble: (!works).then(|| "no answer within 3 s".to_owned()),
                errors: text
                    .contains('!')
                    .then(|| "memberID:1 alarm:NOSPACE".to_owned())
                    .into_iter()
                    .collect(),
                leader: 1,
                ..MemberReport::new(&format!("m{at}"), None)
            }
        };
        assess(
            "main",
            versions.iter().enumerate().map(member).collect(),
            &[],
        )
    }

    /// The versions of the members, and the new one.
    const POSSIBLE: [(&[&str], &str); 10] = [
        (&["3.5.16"; 3], "3.5.30"),
        (&["3.5.30"; 3], "3.5.16"),
        (&["3.5.16"; 3], "3.5.16"),
        (&["3.4.23"; 3], "3.5.16"),
        (&["3.5.26"; 3], "3.6.14"),
        (&["3.5.33"; 3], "3.6.0-rc.1"),
        (&["3.6.14", "3.5.16", "3.5.16"], "3.6.14"),
        (&["3.6.11"; 3], "3.7.2"),
        (&["3.6.0", "3.6.14", "3.6.14"], "3.6.14"),
        (&["3.5.16", "3.4.23", "3.4.23"], "3.5.16"),
    ];

    /// The versions of the members, the new one, and kind, message and hint of the refusal.
    const REFUSED: [(&[&str], &str, Kind, &str, &str); 11] = [
        (
            &["3.6.14", "3.6.10", "3.6.14"],
            "3.7.2",
            Kind::Refused,
            "cluster main cannot change from etcd 3.6.10 (m1) to 3.7.2: members of releases before 3.6.11 may not work with it",
            "upgrade to etcd 3.6.11 or a later release of 3.6 first",
        ),
        (
            &["3.5.26", "3.5.25", "3.5.26"],
            "3.6.14",
            Kind::Refused,
            "cluster main cannot change from etcd 3.5.25 (m1) to 3.6.14: it may misread the list of members that releases before \
             3.5.26 keep",
            "upgrade to etcd 3.5.26 or a later release of 3.5 first",
        ),
        (
            &["3.5.0-rc.1"; 3],
            "3.6.14",
            Kind::Refused,
            "cluster main cannot change from etcd 3.5.0-rc.1 (m0) to 3.6.14: it may misread the list of members that releases \
             before 3.5.26 keep",
            "upgrade to etcd 3.5.26 or a later release of 3.5 first",
        ),
        (
            &["3.4.23"; 3],
            "3.6.14",
            Kind::Refused,
            "cluster main cannot change from etcd 3.4.23 (m0) to 3.6.14: etcd allows one minor version at a time",
            "upgrade to a release of etcd 3.5 first",
        ),
        (
            &["3.5.16", "3.4.23", "3.4.23"],
            "3.6.14",
            Kind::Refused,
            "cluster main cannot change from etcd 3.5.16 (m0) to 3.6.14: it may misread the list of members that releases before \
             3.5.26 keep",
            "upgrade to etcd 3.5.26 or a later release of 3.5 first",
        ),
        (
            &["3.6.14"; 3],
            "4.0.0",
            Kind::Refused,
            "cluster main cannot change from etcd 3.6.14 (m0) to 4.0.0: etcd allows one minor version at a time",
            "upgrade to a release of etcd 3.7 first",
        ),
        (
            &["3.5.16", "3.4.23", "3.4.23"],
            "3.4.23",
            Kind::Refused,
            "cluster main cannot return from etcd 3.5.16 (m0) to 3.4.23: etcd 3.4 does not read the data of 3.5",
            "other releases of etcd 3.5 are possible, also earlier ones",
        ),
        (
            &["3.6.14"; 3],
            "3.5.16",
            Kind::Refused,
            "cluster main cannot return from etcd 3.6.14 (m0) to 3.5.16: etcd 3.5 does not read the data of 3.6",
            "etcd's own procedure begins with `etcdctl downgrade enable 3.5` on a node (see \"Upgrade etcd\" in README.md)",
        ),
        (
            &["3.5.16"; 3],
            "unknown",
            Kind::Usage,
            "the version of the new etcd is not known",
            "name a release, or a release tarball or packages under their official names",
        ),
        (
            &["3.5.16", "3.5.16", "?"],
            "3.5.30",
            Kind::Unhealthy,
            "cluster main is degraded: m2 does not answer: no answer within 3 s",
            "check the power and network of the nodes that do not answer; their consoles name the next step",
        ),
        (
            &["3.5.16", "3.5.16!", "3.5.16"],
            "3.5.30",
            Kind::Unhealthy,
            "cluster main is degraded: alarm NOSPACE on 1",
            "run `etcd-image cluster alarm disarm`, which names the cause while it is not gone",
        ),
    ];

    #[test]
    fn only_steps_that_etcd_allows_are_possible() {
        for (versions, target) in POSSIBLE {
            let outcome = cluster(versions).can_change_to(target);
            assert!(outcome.is_ok(), "{versions:?} to {target}: {outcome:?}");
        }
        for (versions, target, kind, message, hint) in REFUSED {
            let error = cluster(versions).can_change_to(target).unwrap_err();
            let (seen_kind, seen_hint) = explain(&error);
            let seen = (seen_kind, error.to_string(), seen_hint);
            let wanted = (kind, message.to_owned(), hint.to_owned());
            assert_eq!(seen, wanted, "{versions:?} to {target}");
        }
    }
}

//! Compares the clock of this machine with those of the nodes, before certificates are issued by it.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use anyhow::Result;

use super::access::Access;
use crate::etcd::CallError;
use crate::failure::Kind;
use crate::parallel;

const HOUR: f64 = 3600.0;

/// The difference in seconds from which certificates would not be valid on the nodes, or end too early. They begin a day
/// before they are issued.
const TOLERANCE: f64 = 12.0 * HOUR;

impl Access {
    /// Refuses to issue certificates if the clock of this machine is wrong, which says `now`. A node with a wrong clock of its
    /// own does not count as long as most of them agree with this machine; nor does one that cannot be asked.
    pub fn must_know_the_time(&self, now: i64) -> Result<()> {
        let members = &self.description.members;
        let jobs = NonZeroUsize::new(members.len()).unwrap_or(NonZeroUsize::MIN);
        let answers = parallel::map(jobs, members, |member| Ok(self.offset(member.address, now)))?;
        let (mut offsets, mut untimely) = (Vec::new(), None);
        for answer in answers {
            match answer {
                Ok(offset) => offsets.extend(offset),
                Err(trouble) => untimely = untimely.or(trouble.is_untimely().then_some(trouble)),
            }
        }
        match untimely {
            Some(trouble) if offsets.is_empty() => Err(not_comparable(&trouble)),
            _ => check(&offsets),
        }
    }

    /// Returns the seconds by which this machine's clock is ahead of that of a node, which etcd also tells without a login.
    fn offset(&self, address: IpAddr, now: i64) -> Result<Option<f64>, CallError> {
        match self.offset_over_ssh(address) {
            Some(offset) => Ok(Some(offset)),
            None => self.offset_from_etcd(address, now),
        }
    }

    fn offset_over_ssh(&self, address: IpAddr) -> Option<f64> {
        let said = self.ssh.run(address, "date +%s").ok()?;
        let clock: f64 = said.lines.first()?.parse().ok()?;
        Some(said.first - clock)
    }

    fn offset_from_etcd(&self, address: IpAddr, now: i64) -> Result<Option<f64>, CallError> {
        let clock = self.client.time(address)?;
        let offset = clock.map(|clock| {
            now.saturating_sub(clock)
                .clamp(i32::MIN.into(), i32::MAX.into())
        });
        Ok(offset.and_then(|offset| i32::try_from(offset).ok().map(f64::from)))
    }
}

/// Returns the error of a clock that no node confirms, and that the certificate of one contradicts.
fn not_comparable(trouble: &CallError) -> anyhow::Error {
    let message =
        format!("the clock of this machine cannot be compared with those of the nodes: {trouble}");
    let hint = "correct the clock of this machine if it is wrong; otherwise, make a login on a node work, then run the command \
                again";
    Kind::Refused.error(message, hint)
}

/// Refuses an offset from most of the nodes. If two halves differ, the one that agrees with this machine is right.
fn check(offsets: &[f64]) -> Result<()> {
    let mut sorted = offsets.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let middle = sorted.get(count.saturating_sub(1) / 2..=count / 2);
    let middle = middle.unwrap_or_default().iter();
    let Some(median) = middle.min_by(|a, b| a.abs().total_cmp(&b.abs())) else {
        return Ok(());
    };
    if median.abs() <= TOLERANCE {
        return Ok(());
    }
    let (side, consequence) = match *median > 0.0 {
        true => ("ahead of", "would not be valid there yet"),
        false => ("behind", "would end too early"),
    };
    let hours = median.abs() / HOUR;
    let amount = match hours < 48.0 {
        true => format!("{hours:.0} hours"),
        false => format!("{:.0} days", hours / 24.0),
    };
    let message = format!(
        "the clock of this machine is {amount} {side} those of the nodes: certificates that it issues {consequence}"
    );
    Err(Kind::Refused.error(
        message,
        "correct the clock of this machine, then run the command again",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_issued_only_by_a_clock_that_most_nodes_share() {
        let year = 365.0 * 24.0 * HOUR;
        for offsets in [
            &[][..],
            &[0.1],
            &[TOLERANCE],
            &[0.0, year, 0.2],
            // One of three nodes does not answer.
            &[0.0, year],
            &[-year, 0.0],
            &[-year, 0.0, 0.1],
        ] {
            check(offsets).unwrap();
        }
        let ahead = "the clock of this machine is 365 days ahead of those of the nodes: certificates that it issues would \
                     not be valid there yet";
        let behind = "the clock of this machine is 13 hours behind those of the nodes: certificates that it issues would \
                      end too early";
        for (offsets, wanted) in [
            (&[year, year + 1.0, 0.0][..], ahead),
            (&[-13.0 * HOUR], behind),
        ] {
            assert_eq!(check(offsets).unwrap_err().to_string(), wanted);
        }
    }
}

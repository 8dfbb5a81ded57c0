//! Whether it helps to wait after a member has not given the lock.

use crate::etcd::CallError;

/// What a failure of one member says about the next attempt, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outlook {
    /// It concerns this member alone, or the files of this machine.
    Local,
    /// It may end with an election.
    Passing,
    /// The cluster has answered, and will answer the same again.
    Lasting,
}

impl Outlook {
    /// Classifies a failure, an answer by the words of etcd.
    pub(super) fn of(trouble: &CallError) -> Self {
        let passing = [
            "leader",
            "timed out",
            "deadline",
            "stopped",
            "unhealthy",
            "unavailable",
            "too many",
            // By a leader that gives up the lead, as for another command.
            "proposal dropped",
        ];
        match trouble {
            CallError::Tls(_) => Self::Local,
            CallError::Silent(_) => Self::Passing,
            CallError::Answer(reason) if reason.contains("for learner") => Self::Local,
            CallError::Answer(reason) if passing.iter().any(|words| reason.contains(words)) => {
                Self::Passing
            }
            CallError::Answer(_) => Self::Lasting,
        }
    }
}

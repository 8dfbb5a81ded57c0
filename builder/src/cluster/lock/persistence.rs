//! Classifies why a member did not give the lock: whether another attempt can succeed.

use crate::etcd::CallError;

/// How long the failure of one member lasts, ordered by how much it says about the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Persistence {
    /// It concerns only this member or the files of this machine.
    Local,
    /// It may end with an election.
    Temporary,
    /// The cluster has answered, and the next answer will be the same.
    Permanent,
}

impl Persistence {
    /// Classifies a failure, an answer by the words of etcd.
    pub(super) fn of(trouble: &CallError) -> Self {
        let temporary = [
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
            CallError::Silent(_) => Self::Temporary,
            CallError::Answer(reason) if reason.contains("for learner") => Self::Local,
            CallError::Answer(reason) if temporary.iter().any(|words| reason.contains(words)) => {
                Self::Temporary
            }
            CallError::Answer(_) => Self::Permanent,
        }
    }
}

//! Operates a running cluster from the operator's machine: its state, snapshots, certificates, etcd and members.
//!
//! Everything needed is in the state directory, or in the directory `client` beside the images: the addresses, the
//! administrator's certificate and the host keys ([`Access`]).

mod access;
mod alarm;
mod assess;
mod backup;
mod catch_up;
mod certificate;
mod clock;
mod compact;
mod defragment;
mod facts;
mod gather;
mod lead;
mod lock;
mod logs;
mod membership;
mod node_etcd;
mod node_program;
mod operation;
mod order;
mod output;
mod password;
mod prometheus;
mod quorum;
mod reboot;
mod renew;
mod report;
mod restore;
mod rotate;
mod series;
mod space;
mod ssh;
mod ssh_reason;
mod table;
mod upgrade;

pub use access::Access;
pub use alarm::{Disarming, MemberDatabase, disarm};
pub use backup::{Backup, BackupTarget, backup};
pub use compact::{Compaction, compact};
pub use defragment::{Defragmentation, DefragmentedMember, defragment};
pub use gather::status;
pub use lead::{Leadership, move_leader};
pub use lock::OperatorLock;
pub use logs::{LogScope, Logs, all_logs, logs};
pub use membership::{
    Leaver, hand_out, members, must_not_list, prepare_removal, remove_member, wait_for,
};
pub use operation::Operation;
pub use password::{PasswordChange, set_password};
pub use reboot::{RebootedNode, Reboots, reboot};
pub use renew::{NodeRenewal, Renewal, RenewalOutcome, hand_over, renew_in_state};
pub use report::{
    CertificateReport, ClusterReport, DatabaseReport, MemberReport, NodeReport, Role, Verdict,
};
pub use restore::{Restoration, check_origin, restore};
pub use rotate::{CompletePhase, Rotating, Rotation, RotationStep, rotate};
pub use space::{DatabaseContent, Prefix};
pub use ssh::SshLogin;
pub use upgrade::{Upgrade, UpgradedNode, upgrade};

//! The options of the commands for running clusters.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::access::{AccessOptions, KeysOptions, LoginOptions};
use super::membership::{AddOptions, RemoveOptions, ReplaceOptions};
use super::options::{count, days, number};
use super::upgrade::UpgradeOptions;

/// The commands for running clusters.
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterCommand {
    /// Show whether the cluster and its nodes are healthy
    #[command(after_help = "\
Examples:
  etcd-image cluster status
  etcd-image cluster status --client images/client --watch
  etcd-image cluster status --json
  etcd-image cluster status --prometheus /var/lib/node_exporter/etcd.prom")]
    Status(StatusOptions),
    /// Save a snapshot of the cluster on this machine or in a bucket
    #[command(after_help = "\
Examples:
  etcd-image cluster backup
  etcd-image cluster backup before-upgrade.db
  etcd-image cluster backup /srv/backups --keep 28
  etcd-image cluster backup s3://lab/etcd --keep 28 --encrypt-to age1…")]
    Backup(BackupOptions),
    /// Restore a snapshot on the running nodes
    #[command(after_help = "\
Examples:
  etcd-image cluster restore backups/main-20261127T085800Z.db --in-place
  etcd-image cluster restore s3://lab/etcd/main-20261127T085800Z.db.age \
      --identity backup.key --in-place
  etcd-image build --restore backups/main-20261127T085800Z.db

All members stop, and the nodes set their data aside. The last example builds
images for empty cards instead.")]
    Restore(RestoreOptions),
    /// Free the unused space of the databases, one member at a time
    #[command(after_help = "\
Examples:
  etcd-image cluster defrag
  etcd-image cluster defrag etcd2

Each member pauses while a majority works without it; the leader is last.")]
    Defrag(DefragOptions),
    /// Remove the history of keys from the databases
    #[command(after_help = "\
Examples:
  etcd-image cluster compact
  etcd-image cluster compact --keep 10000")]
    Compact(CompactOptions),
    /// Disarm etcd's alarms
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// Make another member the leader
    #[command(after_help = "\
Examples:
  etcd-image cluster move-leader
  etcd-image cluster move-leader etcd2")]
    MoveLeader(MoveLeaderOptions),
    /// Show the messages of a node
    #[command(after_help = "\
Examples:
  etcd-image cluster logs etcd1
  etcd-image cluster logs etcd1 --everything --lines 1000
  etcd-image cluster logs etcd1 --follow")]
    Logs(LogsOptions),
    /// Restart nodes while a majority of the cluster works
    #[command(after_help = "\
Examples:
  etcd-image cluster reboot etcd1
  etcd-image cluster reboot --rolling")]
    Reboot(RebootOptions),
    /// Set the password of a user of etcd
    #[command(after_help = "\
Examples:
  etcd-image cluster password root
  etcd-image cluster password patroni --file patroni.password

Without --file, the state directory keeps a generated password in passwords/USER.")]
    Password(PasswordOptions),
    /// Renew the certificates of the running nodes, without a restart
    #[command(after_help = "\
Examples:
  etcd-image cluster renew
  etcd-image cluster renew --within 400d

Needs the state directory, which contains the CA's key, and SSH access to the
nodes.")]
    Renew(RenewOptions),
    /// Replace the CA of the running cluster, one phase at a time
    #[command(after_help = "\
Examples:
  etcd-image cluster rotate-ca
  etcd-image cluster rotate-ca --all
  etcd-image cluster rotate-ca --abort

1. Every node trusts the next CA beside the current one (etcd restarts, one
   member at a time).
2. Every certificate comes from the next CA, without a restart.
3. No node trusts the previous CA any more (etcd restarts).
Each run completes one phase. If a run is interrupted, repeat it.")]
    RotateCa(RotateCaOptions),
    /// Install another version of etcd on the running nodes, one at a time
    #[command(after_help = "\
Examples:
  etcd-image cluster upgrade --etcd 3.6.14
  etcd-image cluster upgrade --etcd debian
  etcd-image cluster upgrade --etcd ./etcd-v3.5.34-linux-arm64.tar.gz
  etcd-image cluster upgrade --images images

Each member restarts while a majority works without it; the leader is last. A
node returns to its previous etcd if the new one does not start. If the command
is interrupted, repeat it.")]
    Upgrade(UpgradeOptions),
    /// Replace a member with a new node, or with another board of the same name
    #[command(after_help = "\
Examples:
  etcd-image cluster replace etcd2
  etcd-image cluster replace etcd2 etcd4 --address 192.168.0.53

Changes cluster.toml, builds the image, and waits until the node is a member. If
the command is interrupted, repeat it.")]
    Replace(ReplaceOptions),
    /// Add a member
    #[command(after_help = "\
Example:
  etcd-image cluster add etcd4 --address 192.168.0.53

Changes cluster.toml, builds the image, updates the running nodes, and waits
until the node is a member. If the command is interrupted, repeat it.")]
    Add(AddOptions),
    /// Remove a member for good
    #[command(after_help = "\
Example:
  etcd-image cluster remove etcd4

Changes cluster.toml, updates the running nodes, and removes the member. The
command is refused if the remaining members would have no majority.")]
    Remove(RemoveOptions),
}

/// The commands for alarms.
#[derive(Clone, Debug, Subcommand)]
pub enum AlarmCommand {
    /// Disarm all alarms once their causes are gone
    #[command(after_help = "\
Example:
  etcd-image cluster alarm disarm

If a database is still full, the command shows what fills it.")]
    Disarm(AccessOptions),
}

/// What to show of the cluster's state.
#[derive(Clone, Debug, Args)]
pub struct StatusOptions {
    /// How to reach the cluster.
    #[command(flatten)]
    pub login: LoginOptions,
    /// Repeat every few seconds until Ctrl-C [default: 5]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = count::<NonZeroU64>)]
    pub watch: Option<NonZeroU64>,
    /// Write metrics to this file for Prometheus's `node_exporter`
    #[arg(long, value_name = "FILE")]
    pub prometheus: Option<PathBuf>,
}

/// Where to save a snapshot.
#[derive(Clone, Debug, Args)]
pub struct BackupOptions {
    /// Write this new file, or a file in this directory or bucket
    /// (`s3://BUCKET/PREFIX`) [default: backups]
    #[arg(value_name = "FILE|DIR|STORE")]
    pub target: Option<PathBuf>,
    /// Encrypt the snapshot in a bucket for this age recipient (repeatable)
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "allow_plain_secrets")]
    pub encrypt_to: Vec<String>,
    /// Store the snapshot in a bucket without encryption
    #[arg(long)]
    pub allow_plain_secrets: bool,
    /// Keep only the newest N snapshots of this cluster in the directory or
    /// bucket
    #[arg(long, value_name = "N", value_parser = count::<NonZeroUsize>)]
    pub keep: Option<NonZeroUsize>,
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
}

/// What to restore.
#[derive(Clone, Debug, Args)]
pub struct RestoreOptions {
    /// The snapshot: a file or an object in a bucket (`s3://BUCKET/OBJECT`)
    #[arg(value_name = "FILE|STORE")]
    pub snapshot: PathBuf,
    /// Decrypt the snapshot with the secret key in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Stop the running members and set their data aside
    #[arg(long, required = true)]
    pub in_place: bool,
    /// Accept a snapshot of a cluster with other members
    #[arg(long)]
    pub from_other_members: bool,
    /// Restore a snapshot that was already restored
    #[arg(long)]
    pub again: bool,
    /// How to reach the cluster.
    #[command(flatten)]
    pub login: LoginOptions,
}

/// Which databases to defragment.
#[derive(Clone, Debug, Args)]
pub struct DefragOptions {
    /// The members to defragment [default: all]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<String>,
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
}

/// How much history to remove.
#[derive(Clone, Debug, Args)]
pub struct CompactOptions {
    /// Keep the history of the newest N revisions
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number::<u64>)]
    pub keep: u64,
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
}

/// Who will lead.
#[derive(Clone, Debug, Args)]
pub struct MoveLeaderOptions {
    /// The new leader [default: the member that is farthest ahead]
    #[arg(value_name = "MEMBER")]
    pub member: Option<String>,
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
}

/// Which messages to show.
#[derive(Clone, Debug, Args)]
pub struct LogsOptions {
    /// The node
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Show this many of the newest lines
    #[arg(long, value_name = "N", default_value = "100", value_parser = count::<NonZeroU32>)]
    pub lines: NonZeroU32,
    /// Show new messages until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Show the messages of the whole system instead of etcd's alone
    #[arg(long)]
    pub everything: bool,
    /// How to reach the cluster.
    #[command(flatten)]
    pub login: LoginOptions,
}

/// Which nodes to restart.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("nodes").args(["node", "rolling"]).required(true))]
pub struct RebootOptions {
    /// The node to restart
    #[arg(value_name = "NODE")]
    pub node: Option<String>,
    /// Restart every node, one at a time and the leader last
    #[arg(long)]
    pub rolling: bool,
    /// Wait this long for a node to answer, and again for its member to catch up
    #[arg(long, value_name = "MINUTES", default_value = "5", value_parser = count::<NonZeroU64>)]
    pub wait: NonZeroU64,
    /// How to reach the cluster.
    #[command(flatten)]
    pub login: LoginOptions,
}

/// Whose password to set.
#[derive(Clone, Debug, Args)]
pub struct PasswordOptions {
    /// The user of etcd
    #[arg(value_name = "USER")]
    pub user: String,
    /// Read the password from this file [default: a generated one]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Read the cluster's keys from this directory, and keep the password there
    #[arg(
        long,
        value_name = "DIR",
        default_value = "etcd-cluster",
        help_heading = "Cluster"
    )]
    pub state: PathBuf,
}

/// Which certificates to renew.
#[derive(Clone, Debug, Args)]
pub struct RenewOptions {
    /// Renew certificates that expire within this many days
    #[arg(long, value_name = "DAYS", default_value = "60", value_parser = days)]
    pub within: u32,
    /// The keys of the cluster, and its nodes.
    #[command(flatten)]
    pub keys: KeysOptions,
}

/// How far to replace the CA.
#[derive(Clone, Debug, Args)]
pub struct RotateCaOptions {
    /// Complete all phases in one run; your own clients must trust both CAs
    #[arg(long)]
    pub all: bool,
    /// Return to the previous CA, before the third phase
    #[arg(long, conflicts_with = "all")]
    pub abort: bool,
    /// The keys of the cluster, and its nodes.
    #[command(flatten)]
    pub keys: KeysOptions,
}

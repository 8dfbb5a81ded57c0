//! Settings that another setting makes useless. They are refused, because the user expects them to have an effect.

use super::cluster::{BackupPlace, Cluster};
use super::complaints::Complaints;
use super::document::Document;
use super::machine::Data;
use super::named::Named as _;

/// A setting, and the other setting with which it has no effect.
struct Rule {
    table: &'static str,
    setting: &'static str,
    /// Returns the other setting, if the cluster has it.
    with: fn(&Cluster) -> Option<String>,
}

const RULES: [Rule; 7] = [
    Rule {
        table: "network",
        setting: "on-link",
        with: |it| {
            setting_if(
                it.network.gateway.is_none() && !it.network.dhcp,
                "`gateway = \"none\"`",
            )
        },
    },
    Rule {
        table: "backup",
        setting: "host-key",
        with: |it| {
            let place = it.backup.as_ref().map(|backup| &backup.to);
            setting_if(
                place == Some(&BackupPlace::Data),
                "`to = \"data\"`, which is on the node itself",
            )
        },
    },
    Rule {
        table: "ssh",
        setting: "etcdctl",
        with: |it| {
            let open = "`insecure = true` in [etcd]: everybody reads and writes everything";
            setting_if(it.etcd.insecure, open)
        },
    },
    Rule {
        table: "pki",
        setting: "ca-days",
        with: |it| {
            setting_if(
                it.pki.own_ca.is_some(),
                "`ca-certificate`, which has dates of its own",
            )
        },
    },
    Rule {
        table: "pki.common-name",
        setting: "ca",
        with: |it| {
            let own = "`ca-certificate` in [pki], which has a name of its own";
            setting_if(it.pki.own_ca.is_some(), own)
        },
    },
    Rule {
        table: "pki.common-name",
        setting: "peer",
        with: |it| {
            let layout = it.pki.layout;
            let one = format!(
                "`layout = \"{}\"` in [pki], which has one certificate for both directions: set `server`",
                layout.name()
            );
            layout.has_one_certificate().then_some(one)
        },
    },
    Rule {
        table: "appliance",
        setting: "wipe-data",
        with: |it| {
            let in_root = !it.appliance.read_only && it.appliance.data == Data::Card;
            setting_if(
                in_root,
                "`read-only = false`, unless `data` is a disk: the data is in the root file system",
            )
        },
    },
];

fn setting_if(holds: bool, setting: &str) -> Option<String> {
    holds.then(|| setting.to_owned())
}

/// Complains about every setting that has no effect in this cluster.
pub(super) fn check(document: &Document, cluster: &Cluster, log: &mut Complaints) {
    for rule in &RULES {
        if let Some(other) = (rule.with)(cluster) {
            document
                .table(rule.table)
                .refuse_useless(rule.setting, &other, log);
        }
    }
}

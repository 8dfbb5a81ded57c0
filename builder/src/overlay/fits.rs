//! Checks that the base supports the configuration of the cluster, before anything is rendered.

use anyhow::Result;

use super::inputs::NodeInputs;
use crate::failure::Kind;
use crate::fetch::EtcdBinaries;
use crate::recipe::{OptionalSetting, Recipe};
use crate::refusals::Refusals;
use crate::snapshot::Snapshot;
use crate::spec::{
    Appliance, CertificateLayout, Cluster, ConfigForm, DEFAULT_DATA_DIR, Etcd, Named as _, Node,
    SystemSettings,
};

/// Returns every board and every setting that the base or this release of etcd does not support.
pub fn refusals(inputs: &NodeInputs<'_>, nodes: &[&Node]) -> Result<Refusals> {
    let mut refusals = Refusals::default();
    for node in nodes {
        refusals.check(check_board(inputs.recipe, node))?;
    }
    check_settings(inputs, &mut refusals)?;
    refusals.check(check_etcd(&inputs.cluster.etcd, inputs.etcd))?;
    if let Some(snapshot) = inputs.snapshot {
        refusals.check(check_snapshot(snapshot, inputs.etcd))?;
    }
    Ok(refusals)
}

/// Refuses a snapshot that this etcd cannot restore so that watchers notice it.
fn check_snapshot(snapshot: &Snapshot, etcd: &EtcdBinaries) -> Result<()> {
    let own = &etcd.version;
    if let Some(version) = &snapshot.version
        && etcd.is_older_than(version)
    {
        return Err(Kind::Unsupported.error(
            format!("etcd {own} cannot restore a snapshot of etcd {version}"),
            "choose the cluster's version or a newer one with `--etcd`",
        ));
    }
    if !etcd.raises_revisions() {
        return Err(Kind::Unsupported.error(
            format!("etcdutl of etcd {own} cannot raise the revision of a restored snapshot, so that watchers would miss changes"),
            "choose a newer release with `--etcd`",
        ));
    }
    Ok(())
}

/// Refuses settings that this release of etcd does not know, because etcd would ignore them in silence.
fn check_etcd(etcd: &Etcd, programs: &EtcdBinaries) -> Result<()> {
    let port = etcd.client_http_port.map(|_| {
        (
            "`client-http-port` of [etcd]".to_owned(),
            "listen-client-http-urls",
        )
    });
    let extra = etcd
        .extra
        .iter()
        .map(|(key, _)| (format!("`{key}` of [etcd.extra]"), key.as_str()));
    let unknown: Vec<_> = extra
        .chain(port)
        .filter(|(_, key)| programs.lacks_setting(key))
        .map(|(what, _)| what)
        .collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Kind::Unsupported.error(
            format!("etcd {} does not know {}", programs.version, unknown.join(", ")),
            "remove the setting from cluster.toml, or choose another release with `version` in [etcd]",
        )),
    }
}

fn check_board(recipe: &Recipe, node: &Node) -> Result<()> {
    match node.board {
        Some(board) if !recipe.boards.contains(&board) => Err(Kind::Unsupported.error(
            format!(
                "node {}: {} does not boot on {}",
                node.name,
                recipe.name,
                board.name()
            ),
            "choose another base with `--base`, or correct the node's `board`",
        )),
        _ => Ok(()),
    }
}

/// Refuses a setting that the recipe lists as unsupported, rather than ignoring it.
fn check_settings(inputs: &NodeInputs<'_>, refusals: &mut Refusals) -> Result<()> {
    let recipe = inputs.recipe;
    let cluster = inputs.cluster;
    let asked = [settings_of_nodes(cluster), settings_of_etcd(cluster)].concat();
    for (asked, setting, what) in asked {
        if let (true, Some(reason)) = (asked, recipe.unsupported.get(&setting)) {
            refusals.check(Err::<(), _>(Kind::Unsupported.error(format!("the base {} does not support {what}: {reason}", recipe.name),
                "remove the setting from cluster.toml, or choose another base, such as `--base raspios-trixie`",
            )))?;
        }
    }
    Ok(())
}

/// A setting that not every base supports: whether the user asked for it, and its name in messages.
type Asked = (bool, OptionalSetting, &'static str);

fn settings_of_nodes(cluster: &Cluster) -> Vec<Asked> {
    // `read-only` may be the default, so only other settings of `[appliance]` count as a request.
    let default = Appliance {
        read_only: cluster.appliance.read_only,
        ..Appliance::default()
    };
    vec![
        (
            cluster.network.wifi.is_some(),
            OptionalSetting::Wifi,
            "`wifi` of [network]",
        ),
        (
            (cluster.network.wifi.as_ref()).is_some_and(|wifi| wifi.networks.len() > 1),
            OptionalSetting::WifiOther,
            "`[[network.wifi.other]]`",
        ),
        (
            !cluster.files.is_empty() || !cluster.archives.is_empty(),
            OptionalSetting::File,
            "`[[file]]`, `[[unit]]` or `[[archive]]`",
        ),
        (
            cluster.ssh.password_hash.is_some(),
            OptionalSetting::PasswordHash,
            "`password-hash` of [ssh]",
        ),
        (
            !cluster.ssh.groups.is_empty(),
            OptionalSetting::Groups,
            "`groups` of [ssh]",
        ),
        (
            !cluster.ssh.trusted_user_ca.is_empty(),
            OptionalSetting::TrustedUserCa,
            "`trusted-user-ca` of [ssh]",
        ),
        (
            cluster.system != SystemSettings::default(),
            OptionalSetting::System,
            "`[system]`",
        ),
        (
            !cluster.packages.is_empty(),
            OptionalSetting::Packages,
            "`[packages]`",
        ),
        (
            !cluster.firmware.config.is_empty() || !cluster.firmware.cmdline.is_empty(),
            OptionalSetting::Firmware,
            "`[firmware]`",
        ),
        (
            cluster.appliance != default,
            OptionalSetting::Appliance,
            "`[appliance]`",
        ),
    ]
}

fn settings_of_etcd(cluster: &Cluster) -> Vec<Asked> {
    vec![
        (
            !cluster.certificates.is_empty(),
            OptionalSetting::Certificate,
            "`[[certificate]]`",
        ),
        (
            cluster.pki.trust_ca,
            OptionalSetting::TrustCa,
            "`trust-ca` of [pki]",
        ),
        (
            cluster.pki.layout != CertificateLayout::Etcd,
            OptionalSetting::Layout,
            "`layout` of [pki]",
        ),
        (
            cluster.etcd.data_dir != DEFAULT_DATA_DIR,
            OptionalSetting::DataDir,
            "`data-dir` of [etcd]",
        ),
        (
            cluster.etcd.config != ConfigForm::File,
            OptionalSetting::Config,
            "`config` of [etcd]",
        ),
    ]
}

//! The configuration: turns `cluster.toml` and flags into a [`Cluster`] that is always valid.
//!
//! [`resolve`] returns either a cluster or every complaint with its line. It does no I/O of its own except through
//! [`Input::read`]. Each table of the configuration has its own module.

mod cell;
mod cluster;
mod edit;
mod gather;
mod input;
mod interfaces;
mod machine;
mod reference;
mod select;
mod template;
mod walk;

mod common_name;
mod complaints;
mod document;
mod section;
pub(crate) mod settings;

mod etcd_defaults;
mod etcd_flags;
mod etcd_values;
mod key_options;
mod named;
mod names;
mod nearest;
mod public_key;
pub(crate) mod rules;
mod single;
mod sizes;
mod skipped;
mod subnet;
mod suggest;
mod synonyms;
mod table;
mod values;
mod without_effect;

mod appliance;
mod archives;
mod auth;
mod backup;
mod certificate;
mod etcd;
mod files;
mod firmware;
mod hosts;
mod identity;
mod issuing;
mod layout;
mod network;
mod nodes;
mod packages;
mod pki;
mod placement;
mod ports;
mod publish;
mod routes;
mod ssh;
mod system;
mod units;
mod wifi;

pub(crate) use cell::cell;
pub use cluster::{
    Advertise, BackupPlace, BackupSettings, BaseChoice, Cluster, ConfigForm, Etcd, EtcdSource,
    Interface, Network, Node, Publish, Route, SshSettings, Wifi, WifiNetwork,
};
pub use complaints::Invalid;
pub use edit::{NewNode, NodeEdit, edit_nodes};
pub use etcd::DEFAULT_DATA_DIR;
pub(crate) use etcd_flags::variable;
pub use gather::{DEFAULT_CONFIG, config_path};
pub(crate) use gather::{SAVE_AS_UTF_8, decoded, named_text};
pub use input::{Flags, FleetRow, Input, Purpose, TextFile, Walked, WalkedKind};
pub use issuing::{CertificateFile, CertificateRole, CommonNames, KeyKind, OwnCa, Pki, Subject};
pub use layout::{CertificateLayout, CertificatePaths};
pub use machine::{
    Allowed, Appliance, Archive, ArchiveSource, Auth, AuthRole, AuthUser, Board, DATA_PARTITION,
    DATA_START, Data, ExtraContent, ExtraFile, Firmware, HostsLine, Protocol, SystemSettings,
};
pub use named::Named;
pub(crate) use nearest::advice;
pub(crate) use placement::check_unpacked;
pub use reference::schema;
pub(crate) use single::check_setting;
pub(crate) use subnet::address;
pub use template::{init, template};

use complaints::Complaints;
use document::Document;

/// Resolves the input into a cluster, or returns everything that is wrong with it.
pub fn resolve(input: &Input) -> Result<Cluster, Invalid> {
    let mut log = Complaints::about(input);
    let file = input.config.as_ref().map(|file| file.text.as_str());
    let row = input.row.as_ref().map(|row| row.text.as_str());
    let document = Document::layered(file.unwrap_or_default(), row, &mut log)?;
    let cluster = read_cluster(&document, input, &mut log);
    without_effect::check(&document, &cluster, &mut log);
    if cluster.nodes.iter().any(|node| node.address.is_ipv6()) {
        firmware::check_ipv6(document.table("firmware"), &mut log);
    }
    log.settle()?;
    Ok(Cluster {
        warnings: warnings(&cluster),
        ..cluster
    })
}

impl Default for Appliance {
    fn default() -> Self {
        let mut log = Complaints::default();
        let document = Document::parse("", &mut log).expect("an empty file is valid");
        appliance::read(document.table("appliance"), &mut log)
    }
}

/// Reads `[network]` with the tables of wireless networks.
fn read_network(document: &Document, log: &mut Complaints) -> network::NetworkSettings {
    let wifi = document.table("network.wifi");
    let others = document.tables("network.wifi.other");
    network::read(document.table("network"), (wifi, others), log)
}

/// Reads the tables about certificates and users of a cluster with nodes of these names in a domain.
fn read_trust(
    document: &Document,
    (names, domain): (&[&str], &str),
    input: &Input,
    log: &mut Complaints,
) -> (Pki, Auth) {
    let tables = pki::PkiTables {
        pki: document.table("pki"),
        subject: document.table("pki.subject"),
        common_name: document.table("pki.common-name"),
    };
    let pki = pki::read(&tables, names, domain, input, log);
    let tables = auth::AuthTables {
        auth: document.table("auth"),
        users: &document.tables("auth.user"),
        roles: &document.tables("auth.role"),
    };
    let auth = auth::read(&tables, names, &pki, domain, log);
    (pki, auth)
}

/// Reads every table; the cluster is valid only if no complaint was added.
fn read_cluster(document: &Document, input: &Input, log: &mut Complaints) -> Cluster {
    let identity = identity::read(document.table("cluster"), input, log);
    let network = read_network(document, log);
    let nodes = nodes::read(document.tables("node"), input, &network, log);
    let addresses: Vec<_> = nodes.iter().filter_map(|node| node.address).collect();
    let mut network = network.settle(&addresses, &identity.domain, log);
    let interfaces = document.tables("network.other");
    network.interfaces = interfaces::read(&interfaces, (&network, &addresses), input, log);
    let ssh = ssh::read(document.table("ssh"), input, log);
    let etcd = etcd::read(document.table("etcd"), input, log);
    nodes::check_advertised(&nodes, etcd.advertise, log);
    let names: Vec<&str> = nodes.iter().map(|node| node.name.value.as_str()).collect();
    let (pki, auth) = read_trust(document, (&names, &identity.domain), input, log);
    ssh::check_access(document.table("ssh"), &ssh, &auth, log);
    etcd::check_insecure(document.table("etcd"), &etcd, &auth, log);
    let hosts = hosts::read(document.table("hosts"), &nodes, &identity.domain, log);
    let surroundings = files::Surroundings {
        input,
        nodes: &nodes,
        user: &ssh.user,
        data: &etcd.data_dir,
        network: &network,
    };
    let domain = &identity.domain;
    let administrators = auth::administrators(&auth, &names, &pki, domain);
    let certificates = document.tables("certificate");
    let certificates =
        certificate::read(&certificates, &surroundings, domain, &administrators, log);
    let units = units::read(&document.tables("unit"), &surroundings, log);
    let files = files::read(&document.tables("file"), units, &surroundings, log);
    let packages = packages::read(document.table("packages"), &identity.base, log);
    let archives = archives::read(&document.tables("archive"), &surroundings, log);
    Cluster {
        name: identity.name,
        domain: identity.domain,
        base: identity.base,
        token: identity.token,
        network,
        ssh,
        system: system::read(document.table("system")),
        nodes: nodes
            .into_iter()
            .filter_map(nodes::NodeSettings::into_node)
            .collect(),
        etcd,
        backup: backup::read(document.table("backup"), log),
        pki,
        certificates,
        auth,
        firmware: firmware::read(document.table("firmware")),
        appliance: appliance::read(document.table("appliance"), log),
        hosts,
        archives,
        files,
        packages,
        publish: publish::read(document.table("publish"), input),
        warnings: Vec::new(),
    }
}

/// Returns warnings about settings that are valid but questionable.
fn warnings(cluster: &Cluster) -> Vec<String> {
    nodes::warnings(cluster.nodes.len())
        .into_iter()
        .chain(etcd::warnings(&cluster.etcd))
        .chain(firmware::warnings(
            &cluster.firmware,
            cluster.network.wifi.is_some(),
        ))
        .chain(network::warning(cluster))
        .chain(files::warnings(&cluster.files))
        .chain(units::warnings(&cluster.files, &cluster.archives))
        .chain(ports::warning(&cluster.appliance))
        .collect()
}

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

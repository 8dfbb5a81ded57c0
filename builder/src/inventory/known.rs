//! The variables of inventories that correspond to settings, and those that need none.

use std::net::IpAddr;
use std::path::Path;

use toml::Value;

use crate::spec::EtcdSource;

/// The names for a machine's own address. With several, the first one is the address that etcd uses.
pub(super) const ADDRESS: &[&str] = &[
    "ip",
    "ansible_host",
    "etcd_address",
    "address",
    "ip_address",
    "access_ip",
    "etcd_access_address",
];

/// The names for an etcd member's name, where it is not the machine's.
pub(super) const MEMBER_NAME: &str = "etcd_member_name";

/// A setting that corresponds to variables: their names between spaces, its table, its key, and how its value is written.
pub(super) type KnownSetting = (&'static str, &'static str, &'static str, Form);

/// The settings of the whole cluster.
const KNOWN: &[KnownSetting] = &[
    ("domain domain_name", "[cluster]", "domain", Form::Text),
    (
        "token initial_cluster_token etcd_initial_cluster_token etcd_cluster_token",
        "[cluster]",
        "token",
        Form::Text,
    ),
    (
        "interface etcd_interface",
        "[network]",
        "interface",
        Form::Text,
    ),
    (
        "netmask prefix subnet_mask prefix_length",
        "[network]",
        "prefix",
        Form::Prefix,
    ),
    (
        "routers router gateway gateway4 default_gateway",
        "[network]",
        "gateway",
        Form::Text,
    ),
    (
        "domain_name_servers nameservers dns dns_servers dns_nameservers upstream_dns_servers",
        "[network]",
        "dns",
        Form::List,
    ),
    ("etcd_version", "[etcd]", "version", Form::Version),
    (
        "etcd_heartbeat_interval heartbeat_interval",
        "[etcd]",
        "heartbeat-interval",
        Form::Integer,
    ),
    (
        "etcd_election_timeout election_timeout",
        "[etcd]",
        "election-timeout",
        Form::Integer,
    ),
    (
        "etcd_quota_backend_bytes quota_backend_bytes",
        "[etcd]",
        "quota",
        Form::Integer,
    ),
    ("data_dir etcd_data_dir", "[etcd]", "data-dir", Form::Text),
    ("cacert_file", "[pki]", "layout", Form::Layout),
    ("ansible_user remote_user", "[ssh]", "user", Form::Text),
    (
        "timezone time_zone ntp_timezone",
        "[system]",
        "timezone",
        Form::Text,
    ),
    ("ntp_servers ntp_server", "[system]", "ntp", Form::List),
];

/// Variables without an equivalent, and why none is needed or possible.
const UNNEEDED: &[(&str, &str)] = &[
    (
        "ansible_python_interpreter ansible_connection ansible_become ansible_become_method ansible_become_user",
        "nothing is installed on running nodes",
    ),
    (
        "cluster initial_cluster etcd_initial_cluster",
        "it follows from the [[node]] tables",
    ),
    (
        "cluster_state initial_cluster_state etcd_initial_cluster_state",
        "every node determines it at each start",
    ),
    (
        "ansible_ssh_private_key_file",
        "the nodes authorize `authorized-keys` in [ssh], by default the public keys in ~/.ssh",
    ),
    (
        "cacert_file cert_file cert_key",
        "certificates lie where `layout` in [pki] or a [[certificate]] says",
    ),
    ("ansible_port", "sshd listens on port 22"),
    (
        "ansible_password ansible_ssh_pass ansible_become_pass ansible_become_password",
        "nodes accept no password over SSH, and sudo asks for none",
    ),
    (
        "caFile",
        "`ca-certificate` and `ca-key` in [pki] name the files of an own CA on this machine",
    ),
    (
        "certFile keyFile",
        "a [[certificate]] with the role `client` issues such a certificate",
    ),
];

/// Returns the setting that corresponds to a variable.
pub(super) fn setting_of(variable: &str) -> Option<&'static KnownSetting> {
    KNOWN.iter().find(|(names, ..)| is_one_of(variable, names))
}

/// Returns why a variable needs no equivalent, if that does not depend on its value.
pub(super) fn unneeded(name: &str) -> Option<&'static str> {
    let mut all = UNNEEDED.iter();
    let found = all.find(|(names, _)| is_one_of(name, names));
    found.map(|(_, why)| *why)
}

fn is_one_of(name: &str, names: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// How the value of a variable is written in cluster.toml.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    Integer,
    /// Words between spaces or commas.
    List,
    /// A prefix length in bits, or a netmask such as 255.255.255.0.
    Prefix,
    /// A version, which may begin with `v`.
    Version,
    /// The path of the CA certificate, which shows the layout.
    Layout,
}

impl Form {
    /// Returns the value in TOML; `None` if it does not have this form.
    pub(super) fn toml(self, value: &str) -> Option<Value> {
        let text = |text: &str| Value::String(text.to_owned());
        Some(match self {
            Self::Text => text(value),
            Self::Integer => Value::Integer(value.parse().ok()?),
            Self::List => {
                // A variable in an INI file may be a list as Python writes it.
                let words = value.split([' ', ',', '[', ']', '\'', '"']);
                let words = words.filter(|word| !word.is_empty());
                Value::Array(words.map(text).collect())
            }
            Self::Prefix => Value::Integer(i64::from(bits(value)?)),
            Self::Version => match EtcdSource::parse(value, Path::new("")).ok()? {
                EtcdSource::Version(version) => text(&version),
                _ => return None,
            },
            Self::Layout => text(match value {
                "/etc/etcd/pki/ca.crt" => "etcd",
                "/etc/etcd/pki/ca.pem" => "etcd-pi",
                _ => return None,
            }),
        })
    }
}

fn bits(prefix: &str) -> Option<u8> {
    match prefix.parse::<IpAddr>() {
        Ok(mask) => ipnet::ip_mask_to_prefix(mask).ok(),
        Err(_) => prefix.trim_start_matches('/').parse().ok(),
    }
}

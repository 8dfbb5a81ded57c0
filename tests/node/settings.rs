//! Checks what the settings of `[etcd]` change in the files of a node.

use crate::support::rendered::rendered;

const CONFIGURATION: &str = "/etc/etcd/etcd.conf.yml";
const VARIABLES: &str = "/etc/default/etcd";
const UNIT: &str = "/etc/systemd/system/etcd.service";
const JOIN: &str = "/usr/local/lib/etcd-node/join";

/// Returns a file of the first of two nodes with these settings of `[etcd]`.
fn file(etcd: &str, path: &str) -> String {
    let cluster = format!(
        "[cluster]\ndomain = \"kube.demo\"\n[[node]]\nname = \"a\"\naddress = \"192.168.0.50\"\n\
         [[node]]\nname = \"b\"\naddress = \"192.168.0.51\"\n[etcd]\n{etcd}\n"
    );
    rendered(&cluster, path)
}

/// Returns the value of a line `KEY: value` or `KEY='value'`, without quotation marks.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix([':', '=']))?;
    Some(value.trim().trim_matches(['"', '\'']))
}

#[test]
fn urls_name_members_by_address_or_by_name() {
    let urls = |etcd: &str| {
        let text = file(etcd, CONFIGURATION);
        [
            "advertise-client-urls",
            "initial-advertise-peer-urls",
            "initial-cluster",
            "listen-peer-urls",
        ]
        .map(|key| value(&text, key).unwrap().to_owned())
    };
    assert_eq!(
        urls(""),
        [
            "https://192.168.0.50:2379",
            "https://192.168.0.50:2380",
            "a=https://192.168.0.50:2380,b=https://192.168.0.51:2380",
            "https://192.168.0.50:2380",
        ]
    );
    assert_eq!(
        urls("advertise = \"name\"\nlisten = \"0.0.0.0\""),
        [
            "https://a.kube.demo:2379",
            "https://a.kube.demo:2380",
            "a=https://a.kube.demo:2380,b=https://b.kube.demo:2380",
            "https://0.0.0.0:2380",
        ]
    );
    let join = file("advertise = \"name\"", JOIN);
    assert_eq!(value(&join, "VERIFY"), Some("-verify_hostname"));
    assert_eq!(value(&join, "URL"), Some("https://a.kube.demo:2380"));
    assert_eq!(value(&join, "ADDRESS"), Some("192.168.0.50"));
}

#[test]
fn an_insecure_cluster_speaks_plain_http() {
    let insecure = "insecure = true";
    let text = file(insecure, CONFIGURATION);
    assert_eq!(
        value(&text, "listen-client-urls"),
        Some("http://192.168.0.50:2379,http://127.0.0.1:2379")
    );
    assert_eq!(
        value(&text, "initial-cluster"),
        Some("a=http://192.168.0.50:2380,b=http://192.168.0.51:2380")
    );
    assert!(!text.contains("transport-security"), "{text}");
    let variables = file("insecure = true\nconfig = \"env\"", VARIABLES);
    assert_eq!(
        value(&variables, "ETCD_ADVERTISE_CLIENT_URLS"),
        Some("http://192.168.0.50:2379")
    );
    assert_eq!(value(&variables, "ETCD_CERT_FILE"), None);
    let join = file(insecure, JOIN);
    assert_eq!(value(&join, "SCHEME"), Some("http"));
    assert_eq!(value(&join, "CTL_TLS"), Some(""));
    let settings = file(insecure, "/etc/profile.d/etcdctl.sh");
    assert!(!settings.contains("ETCDCTL_CACERT"), "{settings}");
}

#[test]
fn http_may_have_a_port_of_its_own() {
    let text = file("client-http-port = 2382", CONFIGURATION);
    assert_eq!(
        value(&text, "listen-client-http-urls"),
        Some("https://192.168.0.50:2382,https://127.0.0.1:2382")
    );
    let firewall = file("client-http-port = 2382", "/etc/nftables.conf");
    assert!(
        firewall.contains("tcp dport { 22, 2379, 2380, 2382 } accept"),
        "{firewall}"
    );
    assert_eq!(
        value(&file("", CONFIGURATION), "listen-client-http-urls"),
        None
    );
}

#[test]
fn the_data_has_the_directory_of_the_settings() {
    let data = "data-dir = \"/var/lib/etcd-data\"";
    assert_eq!(
        value(&file(data, CONFIGURATION), "data-dir"),
        Some("/var/lib/etcd-data")
    );
    assert_eq!(value(&file(data, JOIN), "DATA"), Some("/var/lib/etcd-data"));
    assert_eq!(
        value(&file(data, UNIT), "ReadWritePaths"),
        Some("/var/lib/etcd-data")
    );
    let finder = file(data, "/usr/local/lib/etcd-node/data");
    assert_eq!(value(&finder, "MOUNT"), Some("/var/lib/etcd-data"));
}

/// Returns the keys of the configuration, as their variables, without comments.
fn variables_of(yaml: &str) -> Vec<String> {
    let mut table = "";
    let mut names = Vec::new();
    for line in yaml.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let inner = key.strip_prefix("  ");
        if value.is_empty() {
            table = key;
            continue;
        }
        let peer = inner.is_some() && table == "peer-transport-security";
        let key = inner.unwrap_or(key).trim_matches('"');
        let name = key.replace('-', "_").to_uppercase();
        names.push(format!("ETCD_{}{name}", if peer { "PEER_" } else { "" }));
    }
    names.sort();
    names
}

#[test]
fn the_variables_are_those_of_the_configuration() {
    let extra = "client-http-port = 2382\nextra = { snapshot-count = 5, host-whitelist = \"a$b\" }";
    let yaml = file(extra, CONFIGURATION);
    let text = file(&format!("config = \"env\"\n{extra}"), VARIABLES);
    let lines = text.lines().filter(|line| line.starts_with("ETCD_"));
    let mut names: Vec<_> = lines.filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, variables_of(&yaml));
    for (name, key) in [
        ("ETCD_INITIAL_CLUSTER", "initial-cluster"),
        ("ETCD_SNAPSHOT_COUNT", "\"snapshot-count\""),
    ] {
        assert_eq!(value(&text, name), value(&yaml, key), "{name}");
    }
    assert_eq!(value(&text, "ETCD_HOST_WHITELIST"), Some("a$b"));
    let unit = file("config = \"env\"", UNIT);
    assert_eq!(value(&unit, "EnvironmentFile"), Some(VARIABLES));
    assert_eq!(value(&file("", UNIT), "EnvironmentFile"), None);
    let join = file("config = \"env\"", JOIN);
    assert_eq!(value(&join, "CONFIGURED"), Some("$RUN/etcd.env"));
}

#[test]
fn etcd_may_lock_its_database_in_memory() {
    let locked = file("extra = { memory-mlock = true }", CONFIGURATION);
    assert_eq!(value(&locked, "\"memory-mlock\""), Some("true"));
    assert_eq!(value(&file("", UNIT), "LimitMEMLOCK"), Some("infinity"));
}

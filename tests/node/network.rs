//! Checks the files that the settings of the network, the clock and the firewall become on Raspberry Pi OS.

use crate::support::rendered::rendered;

/// Nodes whose gateway is outside their network, and a second router.
pub(super) const DISTANT: &str = r#"
[network]
gateway = "203.0.113.1"
on-link = true
routes = ["10.0.0.0/8 via 192.168.0.254"]
search = ["lan", "example.org"]
mtu = 1400
[[node]]
name = "etcd1"
address = "192.168.0.50"
[[node]]
name = "etcd2"
address = "192.168.0.51"
[[node]]
name = "etcd3"
address = "192.168.0.52"
"#;

fn profile(configuration: &str) -> String {
    let folder = "/etc/NetworkManager/system-connections";
    rendered(configuration, &format!("{folder}/etcd-eth0.nmconnection"))
}

#[test]
fn network_manager_receives_routes_and_the_size_of_packets() {
    let profile = profile(DISTANT);
    let (_, rest) = profile.split_once("autoconnect-retries=0\n\n").unwrap();
    let wanted = "[ethernet]
mtu=1400

[ipv4]
method=manual
address1=192.168.0.50/24,203.0.113.1
dns=1.1.1.1;
route1=203.0.113.1/32
route2=10.0.0.0/8,192.168.0.254
dns-search=lan;example.org;
may-fail=false

";
    assert!(rest.starts_with(wanted), "{rest}");
}

#[test]
fn nodes_may_have_no_domain() {
    let configuration = "[cluster]\ndomain = \"\"\n";
    assert!(!profile(configuration).contains("dns-search"));
    let hosts = rendered(configuration, "/etc/hosts");
    assert!(hosts.contains("\n192.168.0.50 etcd1\n"), "{hosts}");
}

#[test]
fn the_clock_has_its_zone_and_servers() {
    let configuration =
        "[system]\ntimezone = \"Europe/Berlin\"\nntp = [\"192.168.0.1\", \"pool.ntp.org\"]\n";
    let servers = rendered(
        configuration,
        "/etc/systemd/timesyncd.conf.d/etcd-node.conf",
    );
    assert_eq!(servers, "[Time]\nNTP=192.168.0.1 pool.ntp.org\n");
    assert_eq!(rendered(configuration, "/etc/timezone"), "Europe/Berlin\n");
}

#[test]
fn the_firewall_opens_what_is_asked() {
    let configuration = "[appliance]\nports = [2379, 2380]\navahi = true\n\
        allow = [\"161/udp\", \"22/tcp from 192.168.0.0/24\", \"9100/tcp from fd00::1\"]\n";
    let rules = rendered(configuration, "/etc/nftables.conf");
    let wanted = "
        tcp dport { 2379, 2380 } accept
        udp dport 161 accept
        ip saddr 192.168.0.0/24 tcp dport 22 accept
        ip6 saddr fd00::1/128 tcp dport 9100 accept
        udp dport 5353 accept
";
    assert!(rules.contains(wanted), "{rules}");
}

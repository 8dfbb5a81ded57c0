//! `[etcd] metrics`: who reaches the port.

use crate::support::rendered::rendered;

#[test]
fn other_machines_reach_the_metrics_only_if_asked() {
    let line = |configuration: &str, path: &str, start: &str| -> Option<String> {
        let text = rendered(configuration, path);
        let found = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(start));
        found.map(str::to_owned)
    };
    let file = "/etc/etcd/etcd.conf.yml";
    let rules = "/etc/nftables.conf";
    let urls = line("", file, "listen-metrics-urls: ");
    assert_eq!(
        urls.unwrap(),
        "listen-metrics-urls: \"http://127.0.0.1:2381\""
    );
    assert_eq!(line("", rules, "tcp dport 2381 "), None);

    let open = "[etcd]\nmetrics = \"mtls\"\n";
    let urls = line(open, file, "listen-metrics-urls: ").unwrap();
    let wanted = "listen-metrics-urls: \"http://127.0.0.1:2381,https://192.168.0.50:2381\"";
    assert_eq!(urls, wanted);
    let rule = line(open, rules, "tcp dport 2381 ");
    assert_eq!(rule.unwrap(), "tcp dport 2381 accept");
    let environment = format!("{open}config = \"env\"\n");
    let urls = line(
        &environment,
        "/etc/default/etcd",
        "ETCD_LISTEN_METRICS_URLS=",
    );
    let wanted = "ETCD_LISTEN_METRICS_URLS='http://127.0.0.1:2381,https://192.168.0.50:2381'";
    assert_eq!(urls.unwrap(), wanted);
}

//! The files with which Prometheus and Grafana watch the cluster.

use std::fmt::Write as _;

use crate::description::MemberUrls;
use crate::pki::KeyPair;
use crate::spec::Cluster;

const ALERTS: &str = include_str!("alerts.yml");
const DASHBOARD: &str = include_str!("dashboard.json");

/// Returns the name, content and permission bits of every file.
pub(super) fn files(cluster: &Cluster, pair: &KeyPair) -> Vec<(String, Vec<u8>, u32)> {
    let file =
        |name: &str, content: &[u8], mode| (format!("client/{name}"), content.to_vec(), mode);
    vec![
        file("metrics.crt", pair.certificate.pem.as_bytes(), 0o644),
        file("metrics.key", pair.key.reveal(), 0o600),
        file("prometheus.yml", prometheus(cluster).as_bytes(), 0o644),
        file("alerts.yml", ALERTS.as_bytes(), 0o644),
        file("grafana.json", DASHBOARD.as_bytes(), 0o644),
    ]
}

/// Returns the configuration of Prometheus; its paths are relative to its own directory.
fn prometheus(cluster: &Cluster) -> String {
    let mut text = format!(
        "# Prometheus for the cluster {name}: prometheus --config.file=client/prometheus.yml\n\
         global:\n  scrape_interval: 15s\n  evaluation_interval: 15s\n\
         rule_files: [alerts.yml]\n\
         scrape_configs:\n\
         \x20 - job_name: etcd\n    scheme: https\n\
         \x20   tls_config:\n      ca_file: ca.crt\n      cert_file: metrics.crt\n      key_file: metrics.key\n\
         \x20   static_configs:\n",
        name = cluster.name
    );
    for node in &cluster.nodes {
        let url = MemberUrls::by_address(cluster, node).metrics_url();
        let target = url.trim_start_matches("https://");
        let (name, cluster) = (&node.name, &cluster.name);
        // Writing to a string never fails.
        let _ = write!(
            text,
            "      - targets: ['{target}']\n        labels: {{ cluster: '{cluster}', member: '{name}' }}\n"
        );
    }
    text
}

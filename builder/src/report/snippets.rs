//! Examples of clients of this cluster, for the directory `client`.

use crate::description::MemberUrls;
use crate::spec::Cluster;

/// The name and template of each example.
const TEMPLATES: [(&str, &str); 7] = [
    ("curl.sh", include_str!("clients/curl.sh")),
    ("grpcurl.sh", include_str!("clients/grpcurl.sh")),
    ("client.py", include_str!("clients/client.py")),
    ("client.go", include_str!("clients/client.go")),
    ("patroni.yml", include_str!("clients/patroni.yml")),
    (
        "kubeadm-etcd.yaml",
        include_str!("clients/kubeadm-etcd.yaml"),
    ),
    ("prometheus.yml", include_str!("clients/prometheus.yml")),
];

/// Returns the name and content of each example.
pub(super) fn examples(cluster: &Cluster, version: &str) -> Vec<(&'static str, String)> {
    let values = values(cluster, version);
    let fill = |template: &str| {
        let replace = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        values.iter().fold(template.to_owned(), replace)
    };
    // The others present certificates, for which an insecure cluster has no use.
    let fits = |(name, _): &&(&str, &str)| !cluster.etcd.insecure || *name == "curl.sh";
    let filled = TEMPLATES.iter().filter(fits);
    filled
        .map(|(name, template)| (*name, fill(template)))
        .collect()
}

/// Returns the value of each name in the templates.
fn values(cluster: &Cluster, version: &str) -> [(&'static str, String); 8] {
    let nodes = cluster.nodes.iter();
    let urls: Vec<String> = nodes
        .map(|node| MemberUrls::by_address(cluster, node).client_url)
        .collect();
    let hosts: Vec<&str> = urls.iter().map(|url| authority_of_url(url)).collect();
    let http: Vec<String> = urls
        .iter()
        .map(|url| at_port(url, cluster.etcd.client_http_port))
        .collect();
    let list = |indent: usize, items: Vec<String>| {
        let lines = items.into_iter();
        let lines = lines.map(|item| format!("{:indent$}- {item}", ""));
        lines.collect::<Vec<_>>().join("\n")
    };
    let quoted = |text: &&str| format!("\"{text}\"");
    let texts: Vec<&str> = urls.iter().map(String::as_str).collect();
    let quoted_urls: Vec<String> = texts.iter().map(quoted).collect();
    let quoted_http: Vec<String> = http
        .iter()
        .map(|url| quoted(&authority_of_url(url)))
        .collect();
    [
        ("@FIRST_HTTP@", http.first().cloned().unwrap_or_default()),
        (
            "@FIRST_HOST@",
            hosts.first().copied().unwrap_or_default().to_owned(),
        ),
        ("@QUOTED_ENDPOINTS@", quoted_urls.join(", ")),
        ("@YAML_ENDPOINTS@", list(6, quoted_urls)),
        ("@YAML_HTTP_HOSTS@", list(4, quoted_http.clone())),
        ("@YAML_HTTP_TARGETS@", list(10, quoted_http)),
        ("@VERSION@", version.to_owned()),
        ("@RPC_PROTO@", rpc_proto(version).to_owned()),
    ]
}

/// Returns the path of etcd's API in the sources of a release.
fn rpc_proto(version: &str) -> &'static str {
    match version.starts_with("3.4.") {
        true => "etcd/etcdserver/etcdserverpb/rpc.proto",
        false => "etcd/api/etcdserverpb/rpc.proto",
    }
}

/// Returns the host and port of a URL.
fn authority_of_url(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Returns the URL of a member's HTTP port, which is the port for clients unless `client-http-port` separates them.
fn at_port(client_url: &str, port: Option<u16>) -> String {
    let base = client_url.rsplit_once(':').map(|(base, _)| base);
    match (base, port) {
        (Some(base), Some(port)) => format!("{base}:{port}"),
        _ => client_url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_of_etcd_3_4_is_in_another_directory() {
        let paths = ["3.4.22", "3.40.0", "3.5.16", "3.6.4"].map(rpc_proto);
        let newer = "etcd/api/etcdserverpb/rpc.proto";
        let expected = [
            "etcd/etcdserver/etcdserverpb/rpc.proto",
            newer,
            newer,
            newer,
        ];
        assert_eq!(paths, expected);
    }
}

//! Case C's user: Patroni of Debian's packages with two `PostgreSQL` servers, on real members in network namespaces.

use std::fs;
use std::path::Path;

use super::case::write_row;
use crate::support::members::{Members, address, with_members};
use crate::support::tool::{tool, tool_in};

/// The directory into which `cargo xtask test --cases` unpacks Patroni.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/cases/patroni");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/patroni.sh");

/// What the script prints when all went well.
const PROMOTED: &str = "db-01 leads, db-02 follows\ndb-01 was killed, db-02 was promoted\n";

/// Runs the test of this name.
pub(super) fn run(test: &str) {
    with_members(&format!("cases::{test}"), |members| {
        enable_authentication(&members);
        let change = ["cluster", "password", "patroni"];
        members.scene.bare(&change).done();
        let password = members.scene.text("etcd-cluster/passwords/patroni");
        let certificates = nameless_certificate(&members);
        let hosts = (0..3).map(|member| format!("{}:2379", address(member)));
        let words = [SCRIPT, PACKAGES, &certificates, password.trim()].map(str::to_owned);
        let words: Vec<String> = words.into_iter().chain(hosts).collect();
        let said = tool("sh", &words);
        write_row("C", "C-patroni", &said.text());
        assert_eq!(said.done().text(), PROMOTED);
    });
}

fn enable_authentication(members: &Members) {
    for words in [
        "user add root:unknown",
        "user grant-role root root",
        "role add patroni",
        "role grant-permission patroni --prefix readwrite /service/",
        "user add patroni:unknown",
        "user grant-role patroni patroni",
        "auth enable",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        members.etcdctl(&words).done();
    }
}

/// Returns a directory with the CA's certificate, and a client certificate without a common name.
fn nameless_certificate(members: &Members) -> String {
    let folder = members.scene.at("patroni");
    fs::create_dir_all(&folder).unwrap();
    let sign = "cp ../etcd-cluster/ca.crt . && openssl req -new -newkey rsa:2048 -nodes -keyout patroni.key \
                -subj /O=patroni -out patroni.csr && echo extendedKeyUsage=clientAuth >usage && \
                openssl x509 -req -in patroni.csr -CA ca.crt -CAkey ../etcd-cluster/ca.key -CAcreateserial \
                -days 30 -extfile usage -out patroni.crt";
    tool_in(&folder, "sh", &["-ec", sign]).done();
    Path::new(&folder).to_str().unwrap().to_owned()
}

//! Tests that start from one valid fleet, change one thing, and expect exactly the resulting complaints.

use std::io;

use super::*;
use crate::cli::NodeOptions;
use crate::failure::Failure;
use crate::spec::{Flags, TextFile};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

const TEMPLATE: &str = "[cluster]\ndomain = \"lab\"\n[network]\ngateway = \"none\"\ndns = []\n";

const TABLE: &str = "\
name,  prefix, addresses,                    network.gateway
alpha, 24,     10.1.0.11 10.1.0.12 10.1.0.13, 10.1.0.1
beta,  24,     10.2.0.11 10.2.0.12 10.2.0.13,
";

fn template(text: &str) -> Input {
    Input {
        flags: Flags::default(),
        config: Some(TextFile {
            path: "cluster.toml".into(),
            text: text.to_owned(),
        }),
        row: None,
        default_keys: vec![TextFile {
            path: "id.pub".into(),
            text: KEY.to_owned(),
        }],
        now: 0,
        purpose: Purpose::Images,
        read: |_| Err(io::ErrorKind::NotFound.into()),
        walk: |_| Ok(None),
    }
}

fn fleet(template_text: &str, table: &str) -> Result<Fleet, Invalid> {
    let rows = spreadsheet::rows("t.csv", table).expect("the table can be read");
    Fleet::new(template(template_text), rows)
}

#[track_caller]
fn complaints(template_text: &str, table: &str) -> Vec<String> {
    let invalid = fleet(template_text, table).expect_err("the fleet is invalid");
    invalid.complaints
}

/// Returns the error of a `fleet.toml`, which lies beside a template and the table above.
#[track_caller]
fn file_error(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fleet.toml"), text).unwrap();
    std::fs::write(folder.path().join("t.csv"), TABLE).unwrap();
    let error = file::read(&folder.path().join("fleet.toml")).err().unwrap();
    let failure: &Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, crate::failure::Kind::Usage);
    let folder = format!("{}/", folder.path().display());
    failure.message.replace(&folder, "")
}

#[test]
fn each_row_is_an_ordinary_cluster() {
    let fleet = fleet(TEMPLATE, TABLE).unwrap();
    let clusters: Vec<_> = fleet
        .clusters
        .iter()
        .map(|it| fleet.resolve(it).unwrap())
        .collect();
    let alone = |name: &str, network: &str| {
        let nodes = (1..=3).map(|n| {
            let net = if name == "alpha" { 1 } else { 2 };
            format!(
                "[[node]]\nname = \"{name}-{n}\"\naddress = \"10.{net}.0.{}\"\n",
                n + 10
            )
        });
        let nodes: String = nodes.collect();
        let text = format!(
            "[cluster]\nname = \"{name}\"\ndomain = \"lab\"\n[network]\n{network}dns = []\n{nodes}"
        );
        spec::resolve(&template(&text)).unwrap()
    };
    assert_eq!(clusters[0], alone("alpha", "gateway = \"10.1.0.1\"\n"));
    assert_eq!(clusters[1], alone("beta", "gateway = \"none\"\n"));
}

#[test]
fn a_row_in_toml_replaces_settings_of_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let text = "template = \"lab.toml\"\n\n[[cluster]]\nname = \"alpha\"\naddresses = [\"10.1.0.11\"]\nnodes = [\"kv\"]\n\
                board = \"pi4\"\netcd.quota = \"4GiB\"\n[cluster.network.wifi]\nssid = \"a\"\npassword = \"none\"\ncountry = \"DE\"\n";
    std::fs::write(folder.path().join("fleet.toml"), text).unwrap();
    let description = file::read(&folder.path().join("fleet.toml")).unwrap();
    assert_eq!(description.template, folder.path().join("lab.toml"));
    let fleet = Fleet::new(template(TEMPLATE), description.rows).unwrap();
    let cluster = fleet.resolve(&fleet.clusters[0]).unwrap();
    assert_eq!(cluster.nodes[0].name, "kv");
    assert_eq!(cluster.nodes[0].board, Some(spec::Board::Pi4));
    assert_eq!((cluster.etcd.quota, cluster.network.prefix), (4 << 30, 24));
    assert_eq!(cluster.network.wifi.unwrap().networks[0].ssid, "a");
}

#[test]
fn complaints_name_the_row() {
    let spoil = |from: &str, to: &str| complaints(TEMPLATE, &TABLE.replace(from, to));
    let cases = [
        (
            "beta,  24",
            "beta,  40",
            "t.csv:3: `prefix` is 40; IPv4 has 32 bits",
        ),
        (
            "beta,  24",
            "beta,  x",
            "t.csv:3: `prefix` must be an integer, not a string",
        ),
        (
            "10.2.0.12",
            "10.2.0.256",
            "t.csv:3: `10.2.0.256` is not an IP address",
        ),
        (
            "10.2.0.12",
            "10.2.0.11",
            "t.csv:3: another node has address 10.2.0.11, in the same row",
        ),
        (
            "beta,",
            "Beta,",
            "t.csv:3: `Beta` is not a cluster name: use lower-case letters, digits and `-`",
        ),
        ("beta,", ",", "t.csv:3: the row has no `name`"),
    ];
    for (from, to, wanted) in cases {
        let complaints = spoil(from, to);
        assert!(
            complaints.iter().any(|it| it == wanted),
            "{wanted}: {complaints:#?}"
        );
    }
    let without = "name,addresses\nalpha,\n";
    assert_eq!(
        complaints(TEMPLATE, without),
        ["t.csv:2: the row has no `addresses`, one for each node"]
    );
    let nodes = "name,addresses,nodes\nalpha,10.0.0.1,a b\n";
    assert_eq!(
        complaints(TEMPLATE, nodes),
        ["t.csv:2: the row has 2 `nodes` and 1 `addresses`"]
    );
}

#[test]
fn a_mistake_in_the_template_is_reported_once() {
    assert_eq!(
        complaints(&TEMPLATE.replace("dns", "dsn"), TABLE),
        [
            "t.csv:2: cluster.toml:5: unknown key `dsn` in [network]; did you mean `dns`? (and in 1 other row)"
        ]
    );
}

#[test]
fn clusters_must_not_collide() {
    let wide = TABLE.replace("24,", "8, ");
    let collide =
        |template: &str, from: &str, to: &str| complaints(template, &wide.replace(from, to));
    assert_eq!(
        collide(TEMPLATE, "beta,", "alpha,")[0],
        "t.csv:3: the name is alpha, like t.csv:2"
    );
    assert_eq!(
        collide(TEMPLATE, "10.2.0.12", "10.1.0.12"),
        ["t.csv:3: it uses the address 10.1.0.12, like cluster alpha (t.csv:2)"]
    );
    assert_eq!(
        collide(TEMPLATE, "10.2.0.12", "10.1.0.1"),
        ["t.csv:3: it uses the address 10.1.0.1, the gateway of cluster alpha (t.csv:2)"]
    );
    assert_eq!(
        collide(&TEMPLATE.replace("domain", "token = \"t\"\ndomain"), "", ""),
        ["t.csv:3: it has the `token`, like cluster alpha (t.csv:2)"]
    );
    let nodes = "name,addresses,nodes\na,10.0.0.1,kv\nb,10.0.0.2,kv\n";
    assert_eq!(
        complaints(TEMPLATE, nodes),
        ["t.csv:3: it has a node kv.lab, like cluster a (t.csv:2)"]
    );
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    let error = |table: &str| spreadsheet::rows("t.csv", table).err().unwrap();
    let cases = [
        (
            "name,adresses\n",
            "t.csv:1: unknown column `adresses`; did you mean `addresses`?",
        ),
        ("name,name\n", "t.csv:1: there are two columns `name`"),
        (
            "name;addresses\nalpha;10.1.0.11\n",
            "t.csv:1: separate the columns by commas, not by semicolons or tabs",
        ),
        (
            "name,network.gatway\n",
            "t.csv:1: unknown column `network.gatway`; it is not a setting that a cell can hold, such as `network.gateway`",
        ),
        (
            "name,addresses\n",
            "t.csv: it has no row below the names of the columns",
        ),
        ("", "t.csv: it has no row below the names of the columns"),
    ];
    for (table, wanted) in cases {
        assert_eq!(error(table), wanted);
    }
}

#[test]
fn the_mistakes_of_all_rows_are_reported_at_once() {
    let table = "name,addresses\na,10.0.0.1\n../x,10.0.0.3\nb,10.0.0.300\nc\n";
    let wanted = [
        "t.csv:3: `../x` is not a cluster name: use lower-case letters, digits and `-`",
        "t.csv:3: `../x-1` is not a host name: the domain is set by `domain` in [cluster]",
        "t.csv:4: `10.0.0.300` is not an IP address",
        "t.csv:5: the row has 1 cell, but there are 2 columns",
    ];
    assert_eq!(complaints(TEMPLATE, table), wanted);
}

#[test]
fn a_description_that_cannot_be_read_is_refused() {
    let cases = [
        (
            "[cluster]\nname = \"lab\"\n",
            "fleet.toml describes one cluster; --fleet needs a file with `template`",
        ),
        (
            "[[node]]\nname = \"a\"\n",
            "fleet.toml describes one cluster; --fleet needs a file with `template`",
        ),
        ("", "reading fleet.toml: line 1: missing field `template`"),
        (
            "template = \"a\"\ntabel = \"t.csv\"",
            "reading fleet.toml: line 2: unknown field `tabel`, expected one of `template`, `table`, `cluster`",
        ),
        (
            "template = \"a\"",
            "reading fleet.toml: it describes no cluster",
        ),
        (
            "template = \"a\"\ntable = \"t.csv\"\n[[cluster]]\n",
            "reading fleet.toml: it has both `table` and [[cluster]]",
        ),
        ("template = \"a\"\ntable = \"none.csv\"", "reading none.csv"),
    ];
    for (text, wanted) in cases {
        assert_eq!(file_error(text), wanted, "{text}");
    }
}

#[test]
fn clusters_and_nodes_are_selected() {
    let fleet = fleet(TEMPLATE, TABLE).unwrap();
    let options = |only: &[&str]| NodeOptions {
        only: only.iter().map(|&name| name.to_owned()).collect(),
        ..NodeOptions::default()
    };
    let selected = |only: &[&str]| {
        let parts = fleet
            .select(&options(only))
            .map_err(|error| error.to_string())?;
        let nodes = parts.into_iter().flat_map(|part| part.nodes);
        Ok(nodes.collect::<Vec<_>>())
    };
    assert_eq!(selected(&[]).unwrap().len(), 6);
    assert_eq!(
        selected(&["beta", "alpha/alpha-2"]).unwrap(),
        ["alpha-2", "beta-1", "beta-2", "beta-3"]
    );
    let refused: [(&str, &str); 2] = [
        ("gamma", "--only: there is no cluster `gamma` in the fleet"),
        (
            "beta/alpha-1",
            "--only: there is no node `alpha-1` in cluster beta",
        ),
    ];
    for (only, wanted) in refused {
        let error: Result<Vec<String>, String> = selected(&[only]);
        assert_eq!(error.unwrap_err(), wanted);
    }
}

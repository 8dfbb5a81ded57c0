//! Tests of `[pki]` with its tables and of `[[certificate]]`, and of the examples that use them.

use super::common_name::check_filled;
use super::mistakes::check;
use super::{VALID, input, resolve};

#[test]
fn each_mistake_in_certificates_has_its_line() {
    check(
        r#"
leaf-days = 50 → layout = "flet"
    40: unknown layout `flet`; did you mean `flat`?

[hosts] → [pki.subject]\ncountry = "Germany"\n[hosts]
    43: `Germany` is not a country: write two capital letters, as in "DE"

[hosts] → [pki.subject]\nunit = ""\n[hosts]
    43: a field of the subject must have 1 to 64 printable characters

[hosts] → [pki.common-name]\nserver = "root"\npeer = ""\n[hosts]
    43: `root` is not a common name: etcd takes it for its administrator; `role = "admin"` in [[certificate]] gives that certificate
    44: the common name must not be empty: etcd takes it for the member's user

[hosts] → layout = "dcs"\n[pki.common-name]\npeer = "{name}-peer"\n[hosts]
    44: `peer` has no effect with `layout = "dcs"` in [pki], which has one certificate for both directions: set `server`; remove it

[hosts] → [pki.common-name]\npeer = "{node}"\n[hosts]
    43: `{node}` is not a common name: only letters, digits, `-`, `.`, `_`, `@`, blanks, `{name}` and `{domain}` are allowed

[hosts] → [pki.common-name]\npeer = "{name}-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"\n[hosts]
    43: the common name `etcd1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is longer than 64 characters

[hosts] → [[certificate]]\nrole = "ca"\npath = "/etc/app/a.crt"\nnodes = []\n[hosts]
    42: `nodes` of this [[certificate]] is empty; name nodes, or remove it for a certificate on every node

[hosts] → [[certificate]]\npath = "/etc/app/a.crt"\n[hosts]
    42: [[certificate]] has no `role`

[hosts] → [[certificate]]\nrole = "ca"\npath = "/etc/app/a.crt"\nkey = "/etc/app/a.key"\n[hosts]
    45: the CA's key never leaves the state directory; remove `key`

[hosts] → [[certificate]]\nrole = "ca"\npath = "/var/lib/etcd/a.crt"\n[hosts]
    44: `/var/lib/etcd/a.crt` cannot be added: etcd keeps its data there

[hosts] → [[certificate]]\nrole = "admin"\npath = "/etc/app/a.crt"\n[hosts]
    42: [[certificate]] needs `key`, because a program uses the admin certificate with its key

[hosts] → [[certificate]]\nrole = "peer"\npath = "/etc/a.pem"\nkey = "/etc/a.pem"\nmode = "0600"\ncommon-name = "x"\n[hosts]
    46: `path` and `key` are one file, whose mode is `key-mode`; remove `mode`
    47: only client certificates have a `common-name` of their own; set [pki.common-name] for others

[hosts] → [[certificate]]\nrole = "node"\npath = "/etc/a.crt"\nkey = "/etc/a.key"\nmode = "0666"\nkey-mode = "0660"\n[hosts]
    46: `0666` would let users other than the owner replace it; choose "0644", "0640" or "0600"
    47: `0660` would let users other than the owner replace it; choose "0640" or "0600"

[hosts] → [[certificate]]\nrole = "node"\npath = "/etc/a.crt"\nkey = "/etc/a.key"\nmode = "0200"\nkey-mode = "4600"\n[hosts]
    46: `0200` would prevent even its owner from reading it; choose "0644", "0640" or "0600"
    47: `4600` is for a program or a directory; choose "0640" or "0600"

[hosts] → [[certificate]]\nrole = "peer"\npath = "/etc/a.crt"\nkey = "/etc/etcd/pki/../a"\nkey-mode = "0644"\nnodes = ["etcd9"]\n[hosts]
    45: `/etc/etcd/pki/../a` must be a plain path, without .. or // or a final /
    46: `0644` would let every user of the node read the private key; end it in 0, as in "0640"
    47: there is no node `etcd9`; known are etcd1, etcd2, etcd3
"#,
    );
}

#[test]
fn common_names_are_filled_in_for_each_node() {
    let tables = "[pki.common-name]\nserver = \"{name}.{domain}\"\npeer = \"{name}-peer\"\n[hosts]";
    let cluster = resolve(&input(&VALID.replace("[hosts]", tables))).unwrap();
    let names = &cluster.pki.common_names;
    assert_eq!(names.server("etcd1", "kube.demo"), "etcd1.kube.demo");
    assert_eq!(names.peer("etcd1", "kube.demo"), "etcd1-peer");
    let administrator = check_filled("{domain}", ["etcd1"], "root").unwrap_err();
    assert!(administrator.starts_with("`{domain}` becomes `root`: "));
}

#[test]
fn a_certificate_for_all_nodes_needs_its_layout_and_no_node_s_name() {
    let complaints = |text: &str| {
        let found = super::complaints(&input(&format!("{text}{NODES}")));
        let short = |line: &String| line.splitn(3, ':').nth(2).unwrap_or(line).trim().to_owned();
        found.iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(
        complaints("[pki]\nshared = true\n"),
        [
            "the layout `etcd` has certificates for clients and for members; `shared` needs `layout = \"etcd-pi\"` or \"dcs\""
        ]
    );
    assert_eq!(
        complaints(
            "[pki]\nshared = true\nlayout = \"dcs\"\n[pki.common-name]\nserver = \"{name}\"\n"
        ),
        ["a certificate that all nodes share cannot contain a node's `{name}`"]
    );
    assert_eq!(
        complaints("[pki]\nshared = true\nlayout = \"dcs\"\n[auth]\nenabled = true\n"),
        ["each node needs a user, and so a certificate, of its own; remove `shared` from [pki]"]
    );
}

const NODES: &str = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n";

#[test]
fn every_example_is_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/builder/examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let cluster =
            resolve(&input(&text)).unwrap_or_else(|error| panic!("{:?}", error.complaints));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let expected: &[&str] = match name {
            "ubuntu-core" => {
                &["4 members tolerate the loss of 1, as 3 would; choose an odd number"]
            }
            _ => &[],
        };
        assert_eq!(cluster.warnings, expected, "{name}");
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "kubernetes-by-hand",
            "kubernetes-external",
            "patroni-dcs",
            "pi-home-lab",
            "ubuntu-core"
        ]
    );
}

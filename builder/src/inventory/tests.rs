//! Checks that files of other programs become the expected cluster.toml, which `plan` accepts.

use std::path::Path;

use super::{Converted, cluster_toml};

/// Returns the text for a file with this name and content, without its head.
pub(super) fn from(name: &str, content: &str) -> String {
    let text = whole(name, content).unwrap().text;
    let (head, rest) = text.split_once("\n\n").unwrap();
    assert_eq!(head.lines().count(), 3, "{head}");
    rest.to_owned()
}

pub(super) fn whole(name: &str, content: &str) -> anyhow::Result<Converted> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, content).unwrap();
    cluster_toml(&path)
}

/// Returns the message and the hint about a file, without its path.
fn complaint(name: &str, content: &str) -> String {
    let error = whole(name, content).unwrap_err();
    let text = error.to_string();
    text.rsplit_once(name).unwrap().1.to_owned()
}

const NODES: &str = "\
[[node]]
name = \"etcd1\"
address = \"192.168.0.50\"

[[node]]
name = \"etcd2\"
address = \"192.168.0.51\"
";

#[test]
fn an_inventory_of_a_pi_cluster() {
    let inventory = "\
[nodes]
etcd1.local ansible_host=192.168.0.50
etcd2.local ansible_host=192.168.0.51   # the second

[all:vars]
ansible_python_interpreter=/usr/bin/python3
interface=wlan0
routers=192.168.0.1
domain_name_servers=1.1.1.1 9.9.9.9
cacert_file=/etc/etcd/pki/ca.pem
cert_file=/etc/etcd/pki/etcd.pem
data_dir=/var/lib/etcd-data
cluster=etcd1.local=https://192.168.0.50:2380
wifi_password=hunter22
ansible_port=22
subnet={{ lookup('x') }}
token=\"etcd-cluster-1\"
";
    let expected = format!(
        "[network]\ninterface = \"wlan0\"\ngateway = \"192.168.0.1\"\ndns = [\"1.1.1.1\", \"9.9.9.9\"]\n\n{NODES}\n\
         [etcd]\ndata-dir = \"/var/lib/etcd-data\"\n\n[pki]\nlayout = \"etcd-pi\"\n\n\
         # Not taken over from hosts.ini:\n\
         # - ansible_python_interpreter = /usr/bin/python3: nothing is installed on running nodes\n\
         # - cert_file = /etc/etcd/pki/etcd.pem: certificates lie where `layout` in [pki] or a [[certificate]] says\n\
         # - cluster = etcd1.local=https://192.168.0.50:2380: it follows from the [[node]] tables\n\
         # - wifi_password: no setting corresponds to it\n\
         # - subnet: a template, whose value only Ansible knows\n"
    );
    let cluster = "[cluster]\ntoken = \"etcd-cluster-1\"\ndomain = \"local\"\n\n";
    assert_eq!(from("hosts.ini", inventory), format!("{cluster}{expected}"));
}

#[test]
fn root_is_not_the_login_user() {
    let text = from(
        "hosts.ini",
        "[etcd]\netcd1 ip=192.168.0.50 ansible_user=root\n",
    );
    let expected = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n\n\
                    # Not taken over from hosts.ini:\n\
                    # - ansible_user = root: root does not log in; `user` in [ssh] uses sudo\n";
    assert!(text.ends_with(expected), "{text}");
    assert!(!text.contains("[ssh]\n"), "{text}");
}

#[test]
fn the_group_for_etcd_is_chosen_and_ranges_are_expanded() {
    let inventory = "\
[kube_control_plane]
master1 ip=192.168.0.40

[etcd:children]
storage
etcd

[storage]
etcd[1:2] ansible_user=ada

[storage:vars]
gateway=192.168.0.254
netmask=255.255.255.0
ansible_port=2222
[all:vars]
ansible_port=22
";
    let text = from("inventory", inventory);
    let missing = "# inventory has no address for this machine: add `address = \"…\"`.\n";
    let expected = format!(
        "[network]\ngateway = \"192.168.0.254\"\nprefix = 24\n\n\
         [[node]]\nname = \"etcd1\"\n{missing}\n[[node]]\nname = \"etcd2\"\n{missing}\n\
         [ssh]\nuser = \"ada\"\n\n\
         # Not taken over from inventory:\n\
         # - 1 machine outside the group `etcd`\n\
         # - ansible_port = 2222: sshd listens on port 22\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn an_inventory_in_yaml() {
    let inventory = "\
all:
  vars: {ansible_user: ubuntu, routers: 192.168.0.1, nameservers: [1.1.1.1, 9.9.9.9]}
  children:
    etcd:
      hosts:
        etcd1: {ansible_host: 192.168.0.50}
        etcd2: {ansible_host: 10.0.0.2, ip: 192.168.0.51}
    others:
      hosts: {web: }
";
    let expected = format!(
        "[network]\ngateway = \"192.168.0.1\"\ndns = [\"1.1.1.1\", \"9.9.9.9\"]\n\n{NODES}\n\
         [ssh]\nuser = \"ubuntu\"\n\n\
         # Not taken over from inventory.yml:\n# - 1 machine outside the group `etcd`\n"
    );
    assert_eq!(from("inventory.yml", inventory), expected);
}

const GUESSED: &str = "does not name the gateway: check it and the prefix length.\n[network]\nprefix = 24\ngateway = \"192.168.0.1\"\n";

#[test]
fn a_hosts_table() {
    let table = "\
127.0.0.1 localhost
127.0.1.1 laptop
::1 ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
192.168.0.50 etcd1 etcd1.local # first
192.168.0.51\tetcd2
192.168.0.9 proxy
";
    let expected = format!(
        "# hosts {GUESSED}\n{NODES}\n# Not taken over from hosts:\n# - 1 machine without `etcd` in the name\n"
    );
    assert_eq!(from("hosts", table), expected);
}

#[test]
fn a_configuration_of_ssh() {
    let config = "\
Host etcd1
    HostName 192.168.0.50
    User ada
Host etcd2
    HostName=192.168.0.51
Host *.example.org
    User nobody
Match user root
    Port 1
Host *
    User ada
    IdentityFile ~/.ssh/pi
";
    let expected = format!(
        "# config {GUESSED}\n{NODES}\n[ssh]\nuser = \"ada\"\n\n\
         # Not taken over from config:\n\
         # - line 6: a pattern names no machine\n\
         # - line 8: a `Match` block\n\
         # - IdentityFile = ~/.ssh/pi: the nodes authorize `authorized-keys` in [ssh], \
         by default the public keys in ~/.ssh\n"
    );
    assert_eq!(from("config", config), expected);
}

#[test]
fn notes_use_the_words_of_the_file() {
    let config = "\
Host etcd1
    HostName 192.168.0.50
    Port 2222
    User ada
    ForwardAgent no
Host etcd2
    HostName 192.168.0.51
    ForwardAgent yes
";
    let expected = format!(
        "# config {GUESSED}\n{NODES}\n# Not taken over from config:\n\
         # - Port: sshd listens on port 22\n\
         # - User: not all machines have it\n\
         # - ForwardAgent: it is not the same for all machines\n"
    );
    assert_eq!(from("config", config), expected);
}

#[test]
fn the_directory_of_the_data_is_taken_over() {
    let inventory =
        |path: &str| format!("[etcd]\na ansible_host=10.0.0.1\n[all:vars]\netcd_data_dir={path}\n");
    let text = from("inventory", &inventory("/srv/etcd"));
    assert!(
        text.contains("[etcd]\ndata-dir = \"/srv/etcd\"\n"),
        "{text}"
    );
    let text = from("inventory", &inventory("/home/etcd"));
    let note = "# - etcd_data_dir: `data-dir` cannot be `/home/etcd`: name a directory below /var/lib, /srv, /mnt or /data \
                whose name begins with `etcd`, as in \"/var/lib/etcd-data\"\n";
    assert!(text.ends_with(note), "{text}");
}

#[test]
fn a_configuration_of_kubeadm() {
    let config = "\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
etcd:
  external:
    endpoints: [https://192.168.0.50:2379, 'https://192.168.0.51:2379/']
    caFile: /etc/kubernetes/pki/etcd/ca.crt
";
    let expected = format!(
        "# kubeadm.yaml {GUESSED}\n{NODES}\n\
         # Not taken over from kubeadm.yaml:\n\
         # - caFile = /etc/kubernetes/pki/etcd/ca.crt: `ca-certificate` and `ca-key` in [pki] name the files of an own \
         CA on this machine\n"
    );
    assert_eq!(from("kubeadm.yaml", config), expected);
}

#[test]
fn names_from_addresses_and_ipv6() {
    let text = from("hosts.ini", "[etcd]\nfd00::50\nfd00::51\n");
    assert_eq!(
        text,
        "[[node]]\nname = \"etcd1\"\naddress = \"fd00::50\"\n\n[[node]]\nname = \"etcd2\"\naddress = \"fd00::51\"\n"
    );
}

#[test]
fn groups_and_blocks_take_precedence_as_in_their_programs() {
    let inventory = "\
[etcd]
etcd1 ip=10.0.0.1
[etcd:vars]
gateway=10.0.0.254
prefix=16
netmask=255.255.255.0
[site:children]
etcd
[site:vars]
gateway=10.0.0.253
";
    let text = from("hosts.ini", inventory);
    let network = "[network]\ngateway = \"10.0.0.254\"\nprefix = 16\n";
    assert!(text.starts_with(network), "{text}");
    let note = "# - netmask = 255.255.255.0: `prefix` already has a value\n";
    assert!(text.ends_with(note), "{text}");
    let config =
        "Host *\n User a\nHost e1\n User b\n HostName 10.0.0.9\n ProxyJump x\nHost *\n User c\n";
    let text = from("config", config);
    assert!(text.contains("[ssh]\nuser = \"a\"\n"), "{text}");
    assert!(
        text.ends_with("# - ProxyJump: no setting corresponds to it\n"),
        "{text}"
    );
}

#[test]
fn a_gateway_is_not_guessed_where_a_node_is() {
    let text = from("hosts", "10.3.0.1 etcd1\n10.3.0.2 etcd2\n");
    let begins = "# hosts does not name the gateway: add `gateway` to [network].\n\n[[node]]\n";
    assert!(text.starts_with(begins), "{text}");
}

#[test]
fn a_wrong_line_is_named() {
    for (name, content, expected) in [
        ("a.ini", "[nodes\n", ":1: this section header has no `]`"),
        (
            "a.ini",
            "[a]\n\nx y=1 z\n",
            ":3: a machine's line is its name, then NAME=VALUE without spaces around `=`",
        ),
        ("a.ini", "[a]\nx y='1\n", ":2: a quote is not closed"),
        ("a.ini", "[a:vars]\nx\n", ":2: a variable is NAME=VALUE"),
        (
            "a.ini",
            "[a:b]\n",
            ":1: a section is [group], [group:vars] or [group:children]",
        ),
        ("a.ini", "", " lists no machines"),
        ("hosts", "127.0.0.1 localhost\n", " lists no machines"),
        ("a.yml", "- x\n", ": it has no groups"),
        (
            "a.yaml",
            "apiVersion: v1\netcd: {local: {}}\n",
            ": it has no `endpoints` below `etcd: external:`",
        ),
    ] {
        assert_eq!(complaint(name, content), expected);
    }
}

#[test]
fn groups_in_a_circle_end() {
    let text = from(
        "a.ini",
        "[a:children]\nb\n[b:children]\na\n[b]\netcd1 ip=10.0.0.1\n",
    );
    assert!(
        text.ends_with("name = \"etcd1\"\naddress = \"10.0.0.1\"\n"),
        "{text}"
    );
}

#[test]
fn large_and_binary_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs_err::write(&path, b"[etcd]\n\xe4").unwrap();
    let message = cluster_toml(&path).unwrap_err().to_string();
    let expected = format!("line 2 of {} is not text in UTF-8", path.display());
    assert_eq!(message, expected);
    fs_err::File::create(&path)
        .unwrap()
        .set_len(1 << 21)
        .unwrap();
    let message = cluster_toml(&path).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "{} has more than 1048576 bytes, more than any inventory",
            path.display()
        )
    );
    let missing = cluster_toml(Path::new("/no/such/file")).unwrap_err();
    assert_eq!(missing.to_string(), "reading /no/such/file");
    assert_eq!(
        crate::failure::explain(&missing).0,
        crate::failure::Kind::Usage
    );
    // It does not end.
    let endless = cluster_toml(Path::new("/dev/zero")).unwrap_err();
    let message =
        "reading /dev/zero: failed to open file `/dev/zero`: it is a device, not a regular file";
    assert_eq!(format!("{endless:#}"), message);
}

#[cfg(target_os = "linux")]
#[test]
fn damaged_inventories() {
    let folder = tempfile::tempdir().unwrap();
    // The first line is the file's name, which decides how it is read.
    let sound = [
        "hosts.ini\n[etcd]\nkv-[01:03].lan ansible_host=10.0.0.1 ansible_user=ada\n[etcd:vars]\nx=\"1\"\n[all:children]\netcd\n",
        "hosts.yml\nall:\n  children:\n    etcd:\n      hosts:\n        a: {ansible_host: 10.0.0.1}\n        b:\n",
        "hosts\n10.0.0.1 a a.lan # one\n::1 localhost\nfd00::2 b\n",
        "config\nHost a b*\n  HostName 10.0.0.%h\n  User ada\nMatch host c\n  Port 22\nInclude other\n",
        "kubeadm.yaml\nkind: ClusterConfiguration\netcd:\n  external:\n    endpoints: [https://10.0.0.1:2379]\n    caFile: /a\n---\na: &b [*b]\n",
    ];
    let names = sound.map(|text| text.split('\n').next().unwrap_or_default());
    crate::mutated::survives_texts("inventories", &sound, |text| {
        let (name, text) = text.split_once('\n').unwrap_or(("hosts", text));
        let name = names.iter().find(|known| **known == name);
        let path = folder.path().join(name.unwrap_or(&"hosts"));
        fs_err::write(&path, text).unwrap();
        if let Ok(Converted { text: toml, .. }) = cluster_toml(&path) {
            assert!(toml.parse::<toml::Table>().is_ok(), "{toml}");
        }
    });
}

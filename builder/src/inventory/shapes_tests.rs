//! Checks the shapes in which people have such files, taken from public reports about Ansible roles, kubespray and Patroni.

use super::tests::{from, whole};

/// Returns the names and the addresses of the nodes, and what follows them.
fn nodes(name: &str, content: &str) -> (Vec<String>, String) {
    let text = from(name, content);
    let value = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let lines = text.lines();
    let named = lines.filter(|line| line.starts_with("name = ") || line.starts_with("address = "));
    let (_, rest) = text.rsplit_once("address = ").unwrap_or(("", &text));
    (named.filter_map(value).collect(), rest.to_owned())
}

fn gaps(name: &str, content: &str) -> Vec<String> {
    whole(name, content).unwrap().gaps
}

/// Returns the message and the hint about a file that is refused.
fn refusal(name: &str, content: &str) -> (String, String) {
    let error = whole(name, content).unwrap_err();
    let text = error.to_string();
    let (_, message) = text.rsplit_once(name).unwrap();
    (message.to_owned(), crate::failure::explain(&error).1)
}

const TWO: [&str; 4] = ["etcd1", "10.0.0.11", "etcd2", "10.0.0.12"];

#[test]
fn every_name_for_an_address_is_known() {
    for variable in [
        "ansible_ssh_host",
        "access_ip",
        "ip_address",
        "etcd_access_address",
    ] {
        let text = format!("[etcd]\netcd1 {variable}=10.0.0.11\netcd2 {variable}=10.0.0.12\n");
        assert_eq!(nodes("hosts.ini", &text).0, TWO, "{variable}");
    }
    let (found, rest) = nodes(
        "hosts.ini",
        "[etcd]\netcd1 ip=10.0.0.11/16\netcd2 ip=10.0.0.12/16\n",
    );
    assert_eq!(found, TWO);
    assert!(!rest.contains("Not taken over"), "{rest}");
    let text = from("hosts.ini", "[etcd]\netcd1 ip=10.0.0.11/16\n");
    assert!(text.contains("prefix = 16\n"), "{text}");
}

#[test]
fn a_name_may_have_a_user_a_port_and_ranges() {
    let (found, rest) = nodes(
        "hosts.ini",
        "[etcd]\npi@10.0.0.11:2222\npi@10.0.0.12:2222\n",
    );
    assert_eq!(found, TWO);
    let expected = "\n[ssh]\nuser = \"pi\"\n\n# Not taken over from hosts.ini:\n# - ansible_port = 2222: sshd listens on port 22\n";
    assert!(rest.ends_with(expected), "{rest}");
    let text = from("hosts.ini", "[etcd]\ndb-[a:c].example.com:22\n");
    assert_eq!(text.matches("name = \"db-").count(), 3, "{text}");
}

#[test]
fn names_become_host_names() {
    let (found, rest) = nodes("hosts.ini", "[etcd]\nETCD_Node_1 ansible_host=10.0.0.11\n");
    assert_eq!(found, ["etcd-node-1", "10.0.0.11"]);
    let note = "# - the name ETCD_Node_1, which is etcd-node-1 here: host names have neither capitals nor `_`\n";
    assert!(rest.ends_with(note), "{rest}");
}

#[test]
fn the_group_for_etcd_has_many_names() {
    for group in ["etcd-servers", "etcd_nodes", "ETCD", "k8s_etcd"] {
        let text = format!("[postgres]\npg1 ansible_host=10.0.0.21\n[{group}]\netcd[1:2] x=1\n");
        let text = text + "[all:vars]\nansible_host=10.0.0.11\n";
        let (found, _) = nodes("hosts.ini", &text);
        assert_eq!(
            found,
            ["etcd1", "10.0.0.11", "etcd2", "10.0.0.11"],
            "{group}"
        );
    }
}

#[test]
fn machines_of_several_groups_without_one_for_etcd_are_a_gap() {
    let gap = "x.yml has no group `etcd` with machines, so that each of its machines is a node: remove the [[node]] tables of \
               the others";
    let network = "x.yml does not name the gateway: check it and the prefix length";
    let empty = "all:\n  children:\n    etcd:\n    kube_node:\n      hosts: {n1: {ip: 10.0.1.2}}\n    other:\n      hosts: {n2: {ip: 10.0.1.3}}\n";
    assert_eq!(gaps("x.yml", empty), [gap, network]);
    let one = "all:\n  children:\n    pis: {hosts: {n1: {ip: 10.0.1.2}, n2: {ip: 10.0.1.3}}}\n";
    assert_eq!(gaps("x.yml", one), [network]);
}

#[test]
fn a_comment_may_follow_the_name_of_a_group() {
    let text = "[masters]\netcd1 ip=10.0.0.11\netcd2 ip=10.0.0.12\n[workers]\nw ip=10.0.0.9\n[etcd:children]\nmasters # all of them\n";
    assert_eq!(nodes("hosts.ini", text).0, TWO);
}

#[test]
fn groups_that_share_groups_on_many_levels_are_read_once() {
    let level = |below: usize| {
        let children = format!("children]\na{below}\nb{below}\n");
        let above = below + 1;
        format!("[a{above}:{children}[b{above}:{children}")
    };
    let levels: Vec<String> = (0..60).map(level).collect();
    let levels = levels.concat();
    let text = format!(
        "[etcd]\netcd1 ip=10.0.0.11\n[a0:children]\netcd\n[b0:children]\netcd\n{levels}[etcd:vars]\nprefix=16\n[b60:vars]\nprefix=8\n"
    );
    let text = from("hosts.ini", &text);
    assert!(text.contains("prefix = 16\n"), "{text}");
}

#[test]
fn many_groups_below_each_other_are_read_soon() {
    let level = |above: usize| format!("[g{above}:children]\ng{}\n", above + 1);
    let levels: Vec<String> = (0..1000).map(level).collect();
    let levels = levels.concat();
    let text = format!("{levels}[g1000]\netcd1 ip=10.0.0.11\n[g0:vars]\nprefix=16\n");
    let text = from("hosts.ini", &text);
    assert!(text.contains("prefix = 16\n"), "{text}");
}

#[test]
fn yaml_needs_no_ending_and_json_is_yaml() {
    let hosts = "etcd:\n  hosts:\n    etcd1: {ansible_host: 10.0.0.11}\n    etcd2: {ansible_host: 10.0.0.12}\n";
    assert_eq!(nodes("inventory", hosts).0, TWO);
    // As `ansible-inventory --list` prints it.
    let list = r#"{"_meta": {"hostvars": {"etcd1": {"ansible_host": "10.0.0.11"}, "etcd2": {"ansible_host": "10.0.0.12"}}},
        "all": {"children": ["ungrouped", "etcd"]}, "etcd": {"hosts": ["etcd1", "etcd2"]}}"#;
    assert_eq!(nodes("inventory.json", list).0, TWO);
}

#[test]
fn values_that_plan_would_refuse_are_left_out() {
    let (_, rest) = nodes(
        "hosts.ini",
        "[etcd]\netcd1 ip=10.0.0.11\n[all:vars]\ntoken=a!\ngateway=router\ndns=['1.1.1.1', '9.9.9.9']\nansible_ssh_pass=secret\n\
         timezone=Europe/Berlin\netcd_quota_backend_bytes=1\netcd_version=latest\n",
    );
    let expected = "# Not taken over from hosts.ini:\n\
        # - token: `token` must have 1 to 128 letters, digits, `.`, `_` or `-`\n\
        # - gateway: `router` is not an IP address\n\
        # - ansible_ssh_pass: nodes accept no password over SSH, and sudo asks for none\n\
        # - etcd_quota_backend_bytes: `quota` must be a size from 16MiB to 64GiB, as in \"2GiB\" or in bytes\n\
        # - etcd_version = latest: the value has an unsupported form\n";
    assert!(rest.ends_with(expected), "{rest}");
    assert!(
        rest.contains("[system]\ntimezone = \"Europe/Berlin\"\n"),
        "{rest}"
    );
    let text = from(
        "x.ini",
        "[etcd]\ne1 ip=10.0.0.11\n[all:vars]\ndns=['1.1.1.1', '9.9.9.9']\n",
    );
    assert!(
        text.contains("dns = [\"1.1.1.1\", \"9.9.9.9\"]\n"),
        "{text}"
    );
}

#[test]
fn a_hosts_table_of_a_member_has_its_own_name_beside_a_loopback_address() {
    let table = "127.0.0.1 localhost\n255.255.255.255 broadcasthost\n::1 localhost\nfe80::1%lo0 localhost\n\
                 127.0.1.1 etcd1.lan etcd1\n10.0.0.12 etcd2.lan etcd2\nfd00::12 etcd2.lan\n10.0.0.9 vip\n";
    let text = from("hosts", table);
    let own = "[[node]]\nname = \"etcd1\"\n# hosts has no address for this machine";
    assert!(text.contains(own), "{text}");
    let notes =
        "# - 1 machine without `etcd` in the name\n# - fd00::12, a further address of etcd2.lan\n";
    assert!(text.ends_with(notes), "{text}");
    // Its other line has the address.
    let both = "127.0.1.1 etcd1.lan etcd1\n10.0.0.11 etcd1\n10.0.0.12 etcd2\n";
    assert_eq!(nodes("hosts", both).0, TWO);
    // The table may be that of the operator's machine.
    let operator = "127.0.1.1 etcd-admin\n10.0.0.11 kv1\n10.0.0.12 kv2\n";
    let (found, _) = nodes("hosts", operator);
    assert_eq!(found, ["kv1", "10.0.0.11", "kv2", "10.0.0.12"]);
    // A further name may say what a machine does.
    let (found, _) = nodes("hosts", "10.0.0.10 vip\n10.0.0.11 master1 etcd1\n");
    assert_eq!(found, ["master1", "10.0.0.11"]);
    let zeros = "192.168.001.050 etcd1\n";
    let wanted =
        ":1: `192.168.001.050`: write 192.168.1.50; some programs read a leading zero as octal";
    assert_eq!(refusal("hosts", zeros).0, wanted);
}

#[test]
fn a_configuration_of_ssh_has_other_machines_and_aliases() {
    let config = "Host bastion\n HostName 203.0.113.1\nHost etcd1 etcd1.lan\n HostName 10.0.0.11\n\
                  Host etcd2\n HostName 10.0.0.12\nHost github.com\n User git\n";
    let (found, rest) = nodes("config", config);
    assert_eq!(found, TWO);
    let notes =
        "# - 2 machines without `etcd` in the name\n# - etcd1.lan, a further name of etcd1\n";
    assert!(rest.contains(notes), "{rest}");
}

#[test]
fn etcd_s_own_configuration_in_every_form() {
    let members =
        "etcd1=https://10.0.0.11:2380,etcd2=https://10.0.0.12:2380,etcd2=https://10.1.0.12:2380";
    for (name, text) in [
        (
            "etcd.conf.yml",
            format!(
                "name: etcd1\n# comment\ninitial-cluster-token: t\ninitial-cluster: {members}\n"
            ),
        ),
        (
            "etcd",
            format!(
                "ETCD_NAME=etcd1\nETCD_INITIAL_CLUSTER=\"{members}\"\nETCD_INITIAL_CLUSTER_TOKEN=\"t\"\n"
            ),
        ),
        (
            "etcd.service",
            format!(
                "[Service]\nExecStart=/usr/bin/etcd --initial-cluster-token t \\\n  --initial-cluster {members} \\\n"
            ),
        ),
        (
            "drop-in.conf",
            format!(
                "[Service]\nEnvironment=\"ETCD_INITIAL_CLUSTER={members}\" ETCD_INITIAL_CLUSTER_TOKEN=t\n"
            ),
        ),
        (
            "kubeadm.yaml",
            format!(
                "apiVersion: kubeadm.k8s.io/v1beta3\netcd:\n  local:\n    extraArgs:\n      initial-cluster: '{members}'\n      initial-cluster-token: t\n"
            ),
        ),
        (
            "pod.yaml",
            format!(
                "spec:\n  - command:\n    - etcd\n    - --initial-cluster={members}\n    - --initial-cluster-token=t\n"
            ),
        ),
    ] {
        let (found, rest) = nodes(name, &text);
        assert_eq!(found, TWO, "{name}");
        assert!(rest.contains("etcd's other settings"), "{rest}");
        assert!(
            from(name, &text).starts_with("[cluster]\ntoken = \"t\"\n"),
            "{name}"
        );
    }
}

#[test]
fn endpoints_of_clients_in_every_form() {
    let list = "\n    - https://10.0.0.11:2379\n    - https://10.0.0.12:2379\n";
    for (name, text) in [
        ("kubeadm.yaml", format!("apiVersion: kubeadm.k8s.io/v1alpha1\nkind: MasterConfiguration\netcd:\n  endpoints:{list}")),
        ("kubeadm.yaml", "apiVersion: x\netcd:\n  external:\n    endpoints: https://10.0.0.11:2379,https://10.0.0.12:2379\n".to_owned()),
        ("cm.yaml", format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  ClusterConfiguration: |\n    etcd:\n      external:\n        endpoints:{}", list.replace('\n', "\n        "))),
        ("patroni.yml", "scope: pg\nname: a\netcd3:\n  hosts: 10.0.0.11:2379,10.0.0.12:2379\n  protocol: https\n".to_owned()),
        ("patroni.yml", "scope: pg\netcd:\n  hosts:\n  - 10.0.0.11:2379\n  - 10.0.0.12:2379\n".to_owned()),
    ] {
        assert_eq!(nodes(name, &text).0, TWO, "{text}");
    }
    assert_eq!(
        refusal("patroni.yml", "scope: pg\nzookeeper: {}\n").0,
        ": it has no `hosts` below `etcd3:`"
    );
}

#[test]
fn other_files_are_not_taken_for_inventories() {
    let accepted = super::format::ACCEPTED;
    let correct = "correct the file, or write cluster.toml by hand (`etcd-image init`)";
    for (name, content, message, hint) in [
        (
            "x.csv",
            "name,address\netcd1,10.0.0.1\n",
            ":1: `name,address` is not the name of a machine",
            accepted,
        ),
        (
            "x.conf",
            "dhcp-host=b8:27:eb:00:00:01,etcd1,10.0.0.1\n",
            ":1: `dhcp-host=b8:27:eb:00:00:01,etcd1,10.0.0.1` is not the name of a machine",
            accepted,
        ),
        (
            "x.nmconnection",
            "[connection]\nid=eth0\n",
            ":2: `id=eth0` is not the name of a machine",
            correct,
        ),
        (
            "x.txt",
            "etcd1 10.0.0.1\n",
            ":1: a machine's line is its name, then NAME=VALUE without spaces around `=`",
            accepted,
        ),
        (
            "x.json",
            "[{\"name\": \"etcd1\"}]",
            ": it has no groups",
            accepted,
        ),
        (
            "a.yml",
            "a:\n  hosts:\n    x:\n    x:\n",
            ": it is not valid YAML: line 4 column 5: duplicate mapping key: x",
            correct,
        ),
    ] {
        assert_eq!(
            refusal(name, content),
            (message.to_owned(), hint.to_owned()),
            "{name}"
        );
    }
}

#[test]
fn texts_of_windows_are_read() {
    assert_eq!(
        nodes("hosts.ini", "\u{feff}[etcd]\r\netcd1 ip=10.0.0.11\r\n").0,
        ["etcd1", "10.0.0.11"]
    );
}

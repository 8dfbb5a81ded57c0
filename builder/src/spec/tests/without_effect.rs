//! Settings that another setting makes useless.

use super::*;

const NODE: &str = "[[node]]\nname = \"a\"\naddress = \"192.168.0.50\"\n";

/// Returns the complaints about these tables beside a valid node.
fn complaints(tables: &str) -> Vec<String> {
    let text = format!("{NODE}{tables}");
    resolve(&input(&text))
        .err()
        .map_or_else(Vec::new, |invalid| invalid.complaints)
}

#[test]
fn a_setting_without_effect_is_refused() {
    let key = "host-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\"";
    let backup = format!("[backup]\nto = \"data\"\n{key}\n");
    let cases = [
        (
            "[network]\ngateway = \"none\"\non-link = true\n",
            "6: `on-link` has no effect with `gateway = \"none\"`",
        ),
        (
            backup.as_str(),
            "6: `host-key` has no effect with `to = \"data\"`, which is on the node itself",
        ),
        (
            "[etcd]\ninsecure = true\n[ssh]\netcdctl = \"none\"\n",
            "7: `etcdctl` has no effect with `insecure = true` in [etcd]: everybody reads and writes everything",
        ),
        (
            "[pki]\nlayout = \"dcs\"\n[pki.common-name]\npeer = \"x-{name}\"\n",
            "7: `peer` has no effect with `layout = \"dcs\"` in [pki], which has one certificate for both directions: set `server`",
        ),
        (
            "[appliance]\nread-only = false\nwipe-data = true\n",
            "6: `wipe-data` has no effect with `read-only = false`, unless `data` is a disk: the data is in the root file system",
        ),
        (
            "[[certificate]]\nrole = \"server\"\npath = \"/etc/app/a.crt\"\nkey-mode = \"0640\"\n",
            "7: `key-mode` has no effect with a [[certificate]] without `key`",
        ),
    ];
    for (tables, wanted) in cases {
        let wanted = format!("lab/cluster.toml:{wanted}; remove it");
        assert_eq!(complaints(tables), [wanted], "{tables}");
    }
}

#[test]
fn a_setting_that_has_an_effect_or_its_default_stays() {
    for tables in [
        "[network]\ngateway = \"none\"\non-link = false\n",
        "[appliance]\nread-only = false\nwipe-data = false\n",
        "[appliance]\nread-only = false\nwipe-data = true\ndata = \"/dev/disk/by-id/usb-x\"\n",
        "[appliance]\nwipe-data = true\n",
        "[etcd]\ninsecure = true\n[ssh]\netcdctl = \"admin\"\n",
        "[pki]\nlayout = \"dcs\"\n[pki.common-name]\npeer = \"{name}\"\n",
        "[[certificate]]\nrole = \"server\"\npath = \"/etc/app/a.crt\"\nkey-mode = \"0600\"\n",
    ] {
        assert_eq!(complaints(tables), Vec::<String>::new(), "{tables}");
    }
}

#[test]
fn dates_and_the_name_of_a_new_ca_have_no_effect_on_one_that_exists() {
    let text = format!(
        "{NODE}[pki]\nca-certificate = \"ca.pem\"\nca-days = 100\nleaf-days = 50\n[pki.common-name]\nca = \"x\"\n"
    );
    let mut input = input(&text);
    input.read = |_| Ok(Vec::new());
    assert_eq!(
        super::complaints(&input),
        [
            "lab/cluster.toml:6: `ca-days` has no effect with `ca-certificate`, which has dates of its own; remove it",
            "lab/cluster.toml:9: `ca` has no effect with `ca-certificate` in [pki], which has a name of its own; remove it",
        ]
    );
}

#[test]
fn wpa3_has_no_keys_instead_of_passwords() {
    let wifi = |password: &str| {
        format!(
            "[network.wifi]\nssid = \"home\"\npassword = \"{password}\"\nwpa3 = true\ncountry = \"DE\"\n"
        )
    };
    let wanted = "lab/cluster.toml:6: `password` is a key of WPA2, of 64 digits; WPA3 requires the password itself";
    assert_eq!(complaints(&wifi(&"0a".repeat(32))), [wanted]);
    assert_eq!(complaints(&wifi("correct horse")), Vec::<String>::new());
}

#[test]
fn a_radio_that_is_disabled_causes_a_warning_with_wifi() {
    let wifi = "[network.wifi]\nssid = \"home\"\npassword = \"correct horse\"\ncountry = \"DE\"\n";
    let firmware = "[firmware]\nconfig = [\"dtoverlay=disable-bt\", \"dtoverlay=disable-wifi\"]\ncmdline = [\"module_blacklist=a,brcmfmac\"]\n";
    let warnings = |text: &str| resolve(&input(&format!("{NODE}{text}"))).unwrap().warnings;
    let disables = |text: &str| {
        format!("`{text}` disables the boards' own radio: [network.wifi] needs a USB adapter")
    };
    assert_eq!(
        warnings(&format!("{wifi}{firmware}")),
        [
            disables("dtoverlay=disable-wifi"),
            disables("module_blacklist=a,brcmfmac"),
        ]
    );
    assert_eq!(warnings(firmware), Vec::<String>::new());
}

#[test]
fn nodes_with_ipv6_addresses_need_ipv6() {
    let firmware = "[firmware]\ncmdline = [\"ipv6.disable=1\"]\n";
    let node = NODE.replace("192.168.0.50", "fd00::50");
    let network = "[network]\ngateway = \"none\"\n";
    let invalid = resolve(&input(&format!("{node}{network}{firmware}"))).unwrap_err();
    let wanted = "lab/cluster.toml:7: `ipv6.disable=1`: the nodes have IPv6 addresses; remove it";
    assert_eq!(invalid.complaints, [wanted]);
    assert_eq!(complaints(firmware), Vec::<String>::new());
}

#[test]
fn name_servers_of_the_other_family_may_be_out_of_reach() {
    let servers = "[network]\ndns = [\"9.9.9.9\", \"2620:fe::fe\"]\n";
    let cluster = resolve(&input(&format!("{NODE}{servers}"))).unwrap();
    let wanted = "name server 2620:fe::fe has an IPv6 address: the nodes reach it only if a router of their network announces IPv6";
    assert_eq!(cluster.warnings, [wanted]);
    assert_eq!(cluster.network.dns.len(), 2);
    let other =
        "interface = \"eth0\"\n[[network.other]]\nname = \"eth1\"\naddresses = [\"fd00::5/64\"]\n";
    let further = resolve(&input(&format!("{NODE}{servers}{other}"))).unwrap();
    assert_eq!(further.warnings, Vec::<String>::new());
    let node = NODE.replace("192.168.0.50", "fd00::50");
    let text = format!("{node}{servers}gateway = \"none\"\n");
    let invalid = resolve(&input(&text)).unwrap_err();
    let wanted = "lab/cluster.toml:5: name server 9.9.9.9 is not of the nodes' address family";
    assert_eq!(invalid.complaints, [wanted]);
}

#[test]
fn nodes_to_which_nobody_can_log_in_cause_a_warning() {
    let warnings = |appliance: &str| {
        let text = format!("{NODE}[appliance]\n{appliance}\n");
        resolve(&input(&text)).unwrap().warnings
    };
    let wanted = "port 22 is closed by `ports` in [appliance]: nobody can log in to the nodes by SSH, and those commands of \
                  `etcd-image cluster` that need a login fail";
    assert_eq!(warnings("ports = [2379, 2380]"), [wanted]);
    assert_eq!(
        warnings("ports = [2379, 2380]\nallow = [\"22/udp\"]"),
        [wanted]
    );
    for open in [
        "",
        "ports = [22, 2379, 2380]",
        "ports = [2379, 2380]\nallow = [\"22/tcp from 10.0.0.0/8\"]",
    ] {
        assert_eq!(warnings(open), Vec::<String>::new(), "{open}");
    }
}

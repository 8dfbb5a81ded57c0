//! Checks the files that the settings of the network, the clock and the firewall become on Raspberry Pi OS.

use tempfile::TempDir;

use crate::support::fixture::write;
use crate::support::rendered::rendered;
use crate::support::tool::tool;

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

/// Nodes with a VLAN on the interface of etcd, one on an interface of its own, and a network whose server gives addresses.
pub(super) const FURTHER: &str = r#"
[network]
interface = "eth0"
gateway = "none"
[[network.other]]
name = "eth0"
vlan = 20
mtu = 1400
addresses = ["10.1.0.11/24", "10.1.0.12/24", "10.1.0.13/24"]
routes = ["10.2.0.0/16 via 10.1.0.1"]
[[network.other]]
name = "eth2"
vlan = 30
addresses = ["fd01::11/64", "fd01::12/64", "fd01::13/64"]
[[network.other]]
name = "eth1"
dhcp = true
default-route = true
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
fn network_manager_receives_name_servers_by_family() {
    let servers = "dns = [\"9.9.9.9\", \"2620:fe::fe\", \"2620:fe::9\"]\n";
    let profile = profile(&DISTANT.replace("mtu = 1400\n", servers));
    assert!(profile.contains("\ndns=9.9.9.9;\nroute1="), "{profile}");
    let end = "\n[ipv6]\naddr-gen-mode=default\nmethod=auto\ndns=2620:fe::fe;2620:fe::9;\n";
    assert!(profile.ends_with(end), "{profile}");
}

#[test]
fn network_manager_receives_further_networks() {
    let folder = "/etc/NetworkManager/system-connections";
    let profile = |device: &str| {
        let text = rendered(FURTHER, &format!("{folder}/etcd-{device}.nmconnection"));
        let lines = text.lines().filter(|line| !line.starts_with("uuid="));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    assert_eq!(
        profile("eth0.20"),
        "[connection]
id=etcd-eth0.20
type=vlan
interface-name=eth0.20
autoconnect=true
autoconnect-priority=100
autoconnect-retries=0

[vlan]
id=20
parent=eth0
flags=1

[ethernet]
mtu=1400

[ipv4]
method=manual
address1=10.1.0.11/24
never-default=true
ignore-auto-routes=true
ignore-auto-dns=true
route1=10.2.0.0/16,10.1.0.1

[ipv6]
method=disabled
"
    );
    let rest = |device: &str| {
        let text = profile(device);
        let (_, rest) = text.split_once("autoconnect-retries=0\n\n").unwrap();
        rest.to_owned()
    };
    assert_eq!(
        rest("eth2.30"),
        "[vlan]\nid=30\nparent=eth2\nflags=1\n\n[ipv6]\nmethod=manual\naddress1=fd01::11/64\nnever-default=true\n\
         ignore-auto-routes=true\nignore-auto-dns=true\n\n[ipv4]\nmethod=disabled\n"
    );
    assert_eq!(
        rest("eth1"),
        "[ipv4]\nmethod=auto\ndhcp-client-id=mac\n\n[ipv6]\nmethod=disabled\n"
    );
    let rules = rendered(FURTHER, "/etc/nftables.conf");
    assert!(
        rules.contains("udp sport 67 udp dport 68 accept"),
        "{rules}"
    );
}

#[test]
fn a_dhcp_server_gives_the_address() {
    let configuration = "[network]\ndhcp = true\nroutes = [\"10.0.0.0/8 via 192.168.0.254\"]\n";
    let profile = profile(configuration);
    let (_, rest) = profile.split_once("[ipv4]\n").unwrap();
    let wanted = "method=auto\ndhcp-client-id=mac\nroute2=10.0.0.0/8,192.168.0.254\ndns-search=local;\nmay-fail=false\n";
    assert!(rest.starts_with(wanted), "{rest}");
    let rules = rendered(configuration, "/etc/nftables.conf");
    assert!(
        rules.contains("        udp sport 67 udp dport 68 accept\n"),
        "{rules}"
    );
}

/// A host with the addresses 192.168.0.77 and 127.0.0.1.
const FIB_TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.168.0.0/24 2 0 2
        |-- 192.168.0.0
           /24 link UNICAST
        |-- 192.168.0.77
           /32 host LOCAL
        |-- 192.168.0.255
           /32 link BROADCAST
";

#[test]
fn a_node_waits_for_the_address_that_is_reserved_for_it() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let net = folder.path().join("net");
    for (interface, address) in [("eth0", "dc:a6:32:00:00:01"), ("lo", "00:00:00:00:00:00")] {
        std::fs::create_dir_all(net.join(interface)).unwrap();
        write(
            &net.join(interface).join("address"),
            format!("{address}\n").as_bytes(),
        );
    }
    write(&net.join("eth0/device"), b"");
    let before = folder.path().join("before");
    write(&before, FIB_TRIE.as_bytes());
    let after = folder.path().join("after");
    write(&after, FIB_TRIE.replace("0.77", "0.50").as_bytes());
    let run = |configuration: &str| {
        let join = rendered(configuration, "/usr/local/lib/etcd-node/join");
        let (settings, _) = join.split_once("\nUSER=").unwrap();
        let (_, functions) = join.split_once("# addresses_in").unwrap();
        let (functions, _) = functions.split_once("before_etcd() {").unwrap();
        let functions = functions
            .replace("/proc/self/net/fib_trie", "$trie")
            .replace("/sys/class/net", &net.display().to_string());
        // The first pause lasts until the server gives the address.
        let rest = format!(
            "say() {{ echo \"$*\"; }}\nsleep() {{ trie={}; }}\ntrie={}\nawait_address\necho started\n",
            after.display(),
            before.display()
        );
        let script = format!("{settings}\n# {functions}\n{rest}");
        tool("sh", &["-c", &script]).done().text()
    };
    assert_eq!(
        run("[network]\ndhcp = true\n"),
        "waiting for the address 192.168.0.50: the DHCP server gave 192.168.0.77; reserve it there for this board \
         (eth0 dc:a6:32:00:00:01), then switch it off and on\nstarted\n"
    );
    assert_eq!(run(""), "started\n");
}

/// Returns what the node says about its IPv6 address, of which the kernel has these flags.
fn said_of_ipv6(flags: &str) -> String {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [addresses, mark] =
        ["if_inet6", "mark"].map(|name| folder.path().join(name).display().to_string());
    let address = match flags {
        "" => String::new(),
        flags => format!("fd000007000000000000000000000050 02 40 00 {flags} eth0\n"),
    };
    let list = format!("00000000000000000000000000000001 01 80 10 80 lo\n{address}");
    write(addresses.as_ref(), list.as_bytes());
    let alone = concat!(env!("CARGO_MANIFEST_DIR"), "/overlays/etcd/alone");
    let script = std::fs::read_to_string(alone).unwrap();
    let script = script
        .replace("/proc/self/net/if_inet6", &addresses)
        .replace("time.sleep(0.5)", "return")
        .replace("GRACE = 10", "GRACE = -1");
    tool("python3", &["-IS", "-c", &script, "fd00:7::50", &mark])
        .done()
        .text()
}

#[test]
fn a_node_says_that_another_board_uses_its_ipv6_address() {
    let other = "etcd-node: refused to start: another board uses this node's address fd00:7::50. ";
    let missing = "etcd-node: waiting for the address fd00:7::50: no interface has it. If another board uses it, ";
    for (flags, begin) in [("c8", other), ("", missing), ("c0", missing)] {
        let said = said_of_ipv6(flags);
        assert!(said.starts_with(begin), "{flags}: {said}");
    }
    // Permanent, and without the kernel's question.
    assert_eq!(["80", "82"].map(said_of_ipv6), ["", ""]);
}

#[test]
fn network_manager_prefers_wireless_networks_in_their_order() {
    let configuration = r#"
[network.wifi]
ssid = "home"
password = "correct horse"
country = "DE"
[[network.wifi.other]]
ssid = "garage"
password = "none"
hidden = true
"#;
    let folder = "/etc/NetworkManager/system-connections";
    let [home, garage] = ["", "-2"].map(|number| {
        rendered(
            configuration,
            &format!("{folder}/etcd-wlan0{number}.nmconnection"),
        )
    });
    let head = |profile: &str| {
        let lines = profile.lines().filter(|line| !line.starts_with("uuid="));
        let lines = lines.take_while(|line| *line != "[ipv4]");
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    assert_eq!(
        head(&home),
        "[connection]
id=etcd-wlan0
type=wifi
interface-name=wlan0
autoconnect=true
autoconnect-priority=100
autoconnect-retries=2

[wifi]
mode=infrastructure
ssid=104;111;109;101;

[wifi-security]
key-mgmt=wpa-psk
psk=correct horse

"
    );
    assert_eq!(
        head(&garage),
        "[connection]
id=etcd-wlan0-2
type=wifi
interface-name=wlan0
autoconnect=true
autoconnect-priority=99
autoconnect-retries=2

[wifi]
mode=infrastructure
ssid=103;97;114;97;103;101;
hidden=true

"
    );
    for profile in [home, garage] {
        assert!(profile.contains("\naddress1=192.168.0.50/24,192.168.0.1\n"));
    }
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
fn the_console_has_its_language_and_keyboard() {
    let configuration = "[system]\nlocale = \"en_GB.UTF-8\"\nkeyboard = \"gb\"\n";
    for path in ["/etc/locale.conf", "/etc/default/locale"] {
        assert_eq!(rendered(configuration, path), "LANG=en_GB.UTF-8\n");
    }
    let keyboard = rendered(configuration, "/etc/default/keyboard");
    assert!(keyboard.contains("\nXKBLAYOUT=\"gb\"\n"), "{keyboard}");
    let compiled = "/etc/console-setup/cached_setup_keyboard.sh";
    assert_eq!(rendered(configuration, compiled), "");
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

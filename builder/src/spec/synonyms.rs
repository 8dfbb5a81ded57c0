//! Words of related tools, and of people who guess: the setting or the table that each stands for.

/// Words between spaces, and the table and the name of the setting that they stand for. They come from dhcpcd, Ansible,
/// cloud-init, netplan, `NetworkManager`, Raspberry Pi Imager and etcd.
pub(super) const SETTINGS: &[(&str, &str, &str)] = &[
    ("image os base-image distribution", "[cluster]", "base"),
    ("cluster-name", "[cluster]", "name"),
    ("initial-cluster-token cluster-token", "[cluster]", "token"),
    ("iface device nic", "[network]", "interface"),
    (
        "netmask subnet-mask mask subnet cidr",
        "[network]",
        "prefix",
    ),
    (
        "routers router default-gateway gateway6",
        "[network]",
        "gateway",
    ),
    (
        "domain-name-servers nameservers nameserver dns-servers",
        "[network]",
        "dns",
    ),
    ("search-domains dns-search", "[network]", "search"),
    ("psk passphrase", "[network.wifi]", "password"),
    ("wifi-password", "[network.wifi]", "password"),
    (
        "regulatory-domain wifi-country country-code",
        "[network.wifi]",
        "country",
    ),
    (
        "ansible-host ip ip-address ipv4 ip-addr",
        "[[node]]",
        "address",
    ),
    ("hostname inventory-hostname", "[[node]]", "name"),
    ("model hardware", "[[node]]", "board"),
    ("quota-backend-bytes", "[etcd]", "quota"),
    ("retention", "[backup]", "keep"),
    ("interval schedule", "[backup]", "every"),
    ("password passwd", "[ssh]", "password-hash"),
    ("ansible-user username", "[ssh]", "user"),
    (
        "ssh-authorized-keys ssh-keys public-key public-keys",
        "[ssh]",
        "authorized-keys",
    ),
    ("keymap xkb-layout keyboard-layout", "[system]", "keyboard"),
    ("lang language", "[system]", "locale"),
    ("ntp-servers time-servers ntp-server", "[system]", "ntp"),
    ("sans alt-names", "[pki]", "extra-sans"),
    ("days validity", "[pki]", "leaf-days"),
    ("ca-cert ca-crt ca-file", "[pki]", "ca-certificate"),
    ("key-type key-size algorithm", "[pki]", "key"),
    ("cn", "[[certificate]]", "common-name"),
    ("key-path key-file", "[[certificate]]", "key"),
    ("type kind", "[[certificate]]", "role"),
    ("mdns zeroconf bonjour", "[appliance]", "avahi"),
    ("dest destination target", "[[file]]", "path"),
    ("src", "[[file]]", "source"),
    ("permissions chmod", "[[file]]", "mode"),
    ("text", "[[file]]", "content"),
];

/// Words between spaces for which a table has no setting, the table, and what to do instead. No table stands for the top level.
pub(super) const ADVICE: &[(&str, &str, &str)] = &[
    (
        "nodes members machines size count",
        "",
        "write a [[node]] table for each node, or give `--nodes 3`",
    ),
    (
        "runcmd bootcmd script scripts commands",
        "",
        "a [[unit]] runs a program at every boot",
    ),
    (
        "nodes members machines size count",
        "[cluster]",
        "write a [[node]] table for each node, or give `--nodes 3`",
    ),
    (
        "node",
        "[cluster]",
        "write [[node]] with the nodes' own tables",
    ),
    (
        "runtime",
        "[etcd]",
        "etcd runs as a program of the system, not in a container",
    ),
    (
        "tls",
        "[etcd]",
        "etcd speaks TLS, unless `insecure` is true",
    ),
    (
        "port client-port peer-port",
        "[etcd]",
        "clients use port 2379, and members 2380",
    ),
    (
        "mac mac-address serial",
        "[[node]]",
        "a board becomes the node whose card it has",
    ),
    (
        "password",
        "[[auth.user]]",
        "`etcd-image cluster password` sets it",
    ),
    (
        "password root-password",
        "[auth]",
        "`etcd-image cluster password root` sets it",
    ),
    ("port", "[ssh]", "sshd listens on port 22"),
    (
        "enabled password-authentication permit-root-login",
        "[ssh]",
        "sshd always runs, and accepts neither passwords nor root",
    ),
    ("swap", "[system]", "nodes have no swap"),
    (
        "firewall",
        "[appliance]",
        "`ports` and `allow` say what the firewall lets in",
    ),
    ("bucket", "[backup]", "write `to = \"s3://BUCKET/etcd\"`"),
    ("group", "[[file]]", "`owner` has both, as in \"root:root\""),
    (
        "group",
        "[[archive]]",
        "`owner` has both, as in \"root:root\"",
    ),
    (
        "group",
        "[[certificate]]",
        "`owner` has both, as in \"root:root\"",
    ),
];

/// Words between spaces, and the table that they stand for.
pub(super) const TABLES: &[(&str, &str)] = &[
    ("base image os recipe", "[cluster]"),
    ("interfaces ethernet ethernets eth0", "[network]"),
    ("wifi wifis wlan wlan0 wireless", "[network.wifi]"),
    (
        "member members host machine machines server servers",
        "[[node]]",
    ),
    ("user users login account accounts", "[ssh]"),
    ("locale localization l10n time ntp clock", "[system]"),
    ("tls cert certs certificates ca", "[pki]"),
    ("rbac", "[auth]"),
    ("config boot kernel raspi-config", "[firmware]"),
    ("firewall storage disk data", "[appliance]"),
    ("apt apps", "[packages]"),
    ("service services systemd", "[[unit]]"),
    ("write-files copy copyfile", "[[file]]"),
];

/// Words between spaces that say too little about the only table that has them or their equivalent.
pub(super) const VAGUE: &str = "chmod days dest destination enabled interval kind mask nodes permissions retention schedule src \
                                target text to type validity";

/// Returns the word as the lists above spell it.
pub(super) fn spelled(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// Returns whether a word is among those between spaces.
pub(super) fn is_among(word: &str, words: &str) -> bool {
    let word = spelled(word);
    words.split(' ').any(|known| known == word)
}

/// Returns what to do instead of a key for which the table has no setting.
pub(super) fn advice(key: &str, header: &str) -> Option<&'static str> {
    let mut all = ADVICE.iter();
    let found = all.find(|(words, of, _)| *of == header && is_among(key, words));
    found.map(|(.., advice)| *advice)
}

/// Returns the header of the table that a word stands for.
pub(super) fn table(word: &str) -> Option<&'static str> {
    let found = TABLES.iter().find(|(words, _)| is_among(word, words));
    found.map(|(_, header)| *header)
}

#[cfg(test)]
mod tests {
    use super::super::settings::SECTIONS;
    use super::*;

    #[test]
    fn every_word_stands_for_something_and_hides_no_setting() {
        let section = |header: &str| SECTIONS.iter().find(|section| section.header == header);
        for (words, header, name) in SETTINGS {
            let keys = section(header).unwrap().keys();
            assert!(keys.contains(name), "{name}");
            assert!(
                words.split(' ').all(|word| !keys.contains(&word)),
                "{words}"
            );
        }
        for (words, header, _) in ADVICE.iter().filter(|(_, header, _)| !header.is_empty()) {
            let keys = section(header).unwrap().keys();
            assert!(
                words.split(' ').all(|word| !keys.contains(&word)),
                "{words}"
            );
        }
        for (words, header) in TABLES {
            assert!(section(header).is_some(), "{header}");
            let is_table = |word: &str| SECTIONS.iter().any(|section| section.path() == word);
            assert!(words.split(' ').all(|word| !is_table(word)), "{words}");
        }
    }
}

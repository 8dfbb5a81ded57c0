//! Tests of flags, numbers of nodes and address families: defaults, precedence, limits and warnings.

use super::*;

#[test]
fn flags_win_over_the_file() {
    let mut input = input(VALID);
    input.flags.nodes = Some(3);
    input.flags.base = Some("./my.img.xz".to_owned());
    input.flags.etcd = Some("etcd-v3.4.45-linux-arm64.tar.gz".to_owned());
    input.flags.ssh_keys = vec![key_file(&format!("# mine\n\n{KEY}\n{KEY}\nno-pty {KEY}\n"))];
    let cluster = resolve(&input).unwrap();
    assert_eq!(cluster.base, BaseChoice::Image("./my.img.xz".into()));
    assert_eq!(
        cluster.etcd.source,
        EtcdSource::Paths(vec!["etcd-v3.4.45-linux-arm64.tar.gz".into()])
    );
    assert_eq!(
        cluster.ssh.authorized_keys,
        [KEY.to_owned(), format!("no-pty {KEY}")]
    );
}

#[test]
fn paths_in_the_file_start_at_its_folder() {
    let text = VALID
        .replace("debian-trixie", "base.img")
        .replace("3.5.34", "a.deb, b.deb");
    let cluster = resolve(&input(&text)).unwrap();
    assert_eq!(cluster.base, BaseChoice::Image("lab/base.img".into()));
    assert_eq!(
        cluster.etcd.source,
        EtcdSource::Paths(vec!["lab/a.deb".into(), "lab/b.deb".into()])
    );
}

#[test]
fn wrong_flags_are_named() {
    let mut wrong = numbered(3);
    wrong.flags.base = Some("Raspios".to_owned());
    wrong.flags.etcd = Some("latest".to_owned());
    wrong.flags.ssh_keys = vec![key_file("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")];
    assert_eq!(
        complaints(&wrong),
        [
            "--base: `Raspios` is neither a recipe, as `etcd-image recipes` lists them, nor an image; write ./Raspios for a file",
            "--etcd: `latest` is neither a release number, `debian`, nor a path; write ./latest for a directory",
            "--ssh-key: id.pub: that is a private key; give its public half, the file that ends in .pub",
        ]
    );
}

/// Returns the error about the only thing that an input lacks, and its hint.
fn lack(input: &Input) -> [String; 2] {
    let error = anyhow::Error::from(resolve(input).unwrap_err());
    let (_, hint) = crate::failure::explain(&error);
    [error.to_string(), hint]
}

#[test]
fn the_number_of_nodes_has_limits() {
    for count in [0, 100, u32::MAX] {
        assert_eq!(
            complaints(&numbered(count)),
            ["--nodes: give a number from 1 to 99"]
        );
    }
    assert_eq!(
        lack(&input("")),
        [
            "lab/cluster.toml describes no node",
            "add a [[node]] table for each, or give `--nodes 3`"
        ]
    );
    let mut nothing = input("");
    nothing.config = None;
    assert_eq!(
        lack(&nothing),
        [
            "there is no cluster.toml here",
            "give `--nodes 3`, or write one with `etcd-image init`"
        ]
    );
    let mut other = input(VALID);
    other.flags.nodes = Some(5);
    assert_eq!(
        complaints(&other),
        ["--nodes: asks for 5 nodes, but the file describes 3"]
    );
    let node = |n| {
        format!(
            "[[node]]
name = \"n{n}\"
address = \"192.168.0.{}\"
",
            n + 1
        )
    };
    let many = (1..=100).map(node).collect::<Vec<_>>().concat();
    assert_eq!(
        complaints(&input(&many)),
        ["lab/cluster.toml:298: there are 100 nodes; at most 99 are allowed"]
    );
}

#[test]
fn even_and_large_clusters_are_warned_about() {
    for (count, warning) in [
        (1, None),
        (
            2,
            Some("2 members tolerate the loss of 0, as 1 would; choose an odd number"),
        ),
        (3, None),
        (
            4,
            Some("4 members tolerate the loss of 1, as 3 would; choose an odd number"),
        ),
        (7, None),
        (
            9,
            Some("9 members: every write waits for a majority of them; etcd advises at most 7"),
        ),
    ] {
        let cluster = resolve(&numbered(count)).unwrap();
        assert_eq!(
            cluster.warnings.first().map(String::as_str),
            warning,
            "{count}"
        );
    }
    let large = input(&VALID.replace("\"512MiB\"", "8589934593"));
    assert!(resolve(&large).unwrap().warnings[0].starts_with("quota is 8589934593 bytes; "));
}

#[test]
fn numbered_nodes_follow_the_gateway_of_the_file() {
    for (gateway, prefix, wanted) in [
        ("10.7.0.1", 24, ["10.7.0.50", "10.7.0.51"]),
        ("10.7.3.1", 16, ["10.7.0.50", "10.7.0.51"]),
        ("fd00::1", 64, ["fd00::50", "fd00::51"]),
    ] {
        let mut input = input(&format!(
            "[network]\ngateway = \"{gateway}\"\nprefix = {prefix}\n"
        ));
        input.flags.nodes = Some(2);
        assert_eq!(addresses(&resolve(&input).unwrap()), wanted);
    }
    let mut narrow = input("[network]\nprefix = 28\n");
    narrow.flags.nodes = Some(1);
    assert_eq!(
        complaints(&narrow),
        [
            "default of network.gateway: gateway 192.168.0.1 is outside the nodes' network 192.168.0.48/28; \
          set `gateway` in [network], or \"none\""
        ]
    );
}

#[test]
fn ipv6_is_as_good_as_ipv4() {
    let text = "[network]\ngateway = \"fe80::1\"\n[[node]]\nname = \"a\"\naddress = \"fd00::a\"\n";
    let cluster = resolve(&input(text)).unwrap();
    assert_eq!(cluster.network.prefix, 64);
    assert_eq!(cluster.network.dns[0].to_string(), "2606:4700:4700::1111");
    let mixed = format!("{text}[[node]]\nname = \"b\"\naddress = \"10.0.0.1\"\n");
    assert_eq!(
        complaints(&input(&mixed)),
        ["lab/cluster.toml:8: address 10.0.0.1 is not of the same family as fd00::/64"]
    );
}

#[test]
fn a_network_may_have_no_gateway_and_no_name_server() {
    let text = "[network]\ngateway = \"none\"\ndns = []\n[[node]]\nname = \"a\"\naddress = \"192.168.56.10\"\n";
    let cluster = resolve(&input(text)).unwrap();
    assert_eq!(
        (cluster.network.gateway, cluster.network.dns),
        (None, Vec::new())
    );
}

#[test]
fn somebody_must_be_able_to_log_in() {
    let mut nobody = numbered(1);
    nobody.default_keys = vec![key_file("ssh-ed25519-cert-v01@openssh.com AAAA me")];
    let (message, advice) = (
        "no SSH public key in ~/.ssh",
        "make one with `ssh-keygen -t ed25519`, or name one with `--ssh-key FILE`",
    );
    assert_eq!(lack(&nobody), [message, advice]);
    // Beside another complaint, the advice is in its line.
    nobody.flags.nodes = Some(0);
    assert_eq!(
        complaints(&nobody),
        [
            format!("{message}: {advice}").as_str(),
            "--nodes: give a number from 1 to 99"
        ]
    );
    nobody.flags.nodes = Some(1);
    nobody.purpose = Purpose::Downloads;
    assert!(resolve(&nobody).is_ok());

    let mut by_ca = input(&format!("[ssh]\ntrusted-user-ca = [\"{KEY}\"]\n"));
    by_ca.flags.nodes = Some(1);
    let ssh = resolve(&by_ca).unwrap().ssh;
    assert_eq!(
        (ssh.authorized_keys, ssh.trusted_user_ca),
        (Vec::new(), vec![KEY.to_owned()])
    );
}

#[test]
fn several_complaints_become_one_failure() {
    let text = VALID
        .replace("\"lab\"", "\"Lab\"")
        .replace("\"DE\"", "\"de\"");
    let error = anyhow::Error::from(resolve(&input(&text)).unwrap_err());
    let failure: &crate::failure::Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, crate::failure::Kind::Usage);
    assert_eq!(
        failure.message,
        "2 things to correct\n  \
         lab/cluster.toml:2: `Lab` is not a cluster name: use lower-case letters, digits and `-`\n  \
         lab/cluster.toml:14: `de` is not a country: write its two capital letters in ISO 3166, as in \"DE\""
    );
}

#[test]
fn tables_of_nodes_need_two_brackets() {
    let complaints = complaints(&input("[node]\nname = \"a\"\n"));
    let brackets =
        "lab/cluster.toml:1: write [[node]] with two pairs of brackets, once for each node";
    assert!(complaints.contains(&brackets.to_owned()), "{complaints:?}");
}

#[test]
fn only_some_nodes_can_be_selected() {
    let cluster = resolve(&numbered(3)).unwrap();
    let select = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let nodes = cluster.select(&names).map_err(|error| error.to_string())?;
        Ok::<_, String>(
            nodes
                .into_iter()
                .map(|node| node.name.clone())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(select(&[]).unwrap(), ["etcd1", "etcd2", "etcd3"]);
    assert_eq!(
        select(&["etcd3", "etcd1", "etcd3"]).unwrap(),
        ["etcd1", "etcd3"]
    );
    assert_eq!(
        select(&["etcd1", "etcd4"]).unwrap_err(),
        "--only: there is no node `etcd4`"
    );
}

#[test]
fn downloads_need_neither_nodes_nor_keys() {
    let mut bare = numbered(1);
    bare.flags.nodes = None;
    bare.default_keys = Vec::new();
    assert_eq!(complaints(&bare).len(), 2);
    bare.purpose = Purpose::Downloads;
    bare.flags.base = Some("debian-trixie".to_owned());
    let cluster = resolve(&bare).unwrap();
    assert_eq!(cluster.base, BaseChoice::Recipe("debian-trixie".to_owned()));
    assert!(cluster.nodes.is_empty());
}

/// Damaged input may cause errors, but must not cause a panic.
#[test]
fn no_damage_makes_it_panic() {
    let without = |line: usize| {
        let kept = VALID
            .lines()
            .enumerate()
            .filter(|(index, _)| *index != line);
        kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    };
    let swapped = |(at, _)| format!("{}9{}", &VALID[..at], &VALID[at + 1..]);
    let cut = VALID.char_indices().map(|(at, _)| VALID[..at].to_owned());
    let holed = (0..VALID.lines().count()).map(without);
    let mut refused = 0;
    for text in cut.chain(holed).chain(VALID.char_indices().map(swapped)) {
        refused += usize::from(resolve(&input(&text)).is_err());
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_key_that_sshd_does_not_accept_any_more() {
    let old = format!("expiry-time=\\\"20200101\\\" {KEY}");
    let text = format!(
        "[cluster]\nname = \"lab\"\n[ssh]\nauthorized-keys = [\n  \"{old}\",\n]\n[[node]]\nname = \"a\"\naddress = \"192.168.0.50\"\n"
    );
    let wanted = "sshd no longer accepts that key: its `expiry-time` is past; remove the line, or give a later time";
    assert_eq!(
        complaints(&input(&text)),
        [format!("lab/cluster.toml:5: {wanted}")]
    );
    let old = old.replace('\\', "");
    let flag = Input {
        flags: Flags {
            ssh_keys: vec![key_file(&old)],
            ..numbered(3).flags
        },
        ..numbered(3)
    };
    assert_eq!(complaints(&flag), [format!("--ssh-key: id.pub: {wanted}")]);
    // A key of the home directory that has expired is skipped like any line that is no key.
    let home = Input {
        default_keys: vec![key_file(&format!("{old}\n{KEY}\n"))],
        ..numbered(3)
    };
    assert_eq!(resolve(&home).unwrap().ssh.authorized_keys, [KEY]);
}

#[test]
fn boards_that_boot_as_another_one() {
    for (name, board) in [
        ("pi400", Board::Pi4),
        ("pi500", Board::Pi5),
        ("cm5lite", Board::Cm5),
    ] {
        let cluster = resolve(&input(&VALID.replace("pi5", name))).unwrap();
        assert_eq!(cluster.nodes[1].board, Some(board));
    }
}

#[test]
fn a_base_with_the_extension_of_an_image_is_a_path() {
    let base = |name: &str| {
        let flags = Flags {
            base: Some(name.to_owned()),
            ..numbered(1).flags
        };
        let input = Input {
            flags,
            ..numbered(1)
        };
        resolve(&input).unwrap().base
    };
    for name in ["a.img", "a.zip", "a.img.BZ2", "a.7z", "a.qcow2"] {
        assert_eq!(base(name), BaseChoice::Image(name.into()));
    }
    for name in ["ubuntu-server-24.04", "raspios-trixie"] {
        assert_eq!(base(name), BaseChoice::Recipe(name.to_owned()));
    }
}

#[test]
fn a_base_that_is_made_has_packages_and_the_locale_in_addition() {
    let with = |locale: &str| {
        let tables = format!(
            "[system]\nlocale = \"{locale}\"\n[packages]\ninstall = [\"tmux\", \"htop\"]\n[hosts]"
        );
        resolve(&input(&VALID.replace("[hosts]", &tables)))
            .unwrap()
            .additions()
    };
    assert_eq!(with("C.UTF-8"), ["htop", "tmux"]);
    assert_eq!(with("en_GB.UTF-8"), ["htop", "tmux", "en_GB.UTF-8"]);
    let plain = resolve(&input(VALID)).unwrap().additions();
    assert_eq!(plain, Vec::<String>::new());
    for install in ["\"tmux\"", "\"tmux\", \"console-setup\""] {
        let tables =
            format!("[system]\nkeyboard = \"de\"\n[packages]\ninstall = [{install}]\n[hosts]");
        let cluster = resolve(&input(&VALID.replace("[hosts]", &tables))).unwrap();
        assert_eq!(cluster.additions(), ["console-setup", "tmux"]);
    }
}

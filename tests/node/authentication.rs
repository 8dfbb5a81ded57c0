//! Checks how a node switches etcd's authentication on.

use crate::support::rendered::rendered;
use crate::support::tool::tool;

const PROGRAM: &str = "/usr/local/lib/etcd-node/authentication";

/// A common name may contain blanks, as in `etcd node 1`.
#[test]
fn every_node_gets_its_user_whatever_its_common_name() {
    let configuration = "[auth]\nenabled = true\n[pki.common-name]\nserver = \"etcd of {name}\"
[[node]]\nname = \"a\"\naddress = \"192.168.0.50\"
[[node]]\nname = \"b\"\naddress = \"192.168.0.51\"\n";
    let functions = rendered(configuration, PROGRAM);
    let script = format!(
        "{functions}\nRUN=/nowhere\nstep() {{ for word; do printf '<%s>' \"$word\"; done; echo; }}\nadd_nodes\n"
    );
    let wanted = "\
<role><add><root>
<user><add><etcd of a><--no-password>
<user><grant-role><etcd of a><root>
<user><add><etcd of b><--no-password>
<user><grant-role><etcd of b><root>
";
    assert_eq!(tool("dash", &["-euc", &script]).done().text(), wanted);
}

#[test]
fn a_login_user_that_may_only_read_has_a_role_for_it() {
    let functions = rendered(
        "[ssh]\netcdctl = \"read\"\n[auth]\nenabled = true\n",
        PROGRAM,
    );
    let add = |ctl: &str| {
        let script = format!(
            "{functions}\nRUN=/nowhere\nctl() {{ {ctl}; }}\n\
             step() {{ for word; do printf '<%s>' \"$word\"; done; echo; }}\nadd_nodes\n"
        );
        tool("dash", &["-euc", &script]).done().text()
    };
    let nodes =
        "<role><add><root>\n<user><add><etcd1><--no-password>\n<user><grant-role><etcd1><root>\n";
    let reader = "\
<role><add><etcd-image-reader>
<role><grant-permission><etcd-image-reader><--prefix><read><>
<user><add><etcd-image-reader><--no-password>
<user><grant-role><etcd-image-reader><etcd-image-reader>
";
    assert_eq!(add("false"), format!("{reader}{nodes}"));
    let has = "printf 'User: %s\\nRoles: %s\\n' $3 $3";
    assert_eq!(add(has), nodes);
}

/// Without memory, the program that draws it may print nothing. With an empty one, every client could log in as root.
#[test]
fn no_user_gets_an_empty_password() {
    let functions = rendered("[auth]\nenabled = true", PROGRAM);
    let run = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let run = run.path().display();
    let step = "step() { printf '<%s>' \"$@\"; read -r secret || :; echo ${#secret}; }";
    for (od, said) in [
        (":", "<user><add><root><--interactive=false>64\n"),
        ("od() { :; }", "waits\n"),
    ] {
        let script = format!("{functions}\nRUN={run}\n{step}\n{od}\nadd_user root || echo waits");
        assert_eq!(tool("dash", &["-uc", &script]).text(), said);
    }
}

/// A node that is slower could do it after an operator has switched authentication off.
#[test]
fn only_the_leader_switches_authentication_on() {
    let functions = rendered("[auth]\nenabled = true", PROGRAM);
    let run = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let run = run.path().display();
    for (status, said) in [
        (
            "echo '\"MemberID\" : 7'; echo '\"Leader\" : 7'",
            "authentication is on\n",
        ),
        ("echo '\"MemberID\" : 7'; echo '\"Leader\" : 8'", ""),
        ("return 1", ""),
    ] {
        let script = format!(
            "{functions}\nRUN={run}\nsay() {{ echo \"$*\"; }}\nctl() {{ case $* in 'role get '*) echo 'role name not found' >&2; return 1 ;; \
             'endpoint status '*) {status} ;; esac; }}\nauthenticate\n"
        );
        assert_eq!(tool("dash", &["-uc", &script]).text(), said, "{status}");
    }
}

//! Tests of `[auth]` with its users and roles.

use super::mistakes::check;
use super::*;

#[test]
fn users_and_roles_are_read() {
    let tables = r#"[auth]
enabled = true
[[auth.user]]
name = "patroni"
roles = ["patroni", "root"]
[[auth.role]]
name = "patroni"
read = ["/shared/"]
write = ["/service/"]
[hosts]"#;
    let cluster = resolve(&input(&VALID.replace("[hosts]", tables))).unwrap();
    let user = AuthUser {
        name: "patroni".to_owned(),
        roles: vec!["patroni".to_owned(), "root".to_owned()],
    };
    let role = AuthRole {
        name: "patroni".to_owned(),
        read: vec!["/shared/".to_owned()],
        write: vec!["/service/".to_owned()],
    };
    let wanted = Auth {
        enabled: true,
        users: vec![user],
        roles: vec![role],
    };
    assert_eq!(cluster.auth, wanted);
    assert!(!resolve(&input(VALID)).unwrap().auth.enabled);
}

#[test]
fn a_login_user_that_may_only_read_is_a_user_of_etcd() {
    let text = VALID.replace("[ssh]", "[auth]\nenabled = true\n[ssh]\netcdctl = \"read\"");
    let cluster = resolve(&input(&text)).unwrap();
    assert_eq!(cluster.ssh.etcdctl, Some("etcd-image-reader"));
}

#[test]
fn users_and_roles_that_cannot_exist_are_refused() {
    check(
        r#"
[hosts] → [[auth.user]]\nname = "app"\n[hosts]
    42: [[auth.user]] needs `enabled = true` in [auth]

[hosts] → [auth]\nenabled = true\n[[auth.user]]\nname = "root"\n[hosts]
    45: the user `root` is defined twice

[hosts] → [auth]\nenabled = true\n[[auth.user]]\nname = "etcd1"\n[hosts]
    45: the user `etcd1` is defined twice

[hosts] → [auth]\nenabled = true\n[[auth.role]]\nname = "root"\n[hosts]
    45: the role `root` is defined twice

[hosts] → [auth]\nenabled = true\n[[auth.role]]\nname = "etcd-image-reader"\n[hosts]
    45: the role `etcd-image-reader` is defined twice

user = "admin" → user = "admin"\netcdctl = "read"
    33: `etcdctl = "read"` needs `enabled = true` in [auth]: without users, etcd lets every certificate do everything

[hosts] → [auth]\nenabled = true\n[[auth.user]]\nname = "app"\nroles = ["none"]\n[hosts]
    46: there is no role `none`; add an [[auth.role]]

[hosts] → [auth]\nenabled = true\n[[auth.role]]\nname = "a b"\n[hosts]
    45: `a b` is not a name of letters, digits, dots, hyphens and underscores

[hosts] → [auth]\nenabled = true\n[[auth.role]]\nname = "a"\nread = ["it's"]\n[hosts]
    46: `it's` is not a prefix of keys such as /service/: use printable ASCII characters without blanks and quotes
"#,
    );
}

#[test]
fn no_client_has_the_certificate_of_a_node_s_user() {
    let refused = "etcd takes the common name `etcd1` for the user of a node, which may do everything; set another `common-name`, such as the name of an [[auth.user]]";
    let table = "[[certificate]]\nrole = \"client\"\npath = \"/etc/a.crt\"\nkey = \"/etc/a.key\"\n";
    let with = |name: &str| {
        let auth = format!("[auth]\nenabled = true\n{table}{name}[hosts]");
        let read = resolve(&input(&VALID.replace("[hosts]", &auth)));
        read.err()
            .map_or_else(Vec::new, |refused| refused.complaints)
    };
    for (name, line) in [
        ("", 44),
        ("common-name = \"{name}\"\n", 48),
        ("common-name = \"etcd1\"\nnodes = [\"etcd3\"]\n", 48),
    ] {
        assert_eq!(with(name), [format!("lab/cluster.toml:{line}: {refused}")]);
    }
    for name in ["", "app", "{name}-app", "{name}.{domain}"] {
        let found = with(&format!("common-name = \"{name}\"\n"));
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    let without = VALID.replace("[hosts]", &format!("{table}[hosts]"));
    assert!(resolve(&input(&without)).is_ok());
}

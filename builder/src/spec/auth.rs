//! `[auth]`: etcd's authentication, with its users and roles.

use super::complaints::Complaints;
use super::issuing::Pki;
use super::machine::{Auth, AuthRole, AuthUser};
use super::table::Table;

/// The role and the user that may do everything, which etcd requires.
pub(super) const ROOT: &str = "root";

/// The role and the user that may read all keys, which the nodes add.
pub(super) const READER: &str = "etcd-image-reader";

/// The tables about authentication.
pub(super) struct AuthTables<'a> {
    pub(super) auth: &'a Table,
    pub(super) users: &'a [&'a Table],
    pub(super) roles: &'a [&'a Table],
}

/// Reads the tables. `nodes` are the names of the nodes, which are users by their certificates.
pub(super) fn read(
    tables: &AuthTables<'_>,
    nodes: &[&str],
    pki: &Pki,
    domain: &str,
    log: &mut Complaints,
) -> Auth {
    let enabled = tables.auth.switch("enabled");
    if enabled && pki.shared {
        let message =
            "each node needs a user, and so a certificate, of its own; remove `shared` from [pki]";
        log.add(tables.auth.place_of("enabled"), message);
    }
    let (users, roles) = (tables.users, tables.roles);
    for given in users.iter().chain(roles) {
        if !enabled {
            let header = given.section.header;
            let message = format!("{header} needs `enabled = true` in [auth]");
            log.add(given.place, message);
        }
    }
    let roles = distinct(roles, "role", &[ROOT.to_owned(), READER.to_owned()], log);
    let roles: Vec<AuthRole> = roles.into_iter().map(role).collect();
    let mut own = users_of_nodes(nodes, pki, domain);
    own.extend([ROOT.to_owned(), READER.to_owned()]);
    let users = distinct(users, "user", &own, log);
    let users = users.into_iter().map(|table| user(table, &roles, log));
    Auth {
        enabled,
        users: users.collect(),
        roles,
    }
}

/// Returns the users of the nodes, which may do everything, if etcd has users.
pub(super) fn administrators(auth: &Auth, nodes: &[&str], pki: &Pki, domain: &str) -> Vec<String> {
    match auth.enabled {
        true => users_of_nodes(nodes, pki, domain),
        false => Vec::new(),
    }
}

/// Returns the users that the nodes are by their certificates.
fn users_of_nodes(nodes: &[&str], pki: &Pki, domain: &str) -> Vec<String> {
    let nodes = nodes.iter();
    nodes
        .map(|name| pki.common_names.server(name, domain))
        .collect()
}

/// Returns the tables with a name of their own, and complains about the others.
fn distinct<'a>(
    tables: &[&'a Table],
    what: &str,
    taken: &[String],
    log: &mut Complaints,
) -> Vec<&'a Table> {
    let mut names = taken.to_vec();
    let mut found = Vec::new();
    for table in tables {
        let Some(name) = table.optional("name") else {
            continue;
        };
        if names.iter().any(|taken| taken == name.value) {
            let message = format!("the {what} `{}` is defined twice", name.value);
            log.add(name.place, message);
            continue;
        }
        names.push(name.value.to_owned());
        found.push(*table);
    }
    found
}

fn role(table: &Table) -> AuthRole {
    AuthRole {
        name: table.owned("name").unwrap_or_default(),
        read: table.owned_texts("read"),
        write: table.owned_texts("write"),
    }
}

fn user(table: &Table, roles: &[AuthRole], log: &mut Complaints) -> AuthUser {
    let mut own = Vec::new();
    for role in table.texts("roles") {
        if role.value != ROOT && roles.iter().all(|known| known.name != role.value) {
            let message = format!("there is no role `{}`; add an [[auth.role]]", role.value);
            log.add(role.place, message);
        }
        own.push(role.value.to_owned());
    }
    AuthUser {
        name: table.owned("name").unwrap_or_default(),
        roles: own,
    }
}

/// Checks the name of a user or role.
pub(super) fn name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    match begins && name.len() <= 64 && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is not a name of letters, digits, dots, hyphens and underscores"
        )),
    }
}

/// Checks the prefix of keys.
pub(super) fn prefix(prefix: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_graphic() && c != '\'';
    let begins = prefix.starts_with(|c: char| c != '-');
    match begins && prefix.len() <= 256 && prefix.chars().all(allowed) {
        true => Ok(()),
        false => Err(format!(
            "`{prefix}` is not a prefix of keys such as /service/: use printable ASCII characters without blanks and quotes"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prefixes_are_safe_for_a_shell() {
        for good in ["patroni", "kube-apiserver", "app_1", "10.0.0.1"] {
            assert_eq!(name(good), Ok(()));
        }
        for bad in ["", "-a", "a b", "a'b", "a/b", "ä"] {
            let wanted =
                format!("`{bad}` is not a name of letters, digits, dots, hyphens and underscores");
            assert_eq!(name(bad), Err(wanted));
        }
        for good in ["/service/", "/", "registry/$x", "a\"b"] {
            assert_eq!(prefix(good), Ok(()));
        }
        for bad in ["", "--prefix", "a b", "a'; reboot", "\n"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }
}

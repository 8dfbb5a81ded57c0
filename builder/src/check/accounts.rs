//! The accounts of the image: passwd(5), group(5), shadow(5), and whether the owner's account can log in.

use anyhow::Result;

use super::Findings;
use super::tree::Tree;
use crate::description::NodeDescription;
use crate::spec::rules;

/// The users and groups of the image.
pub(super) struct ImageAccounts {
    users: Vec<Vec<String>>,
    groups: Vec<Vec<String>>,
    shadow: Vec<Vec<String>>,
}

impl ImageAccounts {
    pub(super) fn read(root: &mut Tree<'_>) -> Result<Self> {
        let mut rows = |path: &str| -> Result<Vec<Vec<String>>> {
            let text = root.text(path)?.unwrap_or_default();
            let fields = |line: &str| line.split(':').map(str::to_owned).collect();
            Ok(text.lines().map(fields).collect())
        };
        Ok(Self {
            users: rows("/etc/passwd")?,
            groups: rows("/etc/group")?,
            shadow: rows("/etc/shadow")?,
        })
    }

    /// Returns whether the user exists, by name or number.
    pub(super) fn has_user(&self, name: &str) -> bool {
        name.parse::<u32>().is_ok() || row(&self.users, name).is_some()
    }

    /// Returns whether the group exists, by name or number.
    pub(super) fn has_group(&self, name: &str) -> bool {
        name.parse::<u32>().is_ok() || row(&self.groups, name).is_some()
    }

    /// Returns the user's number and home directory.
    pub(super) fn home(&self, user: &str) -> Option<(u32, &str)> {
        let row = row(&self.users, user)?;
        Some((row.get(2)?.parse().ok()?, row.get(5)?))
    }

    /// Returns whether shadow(5) locks the password, which sshd takes for a locked account unless it uses PAM.
    pub(super) fn is_locked(&self, user: &str) -> bool {
        let password = row(&self.shadow, user).and_then(|row| row.get(1));
        password.is_some_and(|it| it.starts_with('!'))
    }

    /// Returns the names of the user's groups.
    pub(super) fn groups_of(&self, user: &str) -> Vec<&str> {
        let own = row(&self.users, user).and_then(|row| row.get(3));
        let is_in = |group: &&Vec<String>| {
            let member = group
                .get(3)
                .is_some_and(|list| list.split(',').any(|it| it == user));
            member || (own.is_some() && group.get(2) == own)
        };
        let groups = self.groups.iter().filter(is_in);
        groups
            .filter_map(|group| group.first())
            .map(String::as_str)
            .collect()
    }
}

fn row<'a>(rows: &'a [Vec<String>], name: &str) -> Option<&'a Vec<String>> {
    rows.iter()
        .find(|row| row.first().is_some_and(|it| it == name))
}

/// Checks that PAM and the shell let the owner in.
pub(super) fn check_login(
    node: &NodeDescription,
    accounts: &ImageAccounts,
    root: &mut Tree<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let user = &node.login.user;
    let Some(entry) = row(&accounts.users, user) else {
        findings.add(format!(
            "/etc/passwd has no user `{user}`, as whom the owner logs in"
        ));
        return Ok(());
    };
    let shell = entry
        .get(6)
        .map(String::as_str)
        .filter(|it| !it.is_empty())
        .unwrap_or("/bin/sh");
    let refuses = ["nologin", "false"]
        .iter()
        .any(|it| shell.ends_with(&format!("/{it}")));
    let works = !refuses && root.is_program(shell)?;
    findings.expect(
        works,
        format!("the shell of user `{user}` is `{shell}`, which starts no session"),
    );
    let password = row(&accounts.shadow, user).and_then(|row| row.get(1));
    let is_known = password.is_none_or(|password| {
        password.starts_with(['*', '!']) || rules::is_password_hash(password)
    });
    findings.expect(
        is_known,
        format!("the password of user `{user}` is not a hash that crypt(3) accepts (/etc/shadow)"),
    );
    let days = |field: usize| row(&accounts.shadow, user)?.get(field)?.parse::<i64>().ok();
    findings.expect(
        days(2) != Some(0),
        format!("user `{user}` must change a password before the first login (/etc/shadow)"),
    );
    let expires = days(7).is_some_and(|day| day < node.time / 86_400);
    findings.expect(
        !expires,
        format!("the account of user `{user}` has expired (/etc/shadow)"),
    );
    let closed = root.exists("/etc/nologin")?;
    findings.expect(!closed, "/etc/nologin exists: only root can log in");
    Ok(())
}

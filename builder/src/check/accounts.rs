//! The accounts of the image: passwd(5), group(5) and shadow(5).

use anyhow::Result;

use super::tree::Tree;

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

    /// Returns the shell in which the user works; `None` if the user does not exist.
    pub(super) fn shell(&self, user: &str) -> Option<&str> {
        let shell = row(&self.users, user)?.get(6).map(String::as_str);
        Some(shell.filter(|it| !it.is_empty()).unwrap_or("/bin/sh"))
    }

    /// Returns the user's password as shadow(5) has it.
    pub(super) fn password(&self, user: &str) -> Option<&str> {
        Some(row(&self.shadow, user)?.get(1)?)
    }

    /// Returns a number of days in the user's row of shadow(5).
    pub(super) fn days(&self, user: &str, field: usize) -> Option<i64> {
        row(&self.shadow, user)?.get(field)?.parse().ok()
    }

    /// Returns whether shadow(5) locks the password, which sshd takes for a locked account unless it uses PAM.
    pub(super) fn is_locked(&self, user: &str) -> bool {
        self.password(user).is_some_and(|it| it.starts_with('!'))
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

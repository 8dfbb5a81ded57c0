//! The account files as one value: passwd(5), group(5), shadow(5), gshadow(5), subuid(5), subgid(5).

use anyhow::Result;

use super::account_rows::{account_rows, encoded, has_id, id_of, name_with_id, row, row_of};
use crate::failure::{Kind, STOCK};
use crate::inspect::{BaseFiles, Before, Volume};
use crate::overlay::{ACCOUNT_FILES, Account, Change, Edit, FileTree, Owner};
use crate::refusals::Refusals;
use crate::secret::Secret;

/// The account files, in the order of [`crate::overlay::ACCOUNT_FILES`]. The first three must exist; the others are not
/// created if missing.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    passwd: Vec<Vec<String>>,
    group: Vec<Vec<String>>,
    shadow: Vec<Vec<String>>,
    gshadow: Option<Vec<Vec<String>>>,
    subuid: Option<Vec<Vec<String>>>,
    subgid: Option<Vec<Vec<String>>>,
    /// The newest date of the base's shadow(5), in days since 1970, which is also that of the passwords we set. A date that
    /// follows from the certificates would change with them.
    day: i64,
}

/// Debian reserves the ids 100–999 for system accounts. We allocate from the top; packages allocate from the bottom.
const SYSTEM_IDS: std::ops::RangeInclusive<u32> = 100..=990;
const LOGIN_ID: u32 = 1000;

/// Returns the base's accounts together with those that the file tree adds.
pub(super) fn accounts(
    found: &BaseFiles,
    tree: &FileTree,
    refusals: &mut Refusals,
) -> Result<Accounts> {
    let bytes = |path: &str| match found.get(&(Volume::Root, path.to_owned())) {
        Some(Before::File {
            content: Some(bytes),
            ..
        }) => Some(&**bytes),
        _ => None,
    };
    let mut accounts = Accounts::parse(ACCOUNT_FILES.map(bytes))?;
    let wanted = tree.entries.iter().filter_map(|entry| match &entry.change {
        Change::Edited(Edit::Account(account)) => Some(account),
        _ => None,
    });
    // The login user may join the group of a system account.
    let (system, login): (Vec<_>, Vec<_>) =
        wanted.partition(|account| matches!(account, Account::System { .. }));
    for account in system.into_iter().chain(login) {
        refusals.check(accounts.ensure(account))?;
    }
    Ok(accounts)
}

impl Accounts {
    /// Reads the six files, in the order of [`crate::overlay::ACCOUNT_FILES`].
    #[expect(
        clippy::similar_names,
        reason = "subuid and subgid are the files' names"
    )]
    pub(super) fn parse(files: [Option<&[u8]>; 6]) -> Result<Self> {
        let [passwd, group, shadow, gshadow, subuid, subgid] = files;
        let passwd = account_rows(passwd.ok_or_else(|| without("/etc/passwd"))?);
        let group = account_rows(group.ok_or_else(|| without("/etc/group"))?);
        let shadow = account_rows(shadow.ok_or_else(|| without("/etc/shadow"))?);
        Ok(Self {
            passwd,
            group,
            day: newest_day(&shadow),
            shadow,
            gshadow: gshadow.map(account_rows),
            subuid: subuid.map(account_rows),
            subgid: subgid.map(account_rows),
        })
    }

    /// Returns the accounts of Ubuntu Core, whose account files are part of a snap: all files belong to root.
    pub(super) fn of_root_alone() -> Result<Self> {
        let root = Some(&b"root:x:0:"[..]);
        Self::parse([
            Some(b"root:x:0:0:root:/root:/bin/bash"),
            root,
            Some(b"root:*:0:0:99999:7:::"),
            None,
            None,
            None,
        ])
    }

    /// Returns the six files.
    pub(super) fn files(&self) -> [Option<Vec<u8>>; 6] {
        let optional = |table: &Option<Vec<Vec<String>>>| table.as_deref().map(encoded);
        [
            Some(encoded(&self.passwd)),
            Some(encoded(&self.group)),
            Some(encoded(&self.shadow)),
            optional(&self.gshadow),
            optional(&self.subuid),
            optional(&self.subgid),
        ]
    }

    /// Creates the account, or changes the existing one.
    pub(super) fn ensure(&mut self, account: &Account) -> Result<()> {
        match account {
            Account::System {
                name,
                home,
                comment,
            } => self.ensure_system(name, home, comment),
            Account::Login {
                name,
                password_hash,
                groups,
                required_groups,
            } => {
                self.ensure_login(name, password_hash.as_ref(), groups)?;
                self.join_all(name, required_groups)
            }
        }
    }

    /// Returns the ids of an owner given by name or number.
    pub(super) fn ids(&self, owner: &Owner) -> Result<(u32, u32)> {
        let number = |table: &[Vec<String>], name: &str| match name.parse() {
            Ok(number) => Some(number),
            Err(_) => id_of(table, name),
        };
        let user =
            number(&self.passwd, &owner.user).ok_or_else(|| unknown_owner("user", &owner.user))?;
        let group = number(&self.group, &owner.group)
            .ok_or_else(|| unknown_owner("group", &owner.group))?;
        Ok((user, group))
    }

    fn ensure_system(&mut self, name: &str, home: &str, comment: &str) -> Result<()> {
        let free = |id: &u32| !has_id(&self.passwd, *id) && !has_id(&self.group, *id);
        let id = SYSTEM_IDS.rev().find(free).ok_or_else(no_free_id)?;
        let gid = id_of(&self.group, name).unwrap_or(id);
        if id_of(&self.group, name).is_none() {
            self.add_group(name, id);
        }
        if id_of(&self.passwd, name).is_none() {
            self.passwd.push(row(&[
                name,
                "x",
                &id.to_string(),
                &gid.to_string(),
                comment,
                home,
                "/usr/sbin/nologin",
            ]));
            self.set_password(name, "!*");
        }
        Ok(())
    }

    fn ensure_login(&mut self, name: &str, hash: Option<&Secret>, groups: &[String]) -> Result<()> {
        let home = format!("/home/{name}");
        self.refuse_taken(name)?;
        match name_with_id(&self.passwd, LOGIN_ID) {
            Some(found) if found == name => {}
            Some(found) => self.rename(&found, name),
            None => self.add_login(name),
        }
        let user = row_of(&mut self.passwd, name).map(Vec::as_mut_slice);
        if let Some([_, _, _, _, _, folder, shell]) = user {
            folder.clone_from(&home);
            "/bin/bash".clone_into(shell);
        }
        let hash = hash.map(|hash| String::from_utf8_lossy(hash.reveal()).into_owned());
        self.set_password(name, hash.as_deref().unwrap_or("*"));
        for group in groups {
            self.join(name, group);
        }
        Ok(())
    }

    /// Refuses a login with the name of a system user or group: it would get a second group of that name and thereby, by
    /// name, the privileges of the first.
    fn refuse_taken(&self, name: &str) -> Result<()> {
        for (what, table) in [("user", &self.passwd), ("group", &self.group)] {
            if id_of(table, name).is_some_and(|id| id != LOGIN_ID) {
                return Err(Kind::Usage.error(
                    format!(
                        "`{name}` cannot log in: the base has a {what} of its own by that name"
                    ),
                    "choose another `user` in [ssh]",
                ));
            }
        }
        Ok(())
    }

    fn add_login(&mut self, name: &str) {
        let id = LOGIN_ID.to_string();
        let home = format!("/home/{name}");
        self.add_group(name, LOGIN_ID);
        self.passwd
            .push(row(&[name, "x", &id, &id, "", &home, "/bin/bash"]));
        for table in [&mut self.subuid, &mut self.subgid].into_iter().flatten() {
            table.push(row(&[name, "100000", "65536"]));
        }
    }

    fn add_group(&mut self, name: &str, id: u32) {
        self.group.push(row(&[name, "x", &id.to_string(), ""]));
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.push(row(&[name, "!", "", ""]));
        }
    }

    /// Renames a user and its own group everywhere, including memberships in other groups.
    fn rename(&mut self, old: &str, new: &str) {
        let optional = [&mut self.gshadow, &mut self.subuid, &mut self.subgid];
        let tables = optional.into_iter().flatten().chain([
            &mut self.passwd,
            &mut self.group,
            &mut self.shadow,
        ]);
        for row in tables.flatten() {
            match row.first_mut() {
                Some(name) if name == old => new.clone_into(name),
                _ => {}
            }
        }
        for row in self
            .group
            .iter_mut()
            .chain(self.gshadow.iter_mut().flatten())
        {
            if let Some(members) = row.get_mut(3) {
                let renamed = members
                    .split(',')
                    .map(|member| if member == old { new } else { member });
                *members = renamed.collect::<Vec<_>>().join(",");
            }
        }
    }

    /// Sets the hash and the date of the change.
    fn set_password(&mut self, name: &str, hash: &str) {
        let day = self.day.to_string();
        match row_of(&mut self.shadow, name) {
            Some(row) => {
                row.resize(9.max(row.len()), String::new());
                hash.clone_into(&mut row[1]);
                row[2] = day;
            }
            None => self
                .shadow
                .push(row(&[name, hash, &day, "0", "99999", "7", "", "", ""])),
        }
    }

    /// Adds a member to groups that must exist.
    fn join_all(&mut self, name: &str, groups: &[String]) -> Result<()> {
        for group in groups {
            if id_of(&self.group, group).is_none() {
                return Err(Kind::Usage.error(
                    format!("`{name}` cannot join `{group}`: the base has no such group"),
                    "correct `groups` in [ssh]",
                ));
            }
            self.join(name, group);
        }
        Ok(())
    }

    /// Adds a member to a group; a group missing in the base is ignored.
    fn join(&mut self, name: &str, group: &str) {
        for table in std::iter::once(&mut self.group).chain(&mut self.gshadow) {
            if let Some(members) = row_of(table, group).and_then(|row| row.get_mut(3))
                && !members.split(',').any(|member| member == name)
            {
                if !members.is_empty() {
                    members.push(',');
                }
                members.push_str(name);
            }
        }
    }
}

/// Returns the newest date in shadow(5), but not 0, which would force a change at the first login.
fn newest_day(shadow: &[Vec<String>]) -> i64 {
    let days = shadow.iter().filter_map(|row| row.get(2)?.parse().ok());
    days.fold(1, i64::max)
}

fn without(file: &str) -> anyhow::Error {
    Kind::Unsupported.error(format!("the base has no {file}"), STOCK)
}

fn no_free_id() -> anyhow::Error {
    let (first, last) = SYSTEM_IDS.into_inner();
    Kind::Unsupported.error(
        format!("/etc/passwd and /etc/group of the base leave no id from {first} to {last} free"),
        STOCK,
    )
}

fn unknown_owner(what: &str, name: &str) -> anyhow::Error {
    Kind::Usage.error(
        format!("the base has no {what} `{name}`"),
        "correct the owner, or give the number",
    )
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;

//! Whether PAM and the shell let the owner in.

use anyhow::Result;

use super::system::NodeSystem;
use crate::date::DAY;
use crate::spec::rules;

/// Checks that PAM and the shell let the owner in.
pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let accounts = system.accounts;
    let user = &node.login.user;
    let Some(shell) = accounts.shell(user) else {
        system.add(format!(
            "/etc/passwd has no user `{user}`, as whom the owner logs in"
        ));
        return Ok(());
    };
    let refuses = ["nologin", "false"]
        .iter()
        .any(|it| shell.ends_with(&format!("/{it}")));
    let works = !refuses && system.root.is_program(shell)?;
    system.expect(
        works,
        format!("the shell of user `{user}` is `{shell}`, which starts no session"),
    );
    let is_known = accounts.password(user).is_none_or(|password| {
        password.starts_with(['*', '!']) || rules::is_password_hash(password)
    });
    system.expect(
        is_known,
        format!("the password of user `{user}` is not a hash that crypt(3) accepts (/etc/shadow)"),
    );
    system.expect(
        accounts.days(user, 2) != Some(0),
        format!("user `{user}` must change a password before the first login (/etc/shadow)"),
    );
    let expires = accounts
        .days(user, 7)
        .is_some_and(|day| day < node.time / DAY);
    system.expect(
        !expires,
        format!("the account of user `{user}` has expired (/etc/shadow)"),
    );
    let closed = system.root.exists("/etc/nologin")?;
    system.expect(!closed, "/etc/nologin exists: only root can log in");
    Ok(())
}

//! `[ssh]`: the login user and its public keys. There is no default password.

use super::cluster::SshSettings;
use super::complaints::{Complaints, Place};
use super::input::{Input, Purpose, TextFile};
use super::machine::Auth;
use super::table::Table;
use super::{auth, names, public_key};
use crate::secret::Secret;

/// Reads the table. `--ssh-key` replaces its keys; without any keys or user CA, the keys in `~/.ssh` apply.
pub(super) fn read(table: &Table, input: &Input, log: &mut Complaints) -> SshSettings {
    let lines = |name: &str| -> Vec<String> {
        let keys = table.texts(name);
        let checked = |line: &str| public_key::checked(line).unwrap_or_default();
        keys.iter().map(|key| checked(key.value)).collect()
    };
    let trusted_user_ca = lines("trusted-user-ca");
    for key in table.texts("authorized-keys") {
        log.check(key.place, still_valid(key.value, input.now));
    }
    SshSettings {
        user: table.text("user").value.to_owned(),
        authorized_keys: keys(
            lines("authorized-keys"),
            !trusted_user_ca.is_empty(),
            input,
            log,
        ),
        trusted_user_ca,
        groups: table.owned_texts("groups"),
        etcdctl: match table.text("etcdctl").value {
            ADMIN => Some(auth::ROOT),
            READ => Some(auth::READER),
            _ => None,
        },
        password_hash: table
            .optional("password-hash")
            .map(|hash| Secret::new(hash.value)),
    }
}

/// Checks the name of a group.
pub(super) fn group(name: &str) -> Result<(), String> {
    match names::account(name) && name.parse::<u32>().is_err() {
        true => Ok(()),
        false => Err(format!("`{name}` is not the name of a group")),
    }
}

/// The access of a user whose certificate etcd maps to its user `root`.
const ADMIN: &str = "admin";
/// The access of a user whose certificate etcd maps to one who may read all keys.
const READ: &str = "read";

/// Returns the kinds of access to etcd.
pub(super) fn access() -> Vec<&'static str> {
    vec![ADMIN, READ, "none"]
}

/// Complains about a login user that may only read if etcd has no users.
pub(super) fn check_access(table: &Table, ssh: &SshSettings, auth: &Auth, log: &mut Complaints) {
    if ssh.etcdctl == Some(auth::READER) && !auth.enabled {
        let message = "`etcdctl = \"read\"` needs `enabled = true` in [auth]: without users, etcd lets every certificate do everything";
        log.add(table.place_of("etcdctl"), message);
    }
}

/// Checks a line of `authorized_keys`.
pub(super) fn key(line: &str) -> Result<(), String> {
    public_key::checked(line)?;
    public_key::refuse_two(line)
}

/// Checks the public key of a certificate authority.
pub(super) fn ca_key(line: &str) -> Result<(), String> {
    public_key::checked_bare(line).map(drop)
}

/// Refuses a key that sshd no longer accepts.
fn still_valid(line: &str, now: i64) -> Result<(), String> {
    match public_key::has_expired(line, now) {
        false => Ok(()),
        true => Err(
            "sshd no longer accepts that key: its `expiry-time` is past; \
                     remove the line, or give a later time"
                .to_owned(),
        ),
    }
}

fn keys(
    written: Vec<String>,
    has_user_ca: bool,
    input: &Input,
    log: &mut Complaints,
) -> Vec<String> {
    let mut keys = if !input.flags.ssh_keys.is_empty() {
        input
            .flags
            .ssh_keys
            .iter()
            .flat_map(|file| of_flag(file, input.now, log))
            .collect()
    } else if !written.is_empty() {
        written
    } else if has_user_ca {
        Vec::new()
    } else {
        of_home(input, log)
    };
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    keys
}

/// Returns the keys of a file given with `--ssh-key`, in which each line must be a key.
fn of_flag(file: &TextFile, now: i64, log: &mut Complaints) -> Vec<String> {
    let place = Place::Option("--ssh-key");
    let in_file = |message: String| format!("{}: {message}", file.path.display());
    let lines = public_key::lines(&file.text);
    if lines.is_empty() {
        log.add(place, in_file("the file contains no key".to_owned()));
    }
    // One complaint is enough for a file that is not a public key, such as a private key.
    let key =
        |line: &str| public_key::checked(line).and_then(|key| still_valid(line, now).map(|()| key));
    let keys: Result<Vec<_>, _> = lines.into_iter().map(key).collect();
    log.check(place, keys.map_err(in_file)).unwrap_or_default()
}

/// Returns the keys of the home directory. Other lines, such as certificates and expired keys, are skipped.
fn of_home(input: &Input, log: &mut Complaints) -> Vec<String> {
    let files = input.default_keys.iter();
    let lines = files.flat_map(|file| public_key::lines(&file.text));
    let keys: Vec<String> = lines
        .filter(|line| !public_key::has_expired(line, input.now))
        .filter_map(|line| public_key::checked(line).ok())
        .collect();
    if keys.is_empty() && input.purpose == Purpose::Images {
        log.add_lack(
            "no SSH public key in ~/.ssh",
            "make one with `ssh-keygen -t ed25519`, or name one with `--ssh-key FILE`",
        );
    }
    keys
}

/// The methods of crypt(3) that are currently secure, and the number of characters after the last `$`.
const METHODS: [(&str, usize); 8] = [
    ("y", 43),
    ("gy", 43),
    ("7", 43),
    ("6", 86),
    ("5", 43),
    ("2b", 53),
    ("2a", 53),
    ("2y", 53),
];

/// Checks a hash in the format of crypt(3): `$method$…$hash`. The error never contains the written text.
pub(super) fn password_hash(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_graphic() && !":!*;\\'\"".contains(c);
    let parts: Vec<_> = text.split('$').collect();
    let (["", method, .., hash], true) = (parts.as_slice(), text.chars().all(allowed)) else {
        return Err(no_hash());
    };
    let known = METHODS.iter().find(|(known, _)| known == method);
    let length = known.filter(|_| parts.len() >= 4).ok_or_else(no_hash)?.1;
    match hash.len() {
        found if found == length => Ok(()),
        found => Err(format!(
            "`password-hash` is cut short or too long: a hash of its kind has {length} characters \
             after the last `$`, not {found}"
        )),
    }
}

fn no_hash() -> String {
    "`password-hash` is not a crypt(3) hash; make one with `openssl passwd -6` \
     (a plain password is never stored)"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::password_hash;

    #[test]
    fn only_hashes_of_today_are_taken() {
        for hash in [
            "$6$kSKJnrYzZ8x9$j3KI9v/v0gzHQAqvo/azw9/h6WozR9fBfnO17Mwk.YiCcaoYNDI1tv8eZQM2qKekhULSdhVb3IEXalLGyQJuF0",
            "$5$abc$F8oKtQ0IwuAzMOVg5Ne5sqbJtNjbFVs9pxazO96k8H8",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$6foLM1JhGupouWKMU70wxK61Kw9ZnecbACjJwRadqM2",
            "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$swDwqc9roxMj9t43.TdN6v6uEgFlLv6oDhMVx4g6bhA",
            "$7$CU..../....2Q9obwLhin8qvQl6sisAO/$.bP7HtD2HP.OKbRurZTdgkP/04.gFdcR2KR0sT1oqh9",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OFZpuItF3WweSp8FEkv/0/5FZHApM3fe",
        ] {
            assert!(password_hash(hash).is_ok(), "{hash}");
        }
        for text in [
            "",
            "raspberry",
            "$6$",
            "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
            "$6$salt$short",
            "$6$1jCzqkxDa1aTbkVxEVAE4JNI2DYOlWmMXmFfLNF2OGMkCwkyS0wUwKeXJHm5Gy1Yw8mCJmC3BGGVnXoOQ4",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$6foLM1JhGupouWKMU70wxK61Kw9ZnecbACjJwRadqM",
            "$6$a:b$1jCzqkxDa1aTbkVxEVAE4JNI2DYO",
            "!",
        ] {
            let message = password_hash(text).unwrap_err();
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }
}

//! Sets the password of a user of etcd.
//!
//! Nodes create users with random passwords and discard these, because an image must not contain a password in clear, and etcd accepts
//! no hash from a client. The operator's machine sets the real one.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use ssh_key::rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use super::access::Access;
use super::output::{self, NewFile};
use crate::etcd::CallError;
use crate::failure::Kind;
use crate::hex;
use crate::printable::printable;
use crate::secret::Secret;

/// The directory of generated passwords in the state directory, one file for each user.
const FOLDER: &str = "passwords";
/// The number of bytes of the longest password that bcrypt distinguishes from longer ones.
const LONGEST: usize = 72;
/// etcd's words for a user that does not exist.
const UNKNOWN: &str = "etcdserver: user name not found";

/// A password that was set. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct PasswordChange {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The user.
    pub user: String,
    /// The file with the password.
    pub file: PathBuf,
}

/// Sets a user's password to the content of a file: the one `given`, or the user's in the state directory `state`, which is
/// generated the first time.
pub fn set_password(
    access: &Access,
    state: &Path,
    user: &str,
    given: Option<&Path>,
) -> Result<PasswordChange> {
    check(user)?;
    let file = match given {
        Some(file) => file.to_owned(),
        None => generated(state, user)?,
    };
    let password = read(&file)?;
    send(access, user, &password)?;
    Ok(PasswordChange {
        format: 1,
        cluster: access.description.cluster.clone(),
        user: user.to_owned(),
        file,
    })
}

/// Refuses names that would leave the directory of passwords.
fn check(user: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match user.starts_with(|c: char| c.is_ascii_alphanumeric()) && user.chars().all(allowed) {
        true => Ok(()),
        false => Err(unknown(user)),
    }
}

/// Returns the file with a user's password, which is created if it does not exist.
fn generated(state: &Path, user: &str) -> Result<PathBuf> {
    let folder = state.join(FOLDER);
    let path = folder.join(user);
    if fs_err::exists(&path)? {
        return Ok(path);
    }
    output::create_folder(&folder)?;
    let mut bytes = Zeroizing::new([0; 24]);
    OsRng.fill_bytes(bytes.as_mut());
    let text = Zeroizing::new(hex::encode(bytes.as_ref()) + "\n");
    let mut file = NewFile::create(&path)?;
    file.write(text.as_bytes())?;
    file.publish()?;
    Ok(path)
}

fn read(file: &Path) -> Result<Secret> {
    let bytes = crate::file::read(file).with_context(|| {
        Kind::Usage.context(
            format!("reading the password in {}", file.display()),
            "name a readable file with `--file`",
        )
    })?;
    let bytes = Zeroizing::new(bytes);
    let password = bytes.trim_ascii_end();
    let message = match password.len() {
        0 => "it is empty".to_owned(),
        long if long > LONGEST => format!("it is longer than {LONGEST} bytes"),
        _ if std::str::from_utf8(password).is_err() => "it is not text in UTF-8".to_owned(),
        _ => return Ok(Secret::new(password)),
    };
    Err(Kind::Usage.error(
        format!(
            "the password in {} cannot be used: {message}",
            file.display()
        ),
        "write a password of 1 to 72 bytes into the file",
    ))
}

/// Sets the password through the first member that answers.
fn send(access: &Access, user: &str, password: &Secret) -> Result<()> {
    let mut reasons = Vec::new();
    for member in &access.description.members {
        let session = access.client.connect(member.address);
        match session.and_then(|session| session.change_password(user, password)) {
            Ok(()) => return Ok(()),
            Err(CallError::Answer(reason)) if reason == UNKNOWN => return Err(unknown(user)),
            Err(trouble) => reasons.push(format!("{}: {trouble}", member.name)),
        }
    }
    Err(Kind::Unhealthy.error(
        format!("setting the password of `{user}`: {}", reasons.join("; ")),
        "`etcd-image cluster status` names the cause",
    ))
}

fn unknown(user: &str) -> anyhow::Error {
    Kind::Usage.error(
        format!("the cluster has no user `{}`", printable(user)),
        "`etcdctl user list` shows its users; `[[auth.user]]` adds some to a new cluster",
    )
}

impl fmt::Display for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, file) = (&self.user, self.file.display());
        writeln!(f, "the password of `{user}` is now the one in {file}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_generated_once() {
        let state = tempfile::tempdir().unwrap();
        let path = generated(state.path(), "patroni").unwrap();
        assert_eq!(path, state.path().join("passwords/patroni"));
        let first = read(&path).unwrap();
        assert_eq!(first.reveal().len(), 48);
        assert_eq!(
            read(&generated(state.path(), "patroni").unwrap()).unwrap(),
            first
        );
        let other = read(&generated(state.path(), "root").unwrap()).unwrap();
        assert_ne!(other, first);
    }

    #[test]
    fn names_stay_in_the_directory() {
        for name in ["", "..", "../x", "a/b", "-x", "a b"] {
            let wanted = format!("the cluster has no user `{name}`");
            assert_eq!(check(name).unwrap_err().to_string(), wanted);
        }
    }
}

//! Logins to registries, from the files in which other tools keep them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::address::Reference;
use crate::failure::Kind;
use crate::file::if_exists;

/// A user of a registry, and the password.
#[derive(PartialEq, Eq)]
pub(super) struct RegistryLogin {
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
}

/// The parts of such a file that are read.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `USER:PASSWORD` in Base64. It is missing if another program keeps the password.
    auth: Option<String>,
}

impl RegistryLogin {
    /// Returns the login for a repository from the first file that has one.
    pub(super) fn find(reference: &Reference, files: &[PathBuf]) -> Result<Option<Self>> {
        for path in files {
            let read = if_exists(fs_err::read(path)).map(|it| it.map(Zeroizing::new));
            let unreadable =
                || Kind::Usage.context("reading logins to registries", "make the file readable");
            if let Some(bytes) = read.with_context(unreadable)?
                && let Some(login) = parse(reference, path, &bytes)?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

/// Returns the login for a repository. An error never repeats the content of the file.
fn parse(reference: &Reference, path: &Path, bytes: &[u8]) -> Result<Option<RegistryLogin>> {
    let wrong = |why: String| {
        Kind::Usage.error(
            format!("{}: {why}", path.display()),
            "log in again with `skopeo login` or `podman login`, or name another file with REGISTRY_AUTH_FILE",
        )
    };
    let file: File = serde_json::from_slice(bytes).map_err(|error| {
        wrong(format!(
            "line {} is not as those tools write it",
            error.line()
        ))
    })?;
    let entries = keys(reference).into_iter().filter_map(|key| {
        let entry = file.auths.get(&key)?.auth.as_ref();
        entry
            .filter(|auth| !auth.is_empty())
            .map(|auth| (key, auth))
    });
    let Some((key, auth)) = entries.into_iter().next() else {
        return Ok(None);
    };
    let decoded = STANDARD.decode(auth).ok().map(Zeroizing::new);
    let text = decoded.as_ref().and_then(|it| std::str::from_utf8(it).ok());
    let pair = text.and_then(|text| text.trim_end_matches('\0').split_once(':'));
    let (user, password) = pair.ok_or_else(|| wrong(format!("its `{key}` is not a login")))?;
    Ok(Some(RegistryLogin {
        user: user.to_owned(),
        password: Zeroizing::new(password.to_owned()),
    }))
}

/// Returns the names under which a login may be kept, the most specific first.
fn keys(reference: &Reference) -> Vec<String> {
    let registry = &reference.registry;
    let mut path = format!("{registry}/{}", reference.repository);
    let mut keys = vec![path.clone()];
    while let Some((parent, _)) = path.rsplit_once('/') {
        keys.push(parent.to_owned());
        path = parent.to_owned();
    }
    keys.push(format!("https://{registry}"));
    if registry == "docker.io" {
        keys.push("https://index.docker.io/v1/".to_owned());
    }
    keys
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryLogin({})", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str) -> Result<Option<(String, String)>, String> {
        let reference = Reference::parse("r.io/lab/kv").unwrap();
        let login = parse(&reference, Path::new("auth.json"), text.as_bytes());
        let login = login.map_err(|error| error.to_string())?;
        Ok(login.map(|it| (it.user, (*it.password).clone())))
    }

    #[test]
    fn the_most_specific_login_counts() {
        let found = |user: &str| Ok(Some((user.to_owned(), "b:c".to_owned())));
        // printf 'a:b:c' | base64, and so on
        let [a, d] = ["YTpiOmM=", "ZDpiOmM="];
        let one = format!(r#"{{"auths": {{"r.io": {{"auth": "{a}"}}}}, "credsStore": "x"}}"#);
        assert_eq!(login(&one), found("a"));
        let two =
            format!(r#"{{"auths": {{"r.io": {{"auth": "{a}"}}, "r.io/lab": {{"auth": "{d}"}}}}}}"#);
        assert_eq!(login(&two), found("d"));
        for other in ["{}", r#"{"auths": {"other.io": {}, "r.io": {}}}"#] {
            assert_eq!(login(other), Ok(None));
        }
    }

    #[test]
    fn a_damaged_file_is_refused_without_its_content() {
        for (text, why) in [
            (
                r#"{"auths": "hunter2"}"#,
                "line 1 is not as those tools write it",
            ),
            (
                r#"{"auths": {"r.io": {"auth": "aHVudGVyMg=="}}}"#,
                "its `r.io` is not a login",
            ),
        ] {
            assert_eq!(login(text), Err(format!("auth.json: {why}")));
        }
    }
}

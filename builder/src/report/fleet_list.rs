//! `SHA256SUMS` of a signed fleet, in its output directory: the digests of `fleet.json` and of each cluster's own list.
//!
//! It has the name that it has beside the images of a cluster, so that `sha256sum -c` reads it and the same code checks its signature.

use std::path::Path;

use anyhow::Result;

use super::checked::{CheckedList, DO_NOT_USE};
use super::digest_list::DigestList;
use super::{FLEET, MANIFEST, SIGNATURE, SUMS};
use crate::apply::OutputFolder;
use crate::failure::Kind;
use crate::file::if_exists;
use crate::hex;

/// Returns the list of a directory with these clusters.
pub(super) fn text<'a>(folder: &Path, clusters: impl Iterator<Item = &'a str>) -> Result<String> {
    let digests = digests(folder, clusters)?.into_iter();
    let lines = digests.map(|(name, sha256)| format!("{sha256}  {name}\n"));
    Ok(lines.collect())
}

/// Returns the files that the list of a directory with these clusters should contain, as far as they exist.
fn digests<'a>(
    folder: &Path,
    clusters: impl Iterator<Item = &'a str>,
) -> Result<Vec<(String, String)>> {
    let lists = clusters.map(list_of);
    let mut found = Vec::new();
    for name in [FLEET.to_owned()].into_iter().chain(lists) {
        if let Some(bytes) = if_exists(fs_err::read(folder.join(&name)))? {
            found.push((name, hex::sha256(&bytes)));
        }
    }
    Ok(found)
}

/// Returns the name that the list of a fleet has for that of a cluster.
pub(crate) fn list_of(cluster: &str) -> String {
    format!("{cluster}/{SUMS}")
}

/// Returns the first file whose digest differs between both lists: the record of the fleet, or the list of one of these clusters.
pub(super) fn first_change<'a>(
    old: &str,
    new: &str,
    clusters: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let lists = clusters.map(list_of);
    let mut names = [FLEET.to_owned()].into_iter().chain(lists);
    names.find(|name| {
        let found = line_of(new, name);
        found.is_none() || found != line_of(old, name)
    })
}

/// Returns the line of a list about a file.
fn line_of<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let is_named = |line: &&str| line.split_once("  ").is_some_and(|(_, it)| it == name);
    list.lines().find(is_named)
}

/// Compares the list with the directory. A fleet that is not signed has none.
pub(super) fn check<'a>(
    folder: &Path,
    clusters: impl Iterator<Item = &'a str>,
) -> Result<Option<CheckedList>> {
    let signed = fs_err::exists(folder.join(SIGNATURE))?;
    let problems = match DigestList::read(folder)? {
        Some(list) => differences(&list, folder, clusters)?,
        None if signed => vec!["the file is missing".to_owned()],
        None => return Ok(None),
    };
    Ok(Some(CheckedList {
        file: folder.join(SUMS).display().to_string(),
        signed,
        problems,
        other: FLEET,
    }))
}

/// Fails unless the list has exactly the record and the lists of these clusters. The caller has checked who signed it.
pub(super) fn must_fit<'a>(
    list: &DigestList,
    folder: &Path,
    clusters: impl Iterator<Item = &'a str>,
) -> Result<()> {
    match differences(list, folder, clusters)?.first() {
        None => Ok(()),
        Some(first) => Err(Kind::Verification.error(
            format!(
                "{} is signed, but it is of another build: {first}",
                list.path.display()
            ),
            DO_NOT_USE,
        )),
    }
}

/// Explains that a file is no longer the one that was signed.
pub(crate) fn changed_meanwhile(path: &Path) -> anyhow::Error {
    Kind::Verification.error(
        format!("{} changed after its signature was checked", path.display()),
        "make sure that nothing else writes to the directory, and run the command again",
    )
}

fn differences<'a>(
    list: &DigestList,
    folder: &Path,
    clusters: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>> {
    let digests = digests(folder, clusters)?;
    let wanted = digests.iter().map(|(name, sha256)| (&**name, &**sha256));
    Ok(list.differences(wanted, "directory"))
}

/// Refuses to sign a fleet in the directory of a cluster, whose own list would be replaced.
pub(crate) fn refuse_list_of_cluster(folder: &Path) -> Result<()> {
    match fs_err::exists(folder.join(MANIFEST))? {
        false => Ok(()),
        true => Err(Kind::Usage.error(
            format!(
                "{} has the images of one cluster, whose {SUMS} a signed fleet would replace",
                folder.display()
            ),
            "name another directory with `--out`",
        )),
    }
}

/// Removes the list and its signature before anything that they cover changes. Those of a cluster in the directory stay.
pub(crate) fn withdraw(out: &OutputFolder) -> Result<()> {
    if fs_err::exists(out.path().join(MANIFEST))? {
        return Ok(());
    }
    out.remove(SIGNATURE)?;
    out.remove(SUMS)
}

/// Writes the list, and its signature last.
pub(crate) fn write(out: &OutputFolder, list: &str, signature: &str) -> Result<()> {
    out.write(SUMS, list.as_bytes(), 0o644)?;
    out.write(SIGNATURE, signature.as_bytes(), 0o644)
}

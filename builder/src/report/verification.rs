//! `etcd-image verify`: images against their manifest, their file systems and their certificates.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::attachment::AttachmentRecord;
use super::checked::{
    CheckedAttachment, CheckedImage, CheckedList, DO_NOT_USE, FORMAT, Verification,
};
use super::comparison::{compare_description, compare_record, walk};
use super::credentials::Trust;
use super::digest_list::DigestList;
use super::manifest::Manifest;
use super::node_record::NodeRecord;
use super::stored_manifest::{ManifestFile, StoredManifest, image_names, stored_manifests};
use super::{MANIFEST, PENDING_MANIFEST, SIGNATURE, SUMS};
use crate::check;
use crate::description;
use crate::digest::Digested;
use crate::failure::{Kind, explain};
use crate::file::if_exists;
use crate::inspect::Image;

/// Returns the output directory of an image, or a directory itself.
pub(crate) fn folder_of(target: &Path) -> &Path {
    match target.is_dir() {
        true => target,
        false => target.parent().unwrap_or(target),
    }
}

/// Checks an image, or every image of an output directory. `now` is compared with the expiry of the certificates. `signer`
/// is who signed the digest list, which must then be that of the manifest.
pub(crate) fn verify(target: &Path, signer: Option<String>, now: i64) -> Result<Verification> {
    let is_folder = target.is_dir();
    let folder = folder_of(target);
    let needs_list = signer.is_some();
    let mut manifests = stored_manifests(folder, is_folder || needs_list)?;
    let list = DigestList::read(folder)?;
    if needs_list {
        keep_signed(folder, list.as_ref(), &mut manifests)?;
    }
    let paths: Vec<PathBuf> = match is_folder {
        true => image_names(&manifests)
            .into_iter()
            .map(|name| folder.join(name))
            .collect(),
        false => vec![target.to_owned()],
    };
    let reference = Expectation {
        folder,
        manifests: &manifests,
        list: list.as_ref(),
        needs_list,
        now,
    };
    let images = paths.iter().map(|path| reference.check(path));
    let images = images.collect::<Result<_>>()?;
    let newest = manifests.first().filter(|_| is_folder);
    let manifest = newest.map(|stored| &stored.manifest);
    let is_signed = fs_err::exists(folder.join(SIGNATURE))?;
    let is_complete = is_signed || is_complete(folder, manifest)?;
    let mut attachments: Vec<_> = manifest
        .into_iter()
        .flat_map(Manifest::attachments)
        .collect();
    if !is_complete {
        attachments = present(folder, attachments)?;
    }
    // A user who downloaded published images does not have the operator's files.
    let client = manifest.into_iter().flat_map(|manifest| &manifest.client);
    let client = present(folder, client)?;
    let check = |it| check_attachment(folder, it);
    let checked_list = match &list {
        Some(list) => Some(check_list(list, &manifests, is_signed)),
        None => is_complete.then(|| missing_list(folder, is_signed)),
    };
    Ok(Verification {
        format: FORMAT,
        images,
        signer,
        lists: checked_list.into_iter().filter(|_| is_folder).collect(),
        attachments: attachments.into_iter().map(check).collect::<Result<_>>()?,
        client: client.into_iter().map(check).collect::<Result<_>>()?,
        empty: None,
    })
}

/// Reads the manifests of a directory whose digests its digest list contains. The caller has read the list and checked who signed it.
pub(crate) fn listed_manifests(folder: &Path, list: &[u8]) -> Result<Vec<Manifest>> {
    let mut manifests = stored_manifests(folder, true)?;
    let list = DigestList::of(folder, list);
    keep_signed(folder, Some(&list), &mut manifests)?;
    Ok(manifests
        .into_iter()
        .map(|stored| stored.manifest)
        .collect())
}

/// Fails unless the digest list of a directory has exactly the files of the index of a store. The caller has checked who signed
/// the list.
pub(crate) fn must_be_listed<'a>(
    folder: &Path,
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<()> {
    // The list cannot contain its own digest.
    let files = files.filter(|(name, _)| ![SUMS, SIGNATURE].contains(name));
    let differences = match DigestList::read(folder)? {
        Some(list) => list.differences(files, "index of the store"),
        None => vec!["it is missing".to_owned()],
    };
    match differences.first() {
        None => Ok(()),
        Some(first) => Err(Kind::Verification.error(
            format!("{SUMS} is signed, but it is of another build: {first}"),
            "do not use these files; build into the store again",
        )),
    }
}

/// Keeps the manifests whose digests the signed list contains. Nobody has signed another one.
fn keep_signed(
    folder: &Path,
    list: Option<&DigestList>,
    manifests: &mut Vec<StoredManifest>,
) -> Result<()> {
    let fits = |stored: &StoredManifest| {
        list.is_some_and(|list| list.differences(stored.digests(), "manifest").is_empty())
    };
    manifests.retain(fits);
    if !manifests.is_empty() {
        return Ok(());
    }
    Err(Kind::Verification.error(
        format!(
            "{} is signed, but {MANIFEST} has other digests",
            folder.join(SUMS).display()
        ),
        DO_NOT_USE,
    ))
}

/// Compares the digest list with the manifest that fits best.
fn check_list(list: &DigestList, manifests: &[StoredManifest], is_signed: bool) -> CheckedList {
    let all = manifests.iter();
    let all = all.map(|stored| list.differences(stored.digests(), "manifest"));
    CheckedList {
        file: list.path.display().to_string(),
        signed: is_signed,
        problems: all.min_by_key(Vec::len).unwrap_or_default(),
        other: MANIFEST,
    }
}

/// Returns whether everything that the manifest lists must be there. Images that are not published may be copied without the files that
/// accompany them, and a build that was interrupted while it replaced images has removed those of the earlier ones.
fn is_complete(folder: &Path, manifest: Option<&Manifest>) -> Result<bool> {
    let is_published = manifest.is_some_and(Manifest::is_published);
    Ok(is_published && !fs_err::exists(folder.join(PENDING_MANIFEST))?)
}

/// Returns those of the files that are in the directory.
fn present<'a>(
    folder: &Path,
    records: impl IntoIterator<Item = &'a AttachmentRecord>,
) -> Result<Vec<&'a AttachmentRecord>> {
    let mut present = Vec::new();
    for record in records {
        if if_exists(fs_err::metadata(folder.join(&record.name)))?.is_some() {
            present.push(record);
        }
    }
    Ok(present)
}

/// Returns the problem of images without their digest list.
fn missing_list(folder: &Path, is_signed: bool) -> CheckedList {
    CheckedList {
        file: folder.join(SUMS).display().to_string(),
        signed: is_signed,
        problems: vec!["the file is missing".to_owned()],
        other: MANIFEST,
    }
}

/// Compares a file that accompanies images with its record.
fn check_attachment(folder: &Path, record: &AttachmentRecord) -> Result<CheckedAttachment> {
    let path = folder.join(&record.name);
    let problem = match digest(&path) {
        Ok(found) if found == record.sha256 => None,
        Ok(found) => Some(format!(
            "the file's SHA-256 is {found}, the manifest has {}",
            record.sha256
        )),
        Err(error) => Some(problem(error)?),
    };
    Ok(CheckedAttachment {
        file: path.display().to_string(),
        problem,
    })
}

/// Returns the problem of a file that cannot be read. The error of a disk says nothing about the file and is returned as an
/// error.
fn problem(error: anyhow::Error) -> Result<String> {
    let causes = || error.chain().filter_map(|cause| cause.downcast_ref());
    let is_missing = |cause: &io::Error| cause.kind() == ErrorKind::NotFound;
    // Errors of fs_err keep the kind of the system's error, but not its number.
    let system = causes().find(|cause: &&io::Error| cause.raw_os_error().is_some());
    match system {
        _ if causes().any(is_missing) => Ok("the file is missing".to_owned()),
        None if explain(&error).0 != Kind::Storage => Ok(format!("{error:#}")),
        _ => Err(error),
    }
}

/// What images are compared with.
struct Expectation<'a> {
    folder: &'a Path,
    manifests: &'a [StoredManifest],
    list: Option<&'a DigestList>,
    /// Whether an image that the list does not contain is a problem, because the list is signed.
    needs_list: bool,
    /// Seconds since 1970.
    now: i64,
}

impl Expectation<'_> {
    fn check(&self, path: &Path) -> Result<CheckedImage> {
        let image = path.display().to_string();
        match self.compare(path) {
            Ok(checked) => Ok(CheckedImage { image, ..checked }),
            Err(error) => Ok(CheckedImage::failed(image, problem(error)?)),
        }
    }

    /// Compares an image with the manifest that matches it; if none does, with the first one that lists it.
    fn compare(&self, path: &Path) -> Result<CheckedImage> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let manifests = self.manifests.iter().map(|stored| &stored.manifest);
        let records: Vec<ManifestFile<'_>> = manifests
            .clone()
            .filter_map(|manifest| ManifestFile::find(manifest, &name))
            .collect();
        let in_list = self.list.and_then(|list| list.digest_of(&name));
        let found = match records.is_empty() && in_list.is_none() {
            true => String::new(),
            false => digest(path)?,
        };
        let fitting = records.iter().find(|it| it.output.sha256 == found);
        let chosen = fitting.or(records.first());
        let mut manifests = chosen
            .map(|listed| listed.manifest)
            .into_iter()
            .chain(manifests);
        let trust = Trust::new(self.folder, manifests.next(), self.now);
        let mut checked = check_image(path, chosen.map(|listed| listed.node), &trust)?;
        checked.listed = in_list.is_some();
        let differs =
            |wanted: &str, place| format!("the image's SHA-256 is {found}, {place} has {wanted}");
        let by_manifest = chosen.map(|listed| listed.output.sha256.as_str());
        let size = fs_err::metadata(path)?.len();
        let other_size = chosen.map(|listed| listed.output.size);
        let mut wrong = Vec::new();
        if let Some(wanted) = other_size.filter(|wanted| *wanted != size) {
            wrong.push(format!(
                "the image has {size} bytes, the manifest has {wanted}"
            ));
        } else if let Some(wanted) = by_manifest.filter(|wanted| **wanted != *found) {
            wrong.push(differs(wanted, "the manifest"));
        }
        if let Some(wanted) = in_list.filter(|wanted| **wanted != *found && in_list != by_manifest)
        {
            wrong.push(differs(wanted, SUMS));
        }
        if self.needs_list && in_list.is_none() {
            wrong.push(format!("the signed {SUMS} does not contain this image"));
        }
        wrong.extend(chosen.and_then(ManifestFile::outdated));
        checked.problems.splice(..0, wrong);
        Ok(checked)
    }
}

fn check_image(path: &Path, record: Option<&NodeRecord>, trust: &Trust) -> Result<CheckedImage> {
    let mut problems = Vec::new();
    let image = Image::open(path)?;
    if let (Some(found), Some(record)) = (image.unpacked_sha256(), record)
        && found != record.sha256
    {
        problems.push(format!(
            "the SHA-256 of the unpacked image is {found}, the manifest has {}",
            record.sha256
        ));
    }
    let mut fs = image.files()?;
    let node = description::required(&image, &mut fs)?;
    let contents = match record {
        Some(record) => compare_record(record, &mut fs, &mut problems)?,
        None => compare_description(&node, &mut fs, &mut problems)?,
    };
    let (wrong, mut notes) = trust.check(&node, &mut fs)?;
    problems.extend(wrong);
    let (mut faults, limits) = check::check(&image, &mut fs)?.into_lines();
    notes.extend(limits);
    faults.retain(|fault| !problems.contains(fault));
    let found = faults.len();
    problems.extend(faults);
    let files = fs.all().map(|fs| walk(fs, &mut problems)).sum();
    Ok(CheckedImage {
        image: String::new(),
        files,
        compared: record.is_some(),
        listed: false,
        contents,
        problems,
        notes,
        faults: found,
    })
}

/// Returns the SHA-256 of a file in lower-case hexadecimal.
pub(crate) fn digest(path: &Path) -> Result<String> {
    Ok(Digested::of_file(path)?.sha256)
}

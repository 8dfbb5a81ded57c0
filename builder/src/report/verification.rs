//! `etcd-image verify`: images against their manifest, their file systems and their certificates.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::attachment::AttachmentRecord;
use super::comparison::{compare_description, compare_record, walk};
use super::credentials::Trust;
use super::manifest::{Manifest, NodeRecord, OutputRecord};
use super::{MANIFEST, PENDING_MANIFEST, SUMS};
use crate::check;
use crate::description;
use crate::failure::Kind;
use crate::hex;
use crate::inspect::Image;

/// The result of a verification, image by image.
#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    /// Version of this format.
    pub format: u32,
    /// One per image.
    pub images: Vec<Checked>,
    /// Who signed the digest list, with the fingerprint of the key; `None` if no signature was required.
    pub signer: Option<String>,
    /// One per file that accompanies images.
    pub attachments: Vec<CheckedAttachment>,
}

/// The result for a file that accompanies images.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedAttachment {
    /// Path of the file.
    pub file: String,
    /// Why it is not what the manifest says; `None` if it is.
    pub problem: Option<String>,
}

/// The result for one image.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    /// Path of the image.
    pub image: String,
    /// Directory entries whose metadata was read, in all file systems.
    pub files: u64,
    /// Whether the image was compared with a manifest: the whole image by its digest, and every changed path separately.
    pub compared: bool,
    /// Number of files whose content was compared with a digest, from the manifest or else from the node's own description.
    pub contents: u64,
    /// Current problems, one line each; empty if there are none.
    pub problems: Vec<String>,
    /// Upcoming problems, one line each.
    pub notes: Vec<String>,
}

/// The version of the format.
const FORMAT: u32 = 1;

impl Default for Verification {
    fn default() -> Self {
        Self {
            format: FORMAT,
            images: Vec::new(),
            signer: None,
            attachments: Vec::new(),
        }
    }
}

impl Verification {
    /// Adds the result of another directory.
    pub(super) fn add(&mut self, other: Self) {
        self.images.extend(other.images);
        self.attachments.extend(other.attachments);
        self.signer = match (self.signer.take(), other.signer) {
            (Some(one), Some(another)) if one != another => Some(format!("{one}, {another}")),
            (one, another) => another.or(one),
        };
    }

    /// Returns an error with the number of problems, if there are any.
    pub(crate) fn verdict(&self) -> Result<()> {
        let problems: usize = self.images.iter().map(|image| image.problems.len()).sum();
        let attachments = self.attachments.iter();
        let others = attachments.filter(|it| it.problem.is_some()).count();
        match problems + others {
            0 => Ok(()),
            count => Err(Kind::Verification.error(
                format!("{count} problems in {} images", self.images.len()),
                "build the images again; the state folder keeps their identity",
            )),
        }
    }
}

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
    let mut manifests = read_manifests(folder, is_folder || needs_list)?;
    if needs_list {
        keep_signed(folder, &mut manifests)?;
    }
    let images: Vec<PathBuf> = match is_folder {
        true => image_names(&manifests)
            .into_iter()
            .map(|name| folder.join(name))
            .collect(),
        false => vec![target.to_owned()],
    };
    let check = |path: PathBuf| Checked {
        image: path.display().to_string(),
        ..check_with(&path, folder, &manifests, needs_list, now)
            .unwrap_or_else(|error| Checked::failed(String::new(), format!("{error:#}")))
    };
    let images = images.into_iter().map(check).collect();
    let newest = manifests.first().filter(|_| is_folder);
    let attachments = newest.into_iter().flat_map(Manifest::attachments);
    Ok(Verification {
        format: FORMAT,
        images,
        signer,
        attachments: attachments.map(|it| check_attachment(folder, it)).collect(),
    })
}

/// Keeps the manifests whose digests the signed list contains. Nobody has signed another one.
fn keep_signed(folder: &Path, manifests: &mut Vec<Manifest>) -> Result<()> {
    let found = fs_err::read_to_string(folder.join(SUMS))?;
    manifests.retain(|manifest| manifest.sums() == found);
    if !manifests.is_empty() {
        return Ok(());
    }
    Err(Kind::Verification.error(
        format!(
            "{} is signed, but {MANIFEST} has other digests",
            folder.join(SUMS).display()
        ),
        "do not use these images; fetch them again",
    ))
}

/// Compares a file that accompanies images with its record.
fn check_attachment(folder: &Path, record: &AttachmentRecord) -> CheckedAttachment {
    let path = folder.join(&record.name);
    let problem = match digest(&path) {
        Ok(found) if found == record.sha256 => None,
        Ok(found) => Some(format!(
            "the file's SHA-256 is {found}, the manifest has {}",
            record.sha256
        )),
        Err(error) => Some(format!("{error:#}")),
    };
    CheckedAttachment {
        file: path.display().to_string(),
        problem,
    }
}

/// Reads the manifest, and that of an interrupted build if it exists.
pub(crate) fn read_manifests(folder: &Path, needed: bool) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for name in [MANIFEST, PENDING_MANIFEST] {
        let path = folder.join(name);
        if path.exists() {
            manifests.push(read_manifest(&path)?);
        }
    }
    if manifests.is_empty() && needed {
        manifests.push(read_manifest(&folder.join(MANIFEST))?);
    }
    Ok(manifests)
}

/// Returns the names of the files that the manifests list, each once.
fn image_names(manifests: &[Manifest]) -> Vec<&str> {
    let mut names = Vec::new();
    let nodes = manifests.iter().flat_map(|manifest| &manifest.nodes);
    for output in nodes.flat_map(|node| &node.outputs) {
        if !names.contains(&output.name.as_str()) {
            names.push(&output.name);
        }
    }
    names
}

/// Checks an image against the manifest that matches it; if none does, against the first one that lists it. With a signed
/// list, an image that it does not contain is a problem.
fn check_with(
    path: &Path,
    folder: &Path,
    manifests: &[Manifest],
    needs_list: bool,
    now: i64,
) -> Result<Checked> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let listed = |manifest| Listed::find(manifest, &name);
    let records: Vec<Listed<'_>> = manifests.iter().filter_map(listed).collect();
    let found = match records.is_empty() {
        true => String::new(),
        false => digest(path)?,
    };
    let fitting = records.iter().find(|listed| listed.output.sha256 == found);
    let chosen = fitting.or(records.first());
    let manifest = chosen.map(|listed| listed.manifest).or(manifests.first());
    let trust = Trust::new(folder, manifest, now);
    let mut checked = check_image(path, chosen.map(|listed| listed.node), &trust)?;
    if let (None, Some(listed)) = (fitting, chosen) {
        let problem = format!(
            "the image's SHA-256 is {found}, the manifest has {}",
            listed.output.sha256
        );
        checked.problems.insert(0, problem);
    }
    if needs_list && records.is_empty() {
        let problem = format!("the signed {SUMS} does not contain this image");
        checked.problems.insert(0, problem);
    }
    Ok(checked)
}

fn read_manifest(path: &Path) -> Result<Manifest> {
    let text = fs_err::read_to_string(path).with_context(|| {
        Kind::Usage.context(
            "no manifest to compare with",
            "name the folder that `etcd-image build` wrote, or one image",
        )
    })?;
    Manifest::from_json(&text).with_context(|| {
        Kind::Verification.context(
            format!("{} is not a manifest", path.display()),
            "build the images again with this version of etcd-image",
        )
    })
}

/// A file as a manifest lists it.
struct Listed<'a> {
    manifest: &'a Manifest,
    node: &'a NodeRecord,
    output: &'a OutputRecord,
}

impl<'a> Listed<'a> {
    fn find(manifest: &'a Manifest, name: &str) -> Option<Self> {
        manifest.nodes.iter().find_map(|node| {
            let output = node.outputs.iter().find(|output| output.name == name)?;
            Some(Self {
                manifest,
                node,
                output,
            })
        })
    }
}

impl Checked {
    /// Returns the result for an image that cannot be read.
    pub(super) fn failed(image: String, problem: String) -> Self {
        Self {
            image,
            files: 0,
            compared: false,
            contents: 0,
            problems: vec![problem],
            notes: Vec::new(),
        }
    }
}

fn check_image(path: &Path, record: Option<&NodeRecord>, trust: &Trust) -> Result<Checked> {
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
    let (wrong, notes) = trust.judge(&node, &mut fs)?;
    problems.extend(wrong);
    problems.extend(check::check(&image, &mut fs)?.into_lines());
    let files = fs.all().map(|fs| walk(fs, &mut problems)).sum();
    Ok(Checked {
        image: String::new(),
        files,
        compared: record.is_some(),
        contents,
        problems,
        notes,
    })
}

/// Returns the SHA-256 of a file in lower-case hexadecimal.
pub(crate) fn digest(path: &Path) -> Result<String> {
    Ok(hex::sha256_of(fs_err::File::open(path)?)?)
}

impl Display for Verification {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Checked {
            image,
            files,
            compared,
            contents,
            problems,
            notes,
        } in &self.images
        {
            let verdict = match (problems.is_empty(), compared) {
                (true, true) => "good",
                (true, false) => "sound",
                (false, _) => "BAD",
            };
            let source = match compared {
                true => "the manifest",
                false => "the node's own description, since no manifest lists the image",
            };
            writeln!(
                f,
                "{image}: {verdict}, {files} names read, the contents of {contents} files compared with {source}"
            )?;
            for problem in problems {
                writeln!(f, "  {problem}")?;
            }
            for note in notes {
                writeln!(f, "  note: {note}")?;
            }
        }
        if let Some(signer) = &self.signer {
            writeln!(f, "{SUMS}: signed by {signer}")?;
        }
        for CheckedAttachment { file, problem } in &self.attachments {
            match problem {
                None => writeln!(f, "{file}: good")?,
                Some(problem) => writeln!(f, "{file}: BAD\n  {problem}")?,
            }
        }
        Ok(())
    }
}

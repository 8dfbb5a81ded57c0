//! `etcd-image verify`: images against their manifest, their file systems and their certificates.

use std::fmt::{self, Display, Formatter};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use diskimg::{FileKind, Metadata, ReadFs};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::MANIFEST;
use super::credentials::Trust;
use super::manifest::{FileRecord, Manifest, NodeRecord, RecordKind};
use crate::description;
use crate::failure::{Failure, Kind};
use crate::hex;
use crate::inspect::{Image, Place};

/// What was found, image by image.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// Version of this format.
    pub format: u32,
    /// One per image.
    pub images: Vec<Checked>,
}

/// One image.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Path of the image.
    pub image: String,
    /// Files and folders read in both file systems.
    pub files: u64,
    /// Whether a manifest was there to compare the contents with.
    pub compared: bool,
    /// What is wrong, one line each; empty if all is well.
    pub problems: Vec<String>,
    /// What is well now and will not stay so, one line each.
    pub notes: Vec<String>,
}

impl Verification {
    /// An error that counts the problems, if there are any.
    pub fn verdict(&self) -> Result<()> {
        let problems: usize = self.images.iter().map(|image| image.problems.len()).sum();
        match problems {
            0 => Ok(()),
            count => Err(Failure::new(
                Kind::Verification,
                format!("{count} problems in {} images", self.images.len()),
                "build the images again; the state folder keeps their identity",
            )),
        }
    }
}

/// Checks an image, or every image of an output folder. `now` is compared with the certificates' ends.
pub fn verify(target: &Path, now: i64) -> Result<Verification> {
    let folder = if target.is_dir() {
        target
    } else {
        target.parent().unwrap_or(target)
    };
    let manifest = read_manifest(&folder.join(MANIFEST), target.is_dir())?;
    let trust = Trust::new(folder, manifest.as_ref(), now);
    let images: Vec<(PathBuf, Option<&NodeRecord>)> = match (target.is_dir(), &manifest) {
        (true, Some(manifest)) => manifest
            .nodes
            .iter()
            .map(|n| (folder.join(&n.image), Some(n)))
            .collect(),
        _ => vec![(
            target.to_owned(),
            manifest.as_ref().and_then(|m| record_of(m, target)),
        )],
    };
    let check = |(path, record): (PathBuf, Option<&NodeRecord>)| Checked {
        image: path.display().to_string(),
        ..check(&path, record, &trust).unwrap_or_else(|error| failed(&error))
    };
    let images = images.into_iter().map(check).collect();
    Ok(Verification { format: 1, images })
}

fn read_manifest(path: &Path, needed: bool) -> Result<Option<Manifest>> {
    if !path.exists() && !needed {
        return Ok(None);
    }
    let text = fs_err::read_to_string(path).with_context(|| Failure {
        kind: Kind::Usage,
        message: "no manifest to compare with".to_owned(),
        hint: "name the folder that `etcd-image build` wrote, or one image".to_owned(),
    })?;
    let manifest = Manifest::from_json(&text).with_context(|| Failure {
        kind: Kind::Verification,
        message: format!("{} is not a manifest", path.display()),
        hint: "build the images again with this version of etcd-image".to_owned(),
    })?;
    Ok(Some(manifest))
}

fn record_of<'a>(manifest: &'a Manifest, image: &Path) -> Option<&'a NodeRecord> {
    let name = image.file_name()?.to_string_lossy();
    manifest.nodes.iter().find(|node| node.image == name)
}

fn failed(error: &anyhow::Error) -> Checked {
    Checked {
        image: String::new(),
        files: 0,
        compared: false,
        problems: vec![format!("{error:#}")],
        notes: Vec::new(),
    }
}

fn check(path: &Path, record: Option<&NodeRecord>, trust: &Trust) -> Result<Checked> {
    let mut problems = Vec::new();
    let image = Image::open(path)?;
    let mut fs = image.files()?;
    if let Some(record) = record {
        compare_digest(path, record, &mut problems)?;
        for file in &record.files {
            compare_file(fs.at(place(file))?, file, &mut problems)?;
        }
    }
    let node = description::required(&image)?;
    let (wrong, notes) = trust.judge(&node, &mut fs)?;
    problems.extend(wrong);
    let files = fs.all().map(|fs| walk(fs, &mut problems)).sum();
    Ok(Checked {
        image: String::new(),
        files,
        compared: record.is_some(),
        problems,
        notes,
    })
}

fn place(record: &FileRecord) -> Place {
    match record.partition.as_str() {
        "boot" => Place::Boot,
        _ => Place::Root,
    }
}

fn compare_digest(path: &Path, record: &NodeRecord, problems: &mut Vec<String>) -> Result<()> {
    let mut file = fs_err::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found = hex::encode(&hash.finalize());
    if found != record.sha256 {
        problems.push(format!(
            "the image's SHA-256 is {found}, the manifest has {}",
            record.sha256
        ));
    }
    Ok(())
}

fn compare_file(
    fs: &mut dyn ReadFs,
    record: &FileRecord,
    problems: &mut Vec<String>,
) -> Result<()> {
    let path = &record.path;
    let metadata = fs.metadata(path)?;
    let owned = |metadata: &Metadata, mode: &str, uid: u32, gid: u32| {
        let same = (format!("{:04o}", metadata.mode), metadata.uid, metadata.gid)
            == (mode.to_owned(), uid, gid);
        record.partition == "boot" || same
    };
    let same = match (&record.kind, &metadata) {
        (RecordKind::Absent, None) => true,
        (RecordKind::Link { target }, Some(m)) => {
            m.kind == FileKind::Symlink && fs.read_link(path)? == *target
        }
        (RecordKind::Folder { mode, uid, gid }, Some(m)) => {
            m.kind == FileKind::Directory && owned(m, mode, *uid, *gid)
        }
        (
            RecordKind::File {
                mode,
                uid,
                gid,
                sha256,
                ..
            },
            Some(m),
        ) => {
            let content =
                m.kind == FileKind::File && hex::encode(&Sha256::digest(fs.read(path)?)) == *sha256;
            content && owned(m, mode, *uid, *gid)
        }
        _ => false,
    };
    if !same {
        problems.push(format!("{path} is not what the manifest says"));
    }
    Ok(())
}

/// More than any image of this size holds; folders that contain each other would never end.
const MOST_NAMES: u64 = 1 << 20;

/// Reads every folder and the metadata of everything in it; the readers check the checksums on the way.
fn walk(fs: &mut dyn ReadFs, problems: &mut Vec<String>) -> u64 {
    let mut count = 0;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let listed = fs.read_dir(if folder.is_empty() { "/" } else { &folder });
        let names = listed.unwrap_or_else(|error| {
            problems.push(format!("reading {folder}/: {error}"));
            Vec::new()
        });
        for name in names {
            count += 1;
            if count > MOST_NAMES {
                problems.push("folders are nested without end".to_owned());
                return count;
            }
            let path = format!("{folder}/{name}");
            match fs.metadata(&path) {
                Ok(Some(metadata)) if metadata.kind == FileKind::Directory => folders.push(path),
                Ok(Some(_)) => {}
                Ok(None) => problems.push(format!("{path} is listed but not there")),
                Err(error) => problems.push(format!("reading {path}: {error}")),
            }
        }
    }
    count
}

impl Display for Verification {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Checked {
            image,
            files,
            compared,
            problems,
            notes,
        } in &self.images
        {
            let verdict = match (problems.is_empty(), compared) {
                (true, true) => "good",
                (true, false) => "sound, but no manifest to compare its contents with",
                (false, _) => "BAD",
            };
            writeln!(f, "{image}: {verdict}, {files} files and folders read")?;
            for problem in problems {
                writeln!(f, "  {problem}")?;
            }
            for note in notes {
                writeln!(f, "  note: {note}")?;
            }
        }
        Ok(())
    }
}

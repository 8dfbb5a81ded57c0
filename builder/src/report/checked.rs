//! The result of `verify`, as text and JSON.

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use serde::Serialize;

use super::{SIGNATURE, SUMS};
use crate::count::count;
use crate::failure::Kind;

/// The next step after a check that failed.
pub(crate) const DO_NOT_USE: &str =
    "do not use these files: fetch them again, or build them again with the same state directory";

/// The next step after a check that found only faults of the images themselves: other copies have them as well.
const CORRECT: &str = "correct the settings, files or base that the problems name, then build the images again with the same state directory";

/// The version of the format.
pub(super) const FORMAT: u32 = 1;

/// The result of a verification, image by image.
#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    /// Version of this format.
    pub format: u32,
    /// One per image.
    pub images: Vec<CheckedImage>,
    /// Who signed the digest list, with the fingerprint of the key; `None` if no signature was required.
    pub signer: Option<String>,
    /// The digest list of each checked directory that has one.
    pub lists: Vec<CheckedList>,
    /// One per file that accompanies images.
    pub attachments: Vec<CheckedAttachment>,
    /// One per file in `client/`.
    pub client: Vec<CheckedAttachment>,
    /// The directory of a shard to which no image belongs.
    #[serde(skip)]
    pub empty: Option<String>,
}

/// The result for the digest list.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedList {
    /// Path of the list.
    pub file: String,
    /// Whether the list has a signature, checked or not.
    pub signed: bool,
    /// Differences from the manifest, or those of the list of a fleet from its directory, one line each; empty if there are none.
    pub problems: Vec<String>,
    /// The name of the file that says what the list should contain.
    #[serde(skip)]
    pub other: &'static str,
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
pub(crate) struct CheckedImage {
    /// Path of the image.
    pub image: String,
    /// Directory entries whose metadata was read, in all file systems; 0 if the image could not be read.
    pub files: u64,
    /// Whether the image was compared with a manifest: the whole image by its digest, and every changed path separately.
    pub compared: bool,
    /// Whether the image was compared with the digest list.
    pub listed: bool,
    /// Number of files whose content was compared with a digest, from the manifest or else from the node's own description.
    pub contents: u64,
    /// Current problems, one line each; empty if there are none.
    pub problems: Vec<String>,
    /// Upcoming problems, and what a node of an earlier version cannot do although it works, one line each.
    pub notes: Vec<String>,
    /// How many of the problems are faults that keep the node from working, and no difference from what was built.
    #[serde(skip)]
    pub faults: usize,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            format: FORMAT,
            images: Vec::new(),
            signer: None,
            lists: Vec::new(),
            attachments: Vec::new(),
            client: Vec::new(),
            empty: None,
        }
    }
}

impl Verification {
    /// Adds the result of another directory.
    pub(super) fn add(&mut self, other: Self) {
        self.images.extend(other.images);
        self.lists.extend(other.lists);
        self.attachments.extend(other.attachments);
        self.client.extend(other.client);
        self.signer = match (self.signer.take(), other.signer) {
            (Some(one), Some(another)) if one != another => Some(format!("{one}, {another}")),
            (one, another) => another.or(one),
        };
    }

    /// Returns an error with the number of problems, if there are any, or if nothing was verified. `needs_signer` is whether the
    /// user requires a signature.
    pub(crate) fn verdict(&self, needs_signer: bool) -> Result<()> {
        let images = self.images.iter().map(|image| image.problems.len());
        let lists = self.lists.iter().map(|list| list.problems.len());
        let attachments = self.attachments.iter().chain(&self.client);
        let attachments = attachments.map(|it| usize::from(it.problem.is_some()));
        let problems: usize = images.chain(lists).chain(attachments).sum();
        let faults: usize = self.images.iter().map(|image| image.faults).sum();
        match problems {
            0 if self.images.is_empty() && self.empty.is_none() => Err(Kind::Verification.error(
                "nothing was verified: the manifest lists no image",
                DO_NOT_USE,
            )),
            0 if needs_signer && self.signer.is_none() => Err(Kind::Verification.error(
                "nothing was verified: a directory without images has no signature",
                "name a directory with images, or leave `--allowed-signers` out",
            )),
            0 => Ok(()),
            _ => Err(Kind::Verification.error(
                format!(
                    "{} in {}",
                    count(problems, "problem"),
                    count(self.images.len(), "image")
                ),
                if problems == faults {
                    CORRECT
                } else {
                    DO_NOT_USE
                },
            )),
        }
    }
}

impl CheckedImage {
    /// Returns the result for an image that cannot be read.
    pub(super) fn failed(image: String, problem: String) -> Self {
        Self {
            image,
            files: 0,
            compared: false,
            listed: false,
            contents: 0,
            problems: vec![problem],
            notes: Vec::new(),
            faults: 0,
        }
    }
}

impl Display for Verification {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(folder) = &self.empty {
            writeln!(f, "{folder}: no image belongs to this shard")?;
        }
        self.images.iter().try_for_each(|it| it.fmt(f))?;
        for list in &self.lists {
            list.print(f, self.signer.as_deref())?;
        }
        // Files that nobody but the operator has are worth a line only if something is wrong.
        let client = self.client.iter().filter(|it| it.problem.is_some());
        for CheckedAttachment { file, problem } in self.attachments.iter().chain(client) {
            match problem {
                None => writeln!(f, "{file}: good")?,
                Some(problem) => writeln!(f, "{file}: BAD\n  {problem}")?,
            }
        }
        Ok(())
    }
}

impl Display for CheckedImage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = match (self.problems.is_empty(), self.compared) {
            (true, true) => "good",
            (true, false) => "sound",
            (false, _) => "BAD",
        };
        write!(f, "{}: {verdict}", self.image)?;
        if self.files > 0 {
            let source = match self.compared {
                true => "the manifest",
                false => "the node's own description, since no manifest lists the image",
            };
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let (names, contents) = (number(self.files), number(self.contents));
            write!(
                f,
                ", {} read, the contents of {} compared with {source}",
                count(names, "name"),
                count(contents, "file")
            )?;
        }
        if self.listed && !self.compared {
            write!(f, "; its digest was compared with {SUMS}")?;
        }
        writeln!(f)?;
        for problem in &self.problems {
            writeln!(f, "  {problem}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

impl CheckedList {
    fn print(&self, f: &mut Formatter<'_>, signer: Option<&str>) -> fmt::Result {
        // The files that the list names are checked by themselves, and reported one by one.
        let verdict = match self.problems.is_empty() {
            true => format!(" agrees with {}", self.other),
            false => ": BAD".to_owned(),
        };
        let signature = match (signer, self.signed) {
            (Some(signer), _) => format!("signed by {signer}"),
            (None, true) => {
                format!("{SIGNATURE} was not checked: add `--allowed-signers FILE`")
            }
            (None, false) => "not signed".to_owned(),
        };
        writeln!(f, "{}{verdict}; {signature}", self.file)?;
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

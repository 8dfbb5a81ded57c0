//! What `etcd-image verify --rebuild` found: whether a second build gives the same bytes.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{MANIFEST, Manifest, SUMS, digest};
use crate::failure::Kind;

/// The comparison of an output directory with a second build.
#[derive(Debug, Serialize)]
pub(crate) struct Rebuild {
    /// Version of this format.
    pub format: u32,
    /// One per file that either build wrote.
    pub files: Vec<Rebuilt>,
}

/// A file of both builds.
#[derive(Debug, Serialize)]
pub(crate) struct Rebuilt {
    /// The name in the output directory.
    pub file: String,
    /// Whether both are the same.
    pub same: bool,
    /// The SHA-256 of the file in the directory; `None` if it is missing.
    pub found: Option<String>,
    /// The SHA-256 of the file of the second build; `None` if that has no such file.
    pub again: Option<String>,
}

impl Rebuild {
    /// Compares the files that the manifests list, and those that accompany them. A signature is not compared: it needs its
    /// owner's key.
    pub(crate) fn compare(
        (found, found_manifest): (&Path, &Manifest),
        (rebuilt, rebuilt_manifest): (&Path, &Manifest),
    ) -> Result<Self> {
        let listed = [found_manifest, rebuilt_manifest].into_iter();
        let mut names: BTreeSet<String> = listed.flat_map(listed_files).collect();
        names.extend([MANIFEST, SUMS].map(str::to_owned));
        // Whoever has fetched published images does not have the operator's files.
        let has_client = fs_err::exists(found.join("client"))?;
        for folder in [found, rebuilt].into_iter().filter(|_| has_client) {
            for entry in fs_err::read_dir(folder.join("client"))? {
                let name = entry?.file_name();
                names.insert(format!("client/{}", name.to_string_lossy()));
            }
        }
        let digest_of = |folder: &Path, name: &str| {
            let path = folder.join(name);
            path.is_file().then(|| digest(&path)).transpose()
        };
        let compare = |file: String| {
            let (found, again) = (digest_of(found, &file)?, digest_of(rebuilt, &file)?);
            Ok(Rebuilt {
                same: found == again && found.is_some(),
                file,
                found,
                again,
            })
        };
        let files: Result<Vec<Rebuilt>> = names.into_iter().map(compare).collect();
        Ok(Self {
            format: 1,
            files: files?,
        })
    }

    /// Returns an error with the number of differences, if there are any.
    pub(crate) fn verdict(&self) -> Result<()> {
        match self.files.iter().filter(|file| !file.same).count() {
            0 => Ok(()),
            count => Err(Kind::Verification.error(
                format!("{count} of {} files differ from a rebuild", self.files.len()),
                "compare images with `etcd-image diff`; give the options of that build, and do not trust files that you cannot explain",
            )),
        }
    }
}

/// Returns the names of the images and of the files that accompany them.
fn listed_files(manifest: &Manifest) -> Vec<String> {
    let outputs = manifest.nodes.iter().flat_map(|node| &node.outputs);
    let outputs = outputs.map(|output| output.name.clone());
    let attachments = manifest.attachments().map(|it| it.name.clone());
    outputs.chain(attachments).collect()
}

impl Display for Rebuild {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            let verdict = match (file.same, &file.found, &file.again) {
                (true, ..) => "same",
                (_, None, _) => "missing",
                (_, _, None) => "not in the rebuild",
                _ => "different",
            };
            writeln!(f, "{verdict:<18}  {}", file.file)?;
        }
        Ok(())
    }
}

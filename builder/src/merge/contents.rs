//! Whether the files of the shards are those that their manifests list.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Joined;
use crate::failure::Kind;
use crate::parallel;
use crate::report;

/// The SHA-256 of files that were computed as they came from a store, by their paths.
pub(crate) type KnownDigests = BTreeMap<PathBuf, String>;

/// Compares every file that a cluster takes from its shards with the digest in the manifest. Reads only files whose digests are
/// not known.
pub(super) fn compare(joined: &Joined, known: &KnownDigests, jobs: NonZeroUsize) -> Result<()> {
    let files: Vec<ListedFile<'_>> = joined.files().collect();
    parallel::map(jobs, &files, |file| file.compare(known)).map(drop)
}

/// A file of a shard, as a manifest lists it.
struct ListedFile<'a> {
    /// The directory of the cluster in the shard.
    folder: &'a Path,
    name: &'a str,
    sha256: &'a str,
}

impl Joined {
    fn files(&self) -> impl Iterator<Item = ListedFile<'_>> {
        let nodes = self.manifest.nodes.iter().zip(&self.sources);
        let of_nodes = nodes.flat_map(|(node, folder)| {
            let outputs = node.outputs.iter().map(|it| (&it.name, &it.sha256));
            let attachments = node.attachments.iter().map(|it| (&it.name, &it.sha256));
            outputs.chain(attachments).map(move |file| (folder, file))
        });
        let client = self.client_folder().into_iter();
        let of_operator = client.map(|folder| (folder, &self.manifest.client));
        let parts = self.parts.iter();
        let of_all = parts.map(|(folder, manifest)| (folder, &manifest.attachments));
        let attached = of_operator.chain(of_all).flat_map(|(folder, files)| {
            let files = files.iter().map(|it| (&it.name, &it.sha256));
            files.map(move |file| (folder, file))
        });
        let all = of_nodes.chain(attached);
        all.map(|(folder, (name, sha256))| ListedFile {
            folder,
            name,
            sha256,
        })
    }
}

impl ListedFile<'_> {
    fn compare(&self, known: &KnownDigests) -> Result<()> {
        let (path, wanted) = (self.folder.join(self.name), self.sha256);
        let shown = path.display();
        if let Some(found) = known.get(&path) {
            let message = format!("{shown} has the SHA-256 {found}, its manifest has {wanted}");
            let hint = "build this shard into the store again, and merge again";
            return equal(found, wanted, message, hint);
        }
        let hint = "build its shard again, and merge again";
        if !path.is_file() {
            return Err(Kind::Usage.error(format!("{shown} is missing"), hint));
        }
        let found = report::digest(&path)?;
        let message = format!(
            "{shown} was changed after its build: its SHA-256 is {found}, the manifest has {wanted}"
        );
        equal(&found, wanted, message, hint)
    }
}

fn equal(found: &str, wanted: &str, message: String, hint: impl Into<String>) -> Result<()> {
    match found == wanted {
        true => Ok(()),
        false => Err(Kind::Verification.error(message, hint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_digest_is_known_is_not_read() {
        let folder = Path::new("/nonexistent");
        let file = ListedFile {
            folder,
            name: "a.img",
            sha256: "aa",
        };
        let known = |digest: &str| [(folder.join("a.img"), digest.to_owned())].into();
        file.compare(&known("aa")).unwrap();
        assert_eq!(
            file.compare(&known("bb")).unwrap_err().to_string(),
            "/nonexistent/a.img has the SHA-256 bb, its manifest has aa"
        );
        assert_eq!(
            file.compare(&KnownDigests::new()).unwrap_err().to_string(),
            "/nonexistent/a.img is missing"
        );
    }
}

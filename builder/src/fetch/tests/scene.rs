//! Shared parts of the tests: an image, its packed form, a cache directory and quick options.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::super::{Options, Policy, Verified};
use crate::failure::{Kind, explain};
use crate::hex;
use crate::progress::{Progress, Silent, Task};
use crate::recipe::{BaseSource, DigestSource, Download, Recipe, Recognize};

#[path = "../../../../tests/support/http.rs"]
pub(in super::super) mod http;

/// The current time in the tests: 2026-11-20.
pub(in super::super) const CLOCK: i64 = 1_795_132_800;

/// A temporary directory with a cache in it.
pub(in super::super) struct Scene {
    pub(in super::super) dir: tempfile::TempDir,
    pub(in super::super) cache: PathBuf,
    pub(in super::super) offline: bool,
    /// The time in which a connection must bring something.
    pub(in super::super) headway_interval: Duration,
}

impl Scene {
    pub(in super::super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        Self {
            dir,
            cache,
            offline: false,
            headway_interval: Duration::from_mins(1),
        }
    }

    pub(in super::super) fn options(&self) -> Options<'_> {
        let policy = Policy {
            attempts: 3,
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(2),
            // A busy machine must not look like a stalled server.
            silence: Duration::from_secs(2),
            headway: 1000,
            headway_interval: self.headway_interval,
        };
        Options {
            cache: &self.cache,
            recipes: None,
            mirror: None,
            additions: &[],
            offline: self.offline,
            refresh: false,
            shared: None,
            jobs: 2,
            clock: CLOCK,
            policy,
            progress: &Silent,
        }
    }

    pub(in super::super) fn base(&self, recipe: &Recipe) -> anyhow::Result<Verified> {
        let (verified, _) = super::super::base(recipe, None, &self.options())?;
        Ok(verified)
    }

    pub(in super::super) fn local(&self, path: &Path) -> anyhow::Result<Verified> {
        let (verified, _) = super::super::local(path, &self.options())?;
        Ok(verified)
    }

    pub(in super::super) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs_err::write(&path, content).unwrap();
        path
    }

    /// Returns the names in the cache directory with that extension.
    pub(in super::super) fn cached(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(&self.cache)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }
}

/// A progress reporter that records its lines.
#[derive(Debug, Default)]
pub(in super::super) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(in super::super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Notes {
    fn task(&self, _: &str, _: Option<u64>) -> Box<dyn Task + '_> {
        Box::new(Silent)
    }
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Returns an image with data, holes and an odd end.
pub(in super::super) fn image() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..100_000_u32)
        .flat_map(|number| (number / 3).to_le_bytes())
        .collect();
    bytes.extend(vec![0; 300_000]);
    bytes.extend(b"the end");
    bytes
}

pub(in super::super) fn xz(data: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

pub(in super::super) fn sha256(data: &[u8]) -> String {
    hex::encode(&Sha256::digest(data))
}

/// Returns a recipe that pins everything about `image` packed as `packed`.
pub(in super::super) fn recipe(url: String, packed: &[u8], image: &[u8]) -> Recipe {
    Recipe {
        name: "test".into(),
        title: "A test".into(),
        release: "1".into(),
        provisioned_by: "files in the root".into(),
        recognize: Recognize {
            id: "debian".into(),
            version: "13".into(),
            present: vec![],
            absent: vec![],
        },
        boot_label: None,
        command_line: "/cmdline.txt".into(),
        systemd: 257,
        glibc: None,
        grade: None,
        source: BaseSource::Download(Download {
            url,
            digest_source: DigestSource::Sha256(sha256(packed)),
            size: Some(packed.len() as u64),
            raw_sha256: Some(sha256(image)),
            raw_size: Some(image.len() as u64),
        }),
        overlays: vec![],
        firmware: vec![],
        boards: vec![],
        unsupported: BTreeMap::new(),
        warnings: vec![],
    }
}

/// Returns the recipe with its download changed.
pub(in super::super) fn but(mut recipe: Recipe, change: impl FnOnce(&mut Download)) -> Recipe {
    match &mut recipe.source {
        BaseSource::Download(download) => change(download),
        BaseSource::Debian => panic!("not a download"),
    }
    recipe
}

/// Returns the kind of the failure and its full message.
#[track_caller]
pub(in super::super) fn failure<T: std::fmt::Debug>(result: anyhow::Result<T>) -> (Kind, String) {
    let error = result.expect_err("should fail");
    (explain(&error).0, format!("{error:#}"))
}

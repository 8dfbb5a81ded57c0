//! Builds from one mutated base and checks the result.

use std::fs;
use std::path::PathBuf;

use super::mutation::Mutation;
use crate::support::checker::{self, Disk, Verdict};
use crate::support::scene::Scene;

/// The processor seconds after which a build counts as hanging.
const SECONDS: u64 = 60;
const BUILD: [&str; 2] = ["--nodes", "1"];

/// A correct end of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The build was refused with exit code 4 and changed nothing.
    Refused,
    /// The checkers find nothing wrong with the image.
    Clean,
}

/// A directory with a base of its own and one finished build.
pub(super) struct Bench {
    scene: Scene,
    pub(super) base: PathBuf,
}

impl Bench {
    pub(super) fn new(base: &str) -> Self {
        let mut scene = Scene::with(base);
        let base = scene.own_base();
        scene.build(&BUILD);
        Self { scene, base }
    }

    /// Returns how the case ends, or what is wrong with its end.
    pub(super) fn run(&self, mutation: &Mutation) -> Result<End, String> {
        mutation.apply(&self.base);
        let before = self.state();
        let outcome = self
            .scene
            .run_limited("build", &BUILD, &format!("-t {SECONDS}"));
        let end = match outcome.code {
            Some(0) => self.check().map(|()| End::Clean),
            Some(4) if self.state() == before => Ok(End::Refused),
            Some(4) => Err("the refused build has changed files".to_owned()),
            code => Err(format!("exit code {code:?}")),
        };
        mutation.revert(&self.base);
        end.map_err(|why| format!("{why}\n{}", outcome.stderr))
    }

    fn check(&self) -> Verdict {
        let image = self.scene.image_path("etcd1");
        checker::table(&image)?;
        let disk = Disk::open(&image);
        checker::fat(disk.boot().path())?;
        checker::ext4(disk.root().path())
    }

    /// Returns every file that a refused build must not change, with its size and time.
    fn state(&self) -> Vec<(String, u64, std::time::SystemTime)> {
        let names = ["images", "etcd-cluster", "tmp"].map(|folder| self.scene.names(folder));
        let facts = |name: String| {
            let meta = fs::metadata(self.scene.at(&name)).unwrap();
            (name, meta.len(), meta.modified().unwrap())
        };
        names.concat().into_iter().map(facts).collect()
    }
}

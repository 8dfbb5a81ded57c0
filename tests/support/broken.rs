//! Provides sound images of one node, and copies of them that tests break with other programs than ours.

use std::fs;
use std::path::{Path, PathBuf};

use super::checker::Disk;
use super::fixture::copy_sparse;
use super::scene::Scene;
use super::tool::tool;

/// An image of one node, and where its partitions begin.
pub(crate) struct Sound {
    pub(crate) scene: Scene,
    boot: u64,
    root: u64,
}

/// A copy of a sound image that a test may break.
pub(crate) struct Copy<'s> {
    sound: &'s Sound,
    pub(crate) path: PathBuf,
}

impl Sound {
    /// Returns the image of a node with the default settings.
    pub(crate) fn of(base: &str) -> Self {
        Self::configured(base, "")
    }

    /// Returns the image of a node with this `cluster.toml`.
    pub(crate) fn configured(base: &str, configuration: &str) -> Self {
        Self::first(Scene::built(base, configuration, &["--nodes", "1"]))
    }

    /// Returns the image of the first of three members.
    pub(crate) fn of_three(base: &str) -> Self {
        Self::first(Scene::built(base, "", &["--nodes", "3"]))
    }

    fn first(scene: Scene) -> Self {
        let disk = Disk::open(&scene.image_path("etcd1"));
        let mut starts = disk.partitions.iter().map(|it| it.start);
        let boot = starts.next().unwrap();
        // Ubuntu Core makes its root at the first boot.
        let root = starts.next().unwrap_or_default();
        Self { scene, boot, root }
    }

    pub(crate) fn copy(&self) -> Copy<'_> {
        let path = self.scene.at("alone/etcd1.img");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        copy_sparse(&self.scene.image_path("etcd1"), &path);
        Copy { sound: self, path }
    }

    /// Breaks a copy, and asserts that `verify` reports exactly these faults besides changed contents.
    #[track_caller]
    pub(crate) fn shows(&self, breaking: impl FnOnce(&Copy<'_>), faults: &[&str]) {
        let difference = self.difference(breaking, faults);
        assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }

    /// Breaks a copy, and returns what `verify` reports unless it is exactly these faults besides changed contents.
    pub(crate) fn difference(
        &self,
        breaking: impl FnOnce(&Copy<'_>),
        faults: &[&str],
    ) -> Option<String> {
        let copy = self.copy();
        breaking(&copy);
        let outcome = self.scene.bare(&["verify", "alone/etcd1.img"]);
        let lines: Vec<_> = outcome.stdout.lines().skip(1).map(str::trim).collect();
        let changed = |line: &&str| {
            line.ends_with("is not what the node's description says")
                || line.ends_with("is missing or not a file")
        };
        let code = if lines.is_empty() { 0 } else { 3 };
        let found: Vec<_> = lines.into_iter().filter(|line| !changed(line)).collect();
        let is_expected = found == faults && outcome.code == Some(code);
        (!is_expected).then(|| {
            format!(
                "exit code {:?} with {found:#?} instead of {faults:#?}\n{}",
                outcome.code, outcome.stderr
            )
        })
    }
}

impl Copy<'_> {
    pub(crate) fn partition(&self, start: u64) -> String {
        format!("{}?offset={start}", self.path.display())
    }

    /// Returns a path in the scene.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.sound.scene.at(path)
    }

    /// Runs requests of debugfs on the root.
    pub(crate) fn debugfs(&self, requests: &[String]) {
        let script = self.at("script");
        fs::write(&script, requests.join("\n") + "\n").unwrap();
        let partition = self.partition(self.sound.root);
        let words = ["-w", "-f", script.to_str().unwrap(), &partition];
        tool("debugfs", &words).done();
    }

    pub(crate) fn root_text(&self, path: &str) -> String {
        let request = format!("cat {path}");
        let partition = self.partition(self.sound.root);
        tool("debugfs", &["-R", &request, &partition]).done().text()
    }

    /// Writes a file of the root, which keeps its mode and belongs to root.
    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        let source = self.at("source");
        fs::write(&source, text).unwrap();
        let (folder, _) = path.rsplit_once('/').unwrap();
        let folders = ancestors(folder).into_iter();
        let mut requests = vec![format!("rm {path}")];
        requests.extend(folders.map(|it| format!("mkdir {it}")));
        requests.extend([
            format!("write {} {path}", source.display()),
            format!("sif {path} uid 0"),
            format!("sif {path} mode 0100644"),
        ]);
        self.debugfs(&requests);
        self
    }

    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) -> &Self {
        let text = self.root_text(path);
        assert!(text.contains(old), "no `{old}` in {text}");
        self.write(path, &text.replace(old, new))
    }

    pub(crate) fn prepend(&self, path: &str, line: &str) -> &Self {
        self.write(path, &format!("{line}\n{}", self.root_text(path)))
    }

    pub(crate) fn remove(&self, path: &str) -> &Self {
        self.debugfs(&[format!("rm {path}")]);
        self
    }

    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        let (folder, name) = path.rsplit_once('/').unwrap();
        self.debugfs(&[
            format!("rm {path}"),
            format!("mkdir {folder}"),
            format!("cd {folder}"),
            format!("symlink {name} {target}"),
        ]);
        self
    }

    pub(crate) fn inode(&self, path: &str, field: &str, value: &str) -> &Self {
        self.debugfs(&[format!("sif {path} {field} {value}")]);
        self
    }

    pub(crate) fn mtools(&self, program: &str, arguments: &[&str]) -> String {
        let image = format!("{}@@{}", self.path.display(), self.sound.boot);
        let mut all = vec!["-i", &image];
        all.extend(arguments);
        tool(program, &all).done().text()
    }

    pub(crate) fn boot_write(&self, name: &str, text: &str) -> &Self {
        let source = self.sound.scene.at("source");
        fs::write(&source, text).unwrap();
        self.mtools(
            "mcopy",
            &["-o", source.to_str().unwrap(), &format!("::{name}")],
        );
        self
    }

    pub(crate) fn boot_edit(&self, name: &str, old: &str, new: &str) -> &Self {
        let text = self.mtools("mtype", &[&format!("::{name}")]);
        assert!(text.contains(old), "no `{old}` in {text}");
        self.boot_write(name, &text.replace(old, new))
    }

    pub(crate) fn boot_remove(&self, name: &str) -> &Self {
        self.mtools("mdel", &[&format!("::{name}")]);
        self
    }

    /// Gives the root the third entry of the partition table.
    pub(crate) fn move_root_to_entry_3(&self) {
        let path = self.path.display();
        let command = format!(
            "sfdisk --dump {path} | sed 's/^\\(.*\\)img2 /\\1img3 /' | sfdisk --no-reread --no-tell-kernel {path}"
        );
        tool("sh", &["-c", &command]).done();
    }

    /// Adds an empty partition behind the last one.
    pub(crate) fn add_partition(&self) {
        let end = fs::metadata(&self.path).unwrap().len();
        let file = fs::File::options().write(true).open(&self.path).unwrap();
        file.set_len(end + (8 << 20)).unwrap();
        let script = self.sound.scene.at("table");
        fs::write(
            &script,
            format!("start={}, size=16384, type=83\n", end / 512),
        )
        .unwrap();
        let command = format!(
            "sfdisk --append --no-reread --no-tell-kernel {} <{}",
            self.path.display(),
            script.display()
        );
        tool("sh", &["-c", &command]).done();
    }
}

/// Returns the directories on the way to a path, the outermost first.
fn ancestors(folder: &str) -> Vec<String> {
    let all = Path::new(folder)
        .ancestors()
        .map(|it| it.display().to_string());
    let mut all: Vec<_> = all.filter(|it| it != "/" && !it.is_empty()).collect();
    all.reverse();
    all
}

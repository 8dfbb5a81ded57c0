//! A folder to act in: a person's home with an SSH key, a stand-in release, and the program itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::fixture::{copy_sparse, digest, image, release, write};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_etcd-image");

/// The public key in the scene's home; nobody has its private half.
pub(crate) const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea tester@scene";

/// What the program said, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error, the scene's own folder written as `SCENE`.
    pub(crate) stderr: String,
}

impl Outcome {
    /// It must have succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// It must have failed with this code, an error that names these things, and a hint.
    #[track_caller]
    pub(crate) fn refused_naming(&self, code: i32, things: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "", "data on stdout although nothing was done");
        let error: Vec<_> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(error.len(), 1, "one error line, not:\n{}", self.stderr);
        for thing in things {
            assert!(error[0].contains(thing), "no `{thing}` in: {}", error[0]);
        }
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("hint: ") && last.len() > 10,
            "no hint at the end of:\n{}",
            self.stderr
        );
    }
}

/// Where one test acts. Nothing outside it is touched; it vanishes with its value.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: TempDir,
    /// The options every build of this scene has: base, etcd.
    inputs: Vec<String>,
    /// Seconds since 1970 that the program takes for now; the clock's if `None`.
    time: Option<i64>,
}

impl Scene {
    /// Starts from a fixture image, e.g. `raspios-trixie`, and a sound etcd release.
    pub(crate) fn with(base: &str) -> Self {
        Self::on(&image(base))
    }

    /// Starts from any file as the base.
    pub(crate) fn on(base: &Path) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        write(
            &folder.path().join("home/.ssh/id_ed25519.pub"),
            format!("{SSH_KEY}\n").as_bytes(),
        );
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let release = release("arm64");
        let inputs = [
            "--base",
            base.to_str().unwrap(),
            "--etcd",
            release.to_str().unwrap(),
            "--offline",
        ];
        let inputs = inputs.map(str::to_owned).to_vec();
        Self {
            folder,
            inputs,
            time: None,
        }
    }

    /// Takes another etcd: any `--etcd` value.
    #[must_use]
    pub(crate) fn etcd(mut self, value: &Path) -> Self {
        value.to_str().unwrap().clone_into(&mut self.inputs[3]);
        self
    }

    /// Lets it be another time, for what must not change from day to day.
    #[must_use]
    pub(crate) fn at_time(mut self, seconds: i64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// A path inside the scene.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A file of the scene, e.g. `cluster.toml`.
    pub(crate) fn file(&self, path: &str, content: &str) -> &Self {
        write(&self.at(path), content.as_bytes());
        self
    }

    /// `etcd-image COMMAND` on the scene's inputs, with more options.
    pub(crate) fn run(&self, command: &str, options: &[&str]) -> Outcome {
        let mut program = Command::new(PROGRAM);
        program.arg(command).args(&self.inputs).args(options);
        self.outcome(&mut program)
    }

    /// Builds and expects success.
    #[track_caller]
    pub(crate) fn build(&self, options: &[&str]) -> Outcome {
        self.run("build", options).done()
    }

    /// `etcd-image boot`, which starts the programs it finds on this path.
    pub(crate) fn boot(&self, path: &str, arguments: &[&str]) -> Outcome {
        let mut shell = Command::new("/usr/bin/env");
        let path = format!("PATH={path}");
        self.outcome(shell.args([&path, PROGRAM, "boot"]).args(arguments))
    }

    /// `etcd-image` with exactly these arguments.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(PROGRAM);
        self.outcome(command.args(arguments))
    }

    /// The same where no file can grow past a size: what a full disk looks like to the program.
    pub(crate) fn run_with_file_limit(
        &self,
        command: &str,
        options: &[&str],
        bytes: u64,
    ) -> Outcome {
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
            bytes / 512
        );
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &script, PROGRAM, command])
            .args(&self.inputs)
            .args(options);
        self.outcome(&mut shell)
    }

    /// A build that runs while the test goes on.
    pub(crate) fn start(&self, options: &[&str]) -> Child {
        let mut command = Command::new(PROGRAM);
        command.arg("build").args(&self.inputs).args(options);
        self.prepare(&mut command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// No `PATH`: a product that shells out would fail here. No other variable of the tester either.
    fn prepare<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
            .env_clear()
            .env("HOME", self.at("home"))
            .env("TMPDIR", self.at("tmp"))
            .env("PATH", "");
        command.envs(
            self.time
                .map(|time| ("SOURCE_DATE_EPOCH", time.to_string())),
        )
    }

    fn outcome(&self, command: &mut Command) -> Outcome {
        let output = self.prepare(command).output().unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(folder, "SCENE");
        Outcome {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Where a node's image lies.
    pub(crate) fn image_path(&self, node: &str) -> PathBuf {
        self.at(&format!("images/{node}.img"))
    }

    /// `images/manifest.json`.
    #[track_caller]
    pub(crate) fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.at("images/manifest.json")).unwrap()).unwrap()
    }

    /// A text file of the scene.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|err| panic!("reading {path}: {err}"))
    }

    /// Every file below a folder of the scene, sorted; empty if there is no such folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.at(folder), &mut found);
        let inside = |path: PathBuf| {
            path.strip_prefix(&self.folder)
                .unwrap()
                .display()
                .to_string()
        };
        let mut names: Vec<_> = found.into_iter().map(inside).collect();
        names.sort();
        names
    }

    /// The same with the digests of what is in them.
    pub(crate) fn snapshot(&self, folder: &str) -> Vec<(String, String)> {
        let names = self.names(folder).into_iter();
        names
            .map(|name| (name.clone(), digest(&self.at(&name))))
            .collect()
    }

    /// A private copy of the base that the test may change, taken as this scene's base.
    pub(crate) fn own_base(&mut self) -> PathBuf {
        let copy = self.at("base.img");
        copy_sparse(Path::new(&self.inputs[1]), &copy);
        copy.to_str().unwrap().clone_into(&mut self.inputs[1]);
        copy
    }
}

/// Every file below a folder.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

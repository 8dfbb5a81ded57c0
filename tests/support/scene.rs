//! Provides a directory to run the program in: a home directory with an SSH key, and a stand-in release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::built;
use super::fixture::{copy_sparse, digest, image, release, write};
use super::record;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_etcd-image");

/// The public key in the scene's home directory; its private half does not exist.
pub(crate) const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea tester@scene";

/// The complete output of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code, or `None` if a signal ended the program.
    pub(crate) code: Option<i32>,
    /// The standard output.
    pub(crate) stdout: String,
    /// The standard error, with the scene's directory written as `SCENE`.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Asserts that the program succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Asserts that the program failed with this code, an error that names these things, and a hint.
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

/// A temporary directory for one test, which touches nothing outside it.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: TempDir,
    /// The options of every build of this scene: base and etcd.
    inputs: Vec<String>,
    /// The current time for the program in seconds since 1970, or `None` for that of the clock.
    time: Option<i64>,
}

impl Scene {
    /// Creates a scene from a fixture image, e.g. `raspios-trixie`, and a valid etcd release.
    pub(crate) fn with(base: &str) -> Self {
        Self::on(&image(base))
    }

    /// Creates a scene with any file as the base.
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

    /// Creates a scene in which a build on this base with this `cluster.toml` and these options has already succeeded.
    ///
    /// All tests that ask for the same build share it; each gets a copy that it may change.
    pub(crate) fn built(base: &str, configuration: &str, options: &[&str]) -> Self {
        let scene = Self::with(base);
        built::copy(base, configuration, options, scene.folder.path());
        scene
    }

    /// Lets `prepare` write into the scene's directory, or copies what it wrote for another test with this name.
    #[must_use]
    pub(crate) fn prepared(self, name: &str, prepare: impl FnOnce(&Self)) -> Self {
        built::prepare(name, &self, prepare);
        self
    }

    /// Uses another base: any `--base` value.
    #[must_use]
    pub(crate) fn base(mut self, value: &Path) -> Self {
        value.to_str().unwrap().clone_into(&mut self.inputs[1]);
        self
    }

    /// Uses another etcd: any `--etcd` value.
    #[must_use]
    pub(crate) fn etcd(mut self, value: &Path) -> Self {
        value.to_str().unwrap().clone_into(&mut self.inputs[3]);
        self
    }

    /// Sets the time, for results that must not change from day to day.
    #[must_use]
    pub(crate) fn at_time(mut self, seconds: i64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// Returns a path inside the scene.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Returns the options of every build of this scene.
    pub(crate) fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Writes a file of the scene, e.g. `cluster.toml`.
    pub(crate) fn file(&self, path: &str, content: &str) -> &Self {
        write(&self.at(path), content.as_bytes());
        self
    }

    /// Runs `etcd-image COMMAND` on the scene's inputs, with more options.
    pub(crate) fn run(&self, command: &str, options: &[&str]) -> Outcome {
        let mut program = Command::new(PROGRAM);
        program.arg(command).args(&self.inputs).args(options);
        self.with_record(|| self.outcome(&mut program))
    }

    /// Runs a build and asserts that it succeeds.
    #[track_caller]
    pub(crate) fn build(&self, options: &[&str]) -> Outcome {
        self.run("build", options).done()
    }

    /// Runs `etcd-image boot`, which starts the programs it finds on this path.
    pub(crate) fn boot(&self, path: &str, arguments: &[&str]) -> Outcome {
        self.bare_with_path(path, &[&["boot"], arguments].concat())
    }

    /// Runs `etcd-image` with exactly these arguments; it starts the programs it finds on this path.
    pub(crate) fn bare_with_path(&self, path: &str, arguments: &[&str]) -> Outcome {
        self.bare_with("PATH", path, arguments)
    }

    /// Runs `etcd-image` with exactly these arguments and an environment variable.
    pub(crate) fn bare_with(&self, name: &str, value: &str, arguments: &[&str]) -> Outcome {
        self.bare_with_variables(&[format!("{name}={value}")], arguments)
    }

    /// Runs `etcd-image` with exactly these arguments and environment variables, each as `NAME=VALUE`.
    pub(crate) fn bare_with_variables(&self, variables: &[String], arguments: &[&str]) -> Outcome {
        let mut shell = Command::new("/usr/bin/env");
        self.outcome(shell.args(variables).arg(PROGRAM).args(arguments))
    }

    /// Runs `etcd-image` with exactly these arguments.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(PROGRAM);
        self.outcome(command.args(arguments))
    }

    /// Runs `etcd-image` with exactly these arguments under another program, which gets the command line as its last arguments.
    pub(crate) fn bare_under(&self, program: &[&str], arguments: &[&str]) -> Outcome {
        let mut outer = Command::new(program[0]);
        self.outcome(outer.args(&program[1..]).arg(PROGRAM).args(arguments))
    }

    /// Runs a command with a limit on file sizes, which looks like a full disk to the program.
    pub(crate) fn run_with_file_limit(
        &self,
        command: &str,
        options: &[&str],
        bytes: u64,
    ) -> Outcome {
        self.run_limited(command, options, &format!("-f {}", bytes / 512))
    }

    /// Runs `etcd-image` with exactly these arguments and a limit on file sizes, which looks like a full disk to the program.
    pub(crate) fn bare_with_file_limit(&self, arguments: &[&str], bytes: u64) -> Outcome {
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
            bytes / 512
        );
        let mut shell = Command::new("/bin/sh");
        self.outcome(shell.args(["-c", &script, PROGRAM]).args(arguments))
    }

    /// Runs a command under a limit that `ulimit` sets.
    pub(crate) fn run_limited(&self, command: &str, options: &[&str], limit: &str) -> Outcome {
        let script = format!("trap '' XFSZ; ulimit {limit}; exec \"$0\" \"$@\"");
        self.run_under(&["/bin/sh", "-c", &script], command, options)
    }

    /// Runs a command under another program, which gets the command line as its last arguments.
    pub(crate) fn run_under(&self, program: &[&str], command: &str, options: &[&str]) -> Outcome {
        let mut outer = Command::new(program[0]);
        outer
            .args(&program[1..])
            .args([PROGRAM, command])
            .args(&self.inputs)
            .args(options);
        self.with_record(|| self.outcome(&mut outer))
    }

    /// Starts a build that runs in parallel to the test.
    pub(crate) fn start(&self, options: &[&str]) -> Child {
        let mut command = Command::new(PROGRAM);
        command.arg("build").args(&self.inputs).args(options);
        self.spawn(&mut command)
    }

    /// Starts `etcd-image` with exactly these arguments, in parallel to the test.
    pub(crate) fn start_bare(&self, arguments: &[&str]) -> Child {
        self.spawn(Command::new(PROGRAM).args(arguments))
    }

    /// Starts a command on the scene's inputs that runs in parallel to the test, which reads its standard error.
    pub(crate) fn start_heard(&self, command: &str, options: &[&str]) -> Child {
        let inputs = self.inputs.iter().map(String::as_str);
        let line: Vec<&str> = [command].into_iter().chain(inputs).collect();
        self.start_bare_heard(&[&line[..], options].concat())
    }

    /// Starts `etcd-image` with exactly these arguments, in parallel to the test, which reads its standard error.
    pub(crate) fn start_bare_heard(&self, arguments: &[&str]) -> Child {
        let mut program = Command::new(PROGRAM);
        let program = self.prepare(program.args(arguments)).stdout(Stdio::null());
        program.stderr(Stdio::piped()).spawn().unwrap()
    }

    fn spawn(&self, command: &mut Command) -> Child {
        self.prepare(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs the program as a user who has used this fixture before: the cache holds its digest.
    fn with_record(&self, run: impl FnOnce() -> Outcome) -> Outcome {
        let (base, cache) = (
            Path::new(&self.inputs[1]),
            self.at("home/.cache/etcd-image"),
        );
        record::restore(base, &cache);
        let outcome = run();
        record::keep(base, &cache);
        outcome
    }

    /// Clears the environment; `PATH` is empty, so a product that runs other programs fails here.
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

    /// Returns the path of a node's image.
    pub(crate) fn image_path(&self, node: &str) -> PathBuf {
        self.at(&format!("images/{node}.img"))
    }

    /// Returns the content of `images/manifest.json`.
    #[track_caller]
    pub(crate) fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.at("images/manifest.json")).unwrap()).unwrap()
    }

    /// Returns a text file of the scene.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|err| panic!("reading {path}: {err}"))
    }

    /// Returns every file below a directory of the scene, sorted; empty if the directory does not exist.
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

    /// Returns the names of the directories of the scene.
    pub(crate) fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect()
    }

    /// Returns every file below a directory, with the digest of its content.
    pub(crate) fn snapshot(&self, folder: &str) -> Vec<(String, String)> {
        let names = self.names(folder).into_iter();
        names
            .map(|name| (name.clone(), digest(&self.at(&name))))
            .collect()
    }

    /// Makes a private copy of the base that the test may change, and uses it as the scene's base.
    pub(crate) fn own_base(&mut self) -> PathBuf {
        let copy = self.at("base.img");
        copy_sparse(Path::new(&self.inputs[1]), &copy);
        copy.to_str().unwrap().clone_into(&mut self.inputs[1]);
        copy
    }
}

/// Collects every file below a directory.
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

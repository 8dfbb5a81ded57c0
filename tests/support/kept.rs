//! Machines that `etcd-image boot --keep` lets run, entered as it says, until a test has seen enough.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::cluster::Images;
use super::tool::tool_in;

/// How the last line of what `--keep` says ends.
const LAST: &str = "etcdctl member list";

/// A cluster that was seen to be healthy and runs on.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    images: &'a Images,
    boot: Child,
    /// What it said so far.
    told: Vec<String>,
}

impl<'a> Kept<'a> {
    /// Boots these images to a healthy cluster.
    #[track_caller]
    pub(crate) fn boot(images: &'a Images) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-image"));
        command.args(["boot", "--keep", "--ssh-identity"]);
        command.args([images.key(), images.images()]);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut boot = output.spawn().unwrap();
        let lines = BufReader::new(boot.stderr.take().unwrap()).lines();
        let mut kept = Self {
            images,
            boot,
            told: Vec::new(),
        };
        for line in lines.map_while(Result::ok) {
            kept.told.push(line);
            if kept.told.last().unwrap().ends_with(LAST) {
                return kept;
            }
        }
        panic!("not kept: {}", kept.ends());
    }

    /// What a command prints on a node, line by line.
    #[track_caller]
    pub(crate) fn on(&self, node: &str, command: &str) -> Vec<String> {
        let ending = format!("ssh -F client/ssh_config {node}");
        let line = self.told.iter().find(|line| line.ends_with(&ending));
        let line = line.unwrap_or_else(|| panic!("no way into {node}: {:#?}", self.told));
        let (key, mut words) = (self.images.key(), line.split_whitespace());
        let options = ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"];
        let program = words.next().unwrap();
        let words: Vec<&str> = words
            .chain(options)
            .chain([key.to_str().unwrap(), command])
            .collect();
        let said = tool_in(&self.images.images(), program, &words).done();
        said.text().lines().map(str::to_owned).collect()
    }

    /// Switches the machines off; everything that was said.
    pub(crate) fn ends(mut self) -> String {
        self.boot.kill().unwrap();
        let mut report = String::new();
        let stdout = self.boot.stdout.as_mut().unwrap();
        stdout.read_to_string(&mut report).unwrap();
        format!("{report}{}", self.told.join("\n"))
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.boot.kill();
        let _ = self.boot.wait();
    }
}

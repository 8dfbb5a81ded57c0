//! Runs the machines of `etcd-image boot --keep` and logs in with the commands it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::cluster::Images;
use super::tool::tool_in;

/// The end of the last line that `--keep` prints.
const LAST: &str = "etcdctl member list";

/// A cluster that was healthy after its boot and continues to run.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    images: &'a Images,
    boot: Child,
    /// The output so far.
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

    /// Returns the output of a command on a node, line by line.
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

    /// Switches the machines off and returns the complete output.
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
        // The process may already have exited.
        let _ = self.boot.kill();
        let _ = self.boot.wait();
    }
}

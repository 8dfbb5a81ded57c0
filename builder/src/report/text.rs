//! The text report at the end of a build.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use super::manifest::Manifest;
use super::node_record::NodeRecord;
use crate::count::count;
use crate::date::date;
use crate::shell;

/// A manifest, and the directories that the report names.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The output directory.
    pub out: &'a Path,
    /// The state directory.
    pub state: &'a Path,
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let manifest = self.manifest;
        let nodes = count(manifest.nodes.len(), "node");
        writeln!(
            f,
            "cluster {}: {nodes}{}\n",
            manifest.cluster,
            self.made_from()
        )?;
        writeln!(
            f,
            "  {:<12} {:<16} {:<28} {:>13}  sha256",
            "node", "address", "image", "bytes"
        )?;
        for node in &manifest.nodes {
            let (name, address) = (&node.name, &node.address);
            for output in &node.outputs {
                let image = self.out.join(&output.name).display().to_string();
                let digest = output.sha256.get(..16).unwrap_or(&output.sha256);
                let size = output.size;
                writeln!(
                    f,
                    "  {name:<12} {address:<16} {image:<28} {size:>13}  {digest}…"
                )?;
            }
        }
        writeln!(f)?;
        self.expiry(f)?;
        f.write_str(&next_steps(self.out, self.state))
    }
}

impl Summary<'_> {
    /// Returns the names of etcd and base; empty if an earlier build of some nodes used others.
    fn made_from(&self) -> String {
        let inputs = |node: &NodeRecord| (node.etcd.name.clone(), node.base.name.clone());
        let all: BTreeSet<_> = self.manifest.nodes.iter().map(inputs).collect();
        match all.first() {
            Some((etcd, base)) if all.len() == 1 => format!(", etcd {etcd}, on {base}"),
            _ => String::new(),
        }
    }

    /// Prints the certificates by purpose, each once with its earliest expiry.
    fn expiry(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nodes = self
            .manifest
            .nodes
            .iter()
            .flat_map(|node| &node.certificates);
        let all: Vec<_> = self.manifest.certificates.iter().chain(nodes).collect();
        let names = ["ca", "admin", "server", "peer", "node", "client"].iter();
        let ends = names.filter_map(|name| {
            let ends = all.iter().filter(|c| c.name == *name).map(|c| c.not_after);
            Some(format!("{name} {}", date(ends.min()?)))
        });
        let ends: Vec<String> = ends.collect();
        writeln!(f, "certificates valid until: {}", ends.join(", "))
    }
}

/// Returns the lines about what to do with the images.
fn next_steps(out: &Path, state: &Path) -> String {
    let client = shell::path(&out.join("client"));
    let (out, state) = (shell::path(out), state.display());
    format!(
        "secrets: {state}/ holds the CA key: back it up and keep it private\n\
         check:   etcd-image verify {out}\n\
         flash:   sudo etcd-image flash --images {out} NODE /dev/CARD, or Raspberry Pi Imager (\"Use custom\")\n\
         status:  etcd-image cluster status --client {client}\n\
         use:     cd {out} && . client/etcdctl.env && etcdctl member list\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted_whatever_the_directory_is_called() {
        let wanted = "\
secrets: my state/ holds the CA key: back it up and keep it private
check:   etcd-image verify 'my images'
flash:   sudo etcd-image flash --images 'my images' NODE /dev/CARD, or Raspberry Pi Imager (\"Use custom\")
status:  etcd-image cluster status --client 'my images/client'
use:     cd 'my images' && . client/etcdctl.env && etcdctl member list
";
        assert_eq!(
            next_steps(Path::new("my images"), Path::new("my state")),
            wanted
        );
    }
}

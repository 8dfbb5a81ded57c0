//! The images of one walk-through's example.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::case::{ROWS, file};
use super::list::{self, List};
use crate::support::cluster::Images;
use crate::support::tool::tool_in;

/// The base of an example's images.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    /// One that the program itself provides.
    Recipe(&'static str),
    /// A file of this name, made as a stand-in for an image that was not available to the tests.
    StandIn(&'static str, fn(&Path)),
}

/// An example, and what its images are built from.
#[derive(Debug)]
pub(super) struct Example {
    name: &'static str,
    list: List,
    etcd: &'static str,
    base: Base,
}

impl Example {
    /// Reads the list of this name.
    pub(super) fn read(name: &'static str, etcd: &'static str, base: Base) -> Self {
        Self {
            name,
            list: list::read(name),
            etcd,
            base,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn into_list(self) -> List {
        self.list
    }

    /// Builds the images from scratch. Stand-ins and further packages of the base come from the network, so that this does not
    /// work inside the namespaces in which the machines run.
    pub(super) fn build(&self) {
        let _ = fs::remove_file(file(self.name, "rows"));
        fs::create_dir_all(ROWS).unwrap();
        if let Base::StandIn(_, make) = self.base {
            make(Path::new(&self.base()));
        }
        fs::write(self.config(), self.list.config()).unwrap();
        let prepare = format!("{}\n{}", self.variables(), self.list.prepare);
        tool_in(Path::new(ROWS), "sh", &["-euc", &prepare]).done();
        let (config, base) = (self.config(), self.base());
        let options = ["--config", &config, "--base", &base, "--etcd", self.etcd];
        Images::forget(&self.cluster());
        let started = Instant::now();
        Images::with_key(&self.cluster(), &self.list.key, &options);
        let built = started.elapsed().as_secs();
        fs::write(file(self.name, "built"), built.to_string()).unwrap();
    }

    /// Returns how long [`build`](Self::build) took, without what a stand-in takes.
    pub(super) fn built(&self) -> Duration {
        let built = fs::read_to_string(file(self.name, "built")).unwrap();
        Duration::from_secs(built.parse().unwrap())
    }

    /// Returns the images, which [`build`](Self::build) has written.
    pub(super) fn images(&self) -> Images {
        Images::written(&self.cluster())
    }

    /// Returns the variables of commands on this machine.
    pub(super) fn variables(&self) -> String {
        let (base, etcd, config) = (self.base(), self.etcd, self.config());
        format!("BASE='{base}' ETCD='{etcd}' CONFIG='{config}'")
    }

    fn cluster(&self) -> String {
        format!("case-{}", self.name)
    }

    fn config(&self) -> String {
        file(self.name, "toml").to_str().unwrap().to_owned()
    }

    fn base(&self) -> String {
        match self.base {
            Base::Recipe(name) => name.to_owned(),
            Base::StandIn(name, _) => Path::new(ROWS).join(name).to_str().unwrap().to_owned(),
        }
    }
}

//! Runs cloud-init itself on a seed: its schema, its search for a seed, and its network configuration.
//!
//! `cargo xtask` unpacks Debian's package into `target/checkers` without installing it, so that cloud-init does not run here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Verdict;
use crate::support::fixture::write;
use crate::support::tool::{Said, tool};

/// The system's own Python, which has the Debian packages that cloud-init needs.
const PYTHON: &str = "/usr/bin/python3";

/// Prints what cloud-init's own reader, `DataSourceNoCloud`, finds in a directory that replaces /var/lib/cloud.
///
/// It hides what belongs to this machine: serial number, kernel arguments (see [`reads`]), disks.
const READ: &str = "
import sys
from cloudinit import dmi, helpers
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloud
dmi.read_dmi_data = lambda key: None
paths = helpers.Paths({'cloud_dir': sys.argv[1], 'run_dir': sys.argv[1] + '/run'})
source = DataSourceNoCloud({'datasource': {'NoCloud': {'fs_label': None}}}, None, paths)
if not source.get_data():
    sys.exit('NoCloud found no seed')
network = source.network_config.get('network', source.network_config)
print(source.get_instance_id(), source.metadata['local-hostname'], network['renderer'])
";

/// Prints what cloud-init reads from settings that contain the seed themselves (`datasource: NoCloud:`).
const INLINE: &str = "
import sys
from cloudinit import util
from cloudinit.sources import DataSourceNoCloud
settings = util.load_yaml(open(sys.argv[1]).read())
empty = {'meta-data': {}, 'user-data': '', 'vendor-data': '', 'network-config': None}
seed = DataSourceNoCloud._merge_new_seed(empty, settings['datasource']['NoCloud'])
print(seed['meta-data']['instance-id'], seed['meta-data']['local-hostname'], end='\\0')
print(seed['user-data'], end='\\0')
print(util.json_dumps(settings['network']), end='')
";

/// Prints what cloud-init reads from the kernel's command line.
const ARGUMENTS: &str = "
import sys
from cloudinit import util
from cloudinit.net import cmdline
from cloudinit.sources import DataSourceNoCloud
seed = {}
DataSourceNoCloud.load_cmdline_data(seed, sys.argv[1])
print(seed['seedfrom'], end='\\0')
print(util.json_dumps(cmdline.read_kernel_cmdline_config(sys.argv[1])), end='')
";

fn unpacked(path: &str) -> PathBuf {
    let checkers = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers");
    let path = checkers.join(path);
    assert!(
        path.exists(),
        "no {}: `cargo xtask setup` unpacks it",
        path.display()
    );
    path
}

/// Runs a Python program with cloud-init's modules.
fn cloud_init(arguments: &[&str]) -> Said {
    python(&[], arguments)
}

/// Runs such a program with these environment variables.
fn python(variables: &[&str], arguments: &[&str]) -> Said {
    let library = unpacked("usr/lib/python3/dist-packages");
    let path = format!("PYTHONPATH={}", library.display());
    let program = [path.as_str(), PYTHON, "-B"];
    tool("env", &[variables, &program, arguments].concat())
}

fn main(arguments: &[&str]) -> Said {
    cloud_init(&[&["-m", "cloudinit.cmd.main"], arguments].concat())
}

/// Checks a user-data file against cloud-init's schema.
pub(crate) fn schema(user_data: &str) -> Verdict {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("user-data");
    write(&file, user_data.as_bytes());
    let said = main(&["schema", "--config-file", file.to_str().unwrap()]);
    match said.code {
        Some(0) if said.text().contains("Valid") => Ok(()),
        _ => Err(said.words()),
    }
}

/// Returns the systemd-networkd files that cloud-init generates from a network-config, by name.
pub(crate) fn networkd(network_config: &str) -> Result<BTreeMap<String, String>, String> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    write(&from, network_config.as_bytes());
    let convert = ["devel", "net-convert", "-k", "yaml", "-D", "ubuntu"];
    let paths = [
        "-O",
        "networkd",
        "-p",
        from.to_str().unwrap(),
        "-d",
        to.to_str().unwrap(),
    ];
    let said = main(&[&convert[..], &paths].concat());
    if said.code != Some(0) {
        return Err(said.words());
    }
    let made = fs::read_dir(to.join("etc/systemd/network")).unwrap();
    let made = made.map(|entry| entry.unwrap().path());
    Ok(made
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect())
}

/// Returns the sources that `ds-identify`, which systemd runs before cloud-init, finds with these files of `/etc/cloud`.
pub(crate) fn sources(etc_cloud: &[(&str, &str)]) -> Result<String, String> {
    sources_of(etc_cloud, "quiet\n")
}

/// Returns the sources that `ds-identify` finds with these kernel arguments.
pub(crate) fn sources_of(etc_cloud: &[(&str, &str)], cmdline: &str) -> Result<String, String> {
    let root = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, text) in etc_cloud {
        write(&root.path().join("etc/cloud").join(name), text.as_bytes());
    }
    // In a container it uses the arguments of process 1 as those of the kernel.
    for (name, text) in [
        ("proc/uptime", "1.0 1.0\n"),
        ("proc/cmdline", cmdline),
        ("proc/1/cmdline", cmdline),
    ] {
        write(&root.path().join(name), text.as_bytes());
    }
    let variable = format!("PATH_ROOT={}", root.path().display());
    let program = unpacked("usr/lib/cloud-init/ds-identify");
    let said = tool(
        "env",
        &[&variable, "sh", program.to_str().unwrap(), "--force"],
    );
    match said.code {
        Some(0) => Ok(fs::read_to_string(root.path().join("run/cloud-init/cloud.cfg")).unwrap()),
        _ => Err(said.words()),
    }
}

/// Returns the instance ID, host name and renderer that cloud-init reads from a seed.
pub(crate) fn reads(seed: &[(&str, &str)]) -> Result<String, String> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let place = folder.path().join("seed/nocloud-net");
    for (name, text) in seed {
        write(&place.join(name), text.as_bytes());
    }
    let read = ["-c", READ, folder.path().to_str().unwrap()];
    let said = python(&["DEBUG_PROC_CMDLINE="], &read);
    match said.code {
        Some(0) => Ok(said.text().trim_end().to_owned()),
        _ => Err(said.words()),
    }
}

/// Returns the instance ID and host name, user-data and network of settings that contain a seed.
pub(crate) fn inline(settings: &str) -> Result<[String; 3], String> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("settings.cfg");
    write(&file, settings.as_bytes());
    let said = cloud_init(&["-c", INLINE, file.to_str().unwrap()]);
    let text = said.text();
    let parts: Vec<&str> = text.split('\0').collect();
    match (said.code, &parts[..]) {
        (Some(0), [meta, user, network]) => Ok([meta, user, network].map(|it| (*it).to_owned())),
        _ => Err(said.words()),
    }
}

/// Returns the location of the seed and the network from a kernel's arguments.
pub(crate) fn arguments(cmdline: &str) -> Result<[String; 2], String> {
    let said = cloud_init(&["-c", ARGUMENTS, cmdline]);
    let text = said.text();
    match (said.code, text.split_once('\0')) {
        (Some(0), Some((seed, network))) => Ok([seed, network].map(str::to_owned)),
        _ => Err(said.words()),
    }
}

//! Reads the addresses and keys of the cluster that the options of a command name.

use anyhow::Result;

use super::targets::must_exist;
use crate::cli::{AccessOptions, LoginOptions, SshOptions};
use crate::cluster::{Access, SshLogin};
use crate::description::ClusterDescription;
use crate::failure::Kind;

/// Returns how ssh logs in to the nodes.
pub(super) fn ssh_login(options: &SshOptions) -> SshLogin {
    SshLogin {
        identity: options.ssh_identity.clone(),
        timeout: options.ssh_timeout,
    }
}

/// Opens a cluster whose nodes the command logs in to.
pub(super) fn open_nodes(login: &LoginOptions) -> Result<Access> {
    check_client(&login.access)?;
    Access::open(login.access.folder(), ssh_login(&login.ssh))
}

/// Opens a cluster whose members the command asks, without a login.
pub(super) fn open_members(options: &AccessOptions) -> Result<Access> {
    check_client(options)?;
    Access::open(options.folder(), SshLogin::default())
}

/// Refuses a directory for `--client` that describes no cluster.
fn check_client(options: &AccessOptions) -> Result<()> {
    let Some(folder) = &options.client else {
        return Ok(());
    };
    must_exist(
        folder,
        "run this in the directory above the images, or name the directory `client` beside them",
    )?;
    match ClusterDescription::find(folder)? {
        Some(_) => Ok(()),
        None => Err(Kind::Usage.error(
            format!(
                "{} is not the directory `client` of a build",
                folder.display()
            ),
            "name the one beside the images, as in `--client images/client`",
        )),
    }
}

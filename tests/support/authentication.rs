//! Switches etcd's authentication on with the program of the nodes, on real members.

use std::fs;

use super::members::{Members, address, program, until};
use super::nodes::CLUSTER;
use super::rendered::rendered;
use super::tool::tool;

const PROGRAM: &str = "/usr/local/lib/etcd-node/authentication";

/// Switches authentication on. The settings are those with which the images of the members were built.
pub(crate) fn enable(members: &Members, settings: &str) {
    let functions = rendered(&format!("{settings}{CLUSTER}"), PROGRAM);
    let run = members.scene.at("run");
    fs::create_dir_all(&run).unwrap();
    until(|| {
        let leader = members.leader();
        let (etcdctl, own) = (program("etcdctl"), members.certificates(leader));
        let options = format!(
            "--endpoints=https://{}:2379 --cacert={own}/ca.crt --cert={own}/server.crt --key={own}/server.key",
            address(leader),
            own = own.display()
        );
        let script = format!(
            "{functions}\nRUN={}\nsay() {{ echo \"$*\"; }}\nctl() {{ {} {options} \"$@\"; }}\nauthenticate\n",
            run.display(),
            etcdctl.display()
        );
        let said = tool("sh", &["-c", &script]);
        match said.text().as_str() {
            "authentication is on\n" => Ok(()),
            _ => Err(said.words()),
        }
    });
}

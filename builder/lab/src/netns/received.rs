//! Running nodes receive another etcd, as `etcd-image cluster upgrade` hands it over.

use std::path::Path;

use anyhow::Result;

use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;

/// Hands over the programs in `/var/lib/etcd/in`, one after the other.
const RECEIVE: &str = "cd /var/lib/etcd/in && version=$(cat version) && own=/usr/local/lib/etcd-node/programs && \
     for name in etcd etcdctl etcdutl; do sh $own take $name $(sha256sum <$name | cut -c1-64) <$name || exit 1; done && \
     cd .. && rm -r in && sh $own use $version && systemctl restart etcd";

/// Members of 3.4 receive 3.5 one after the other, and run it also after their memory is lost.
pub(super) fn one_by_one(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for node in lab.all() {
        receive(lab, node)?;
        lab.says(node, "using etcd 3.5")?;
        lab.wait_for_members(&Wanted::everyone())?;
        for program in ["etcdctl version", "etcdutl version"] {
            lab.type_at(node, program)?;
        }
        // The image has neither of them.
        for version in ["etcdctl version: 3.5", "etcdutl version: 3.5"] {
            lab.says(node, version)?;
        }
    }
    lab.cut_all()?;
    lab.start_all()?;
    for node in lab.all() {
        lab.says(node, "using etcd 3.5")?;
    }
    lab.settle(&Wanted::everyone())
}

/// A power cut interrupts the transfer at any moment: the node runs one etcd or the other, and can receive it again.
pub(super) fn cuts(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for _ in 0..4 {
        receive(lab, 1)?;
        lab.pass_up_to(1500)?;
        lab.cut(1)?;
        lab.start(1)?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    receive(lab, 1)?;
    lab.says(1, "using etcd 3.5")?;
    lab.settle(&Wanted::everyone())
}

/// The etcd that a node receives does not start: the node returns to that of its image.
pub(super) fn broken(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let etcd = prepare(lab, 2)?;
    fs_err::write(etcd.join("etcd"), "\x7fELF, and nothing more")?;
    lab.type_at(2, RECEIVE)?;
    lab.says(2, "did not become ready in 3 starts: ")?;
    lab.settle(&Wanted::everyone())
}

pub(super) fn receive(lab: &mut Lab, node: usize) -> Result<()> {
    prepare(lab, node)?;
    lab.fault(&format!("hand etcd 3.5 to {}", lab.nodes[node].name()));
    lab.type_at(node, RECEIVE)
}

/// Puts the programs of 3.5 beside the data of a node, and returns their directory.
fn prepare(lab: &Lab, node: usize) -> Result<std::path::PathBuf> {
    let image = lab.image("three", &lab.nodes[node].name());
    let place = lab.nodes[node].data().join("in");
    fs_err::create_dir_all(&place)?;
    for name in [
        "usr/local/bin/etcd",
        "usr/local/lib/etcd-node/etcdctl",
        "usr/local/lib/etcd-node/etcdutl",
    ] {
        let name = Path::new(name);
        fs_err::copy(
            image.join(name),
            place.join(name.file_name().unwrap_or_default()),
        )?;
    }
    fs_err::write(place.join("version"), super::images::version(&place)?)?;
    Ok(place)
}

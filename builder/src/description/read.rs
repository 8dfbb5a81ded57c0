//! Reads the node description from an image.

use anyhow::{Context as _, Result};
use diskimg::{FileKind, ReadFs};

use super::format::NodeDescription;
use crate::failure::Kind;
use crate::inspect::{Files, Image, NODE_PROGRAMS, System, Volume};

/// The largest accepted size in bytes, far above that of any real description.
const LARGEST: u64 = 4 << 20;

/// Returns the partition and the path of the description on an image with this kind of system.
pub fn location(system: &System) -> (Volume, String) {
    let place = system.node_location();
    let directory = place.payload.unwrap_or(NODE_PROGRAMS);
    (place.volume, format!("{directory}/node.json"))
}

/// Reads the node description from the image, or returns `None` if the image is not a node.
///
/// An image that an earlier version built has no description and is refused.
pub fn read(image: &Image, files: &mut Files) -> Result<Option<NodeDescription>> {
    let (volume, path) = location(&image.layout().system);
    let fs = files.at(volume)?;
    let context = || format!("reading {path}");
    match fs.metadata(&path).with_context(context)? {
        Some(found) if found.kind == FileKind::File && found.size <= LARGEST => {
            let json = fs.read(&path).with_context(context)?;
            NodeDescription::from_json(&json)
                .with_context(context)
                .map(Some)
        }
        Some(_) => Err(Kind::Corrupt.error(
            format!("{path} is not a file of at most {LARGEST} bytes"),
            "fetch the image again, or build it again with the same state directory",
        )),
        None if was_built(&image.layout().system, files)? => Err(Kind::Unsupported.error(
            format!("the image has no {path}: an earlier version of etcd-image built it"),
            "build the image again with this version; the state directory keeps the node's identity",
        )),
        None => Ok(None),
    }
}

/// Reads the node description from the image and refuses an image that is not a node.
pub fn required(image: &Image, files: &mut Files) -> Result<NodeDescription> {
    let description = read(image, files)?;
    description.ok_or_else(|| {
        Kind::Usage.error(
            "the image is not a node: etcd-image did not build it",
            "name an image that `etcd-image build` wrote",
        )
    })
}

/// Returns whether the image contains a file that only a build writes.
fn was_built(system: &System, files: &mut Files) -> Result<bool> {
    let place = system.node_location();
    let telltale = match place.payload {
        Some(payload) => format!("{payload}/pki/ca.crt"),
        None => "/etc/etcd/pki/ca.crt".to_owned(),
    };
    let fs: &mut dyn ReadFs = files.at(place.volume)?;
    Ok(fs.metadata(&telltale)?.is_some())
}

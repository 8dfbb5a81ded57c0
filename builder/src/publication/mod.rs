//! What accompanies published images, so that others can find, write and trust them.
//!
//! | file | purpose |
//! |---|---|
//! | `NAME.bmap` | the used ranges of an image with their digests, for bmaptool |
//! | `etcd-image.rpi-imager-manifest` | the list of images that Raspberry Pi Imager opens |
//! | `SHA256SUMS.sig` | an SSH signature of the digests of all of these files |

mod agent;
mod allowed_signers;
mod block_map;
mod imager;
mod signature;
mod signing_key;

use anyhow::Result;

use crate::apply::Staged;
use crate::report::{Attachment, Manifest};

pub(crate) use signature::check;
pub(crate) use signing_key::SigningKey;

/// Makes the files that accompany the images, and lists them in the manifest. `url` is the address of the directory of the
/// images.
pub(crate) fn attach(
    manifest: &mut Manifest,
    images: &[Staged],
    url: Option<&str>,
) -> Result<Vec<Attachment>> {
    let mut attachments = Vec::new();
    for image in images.iter().filter(|image| !image.map.is_empty()) {
        let map = Attachment {
            name: block_map::file_name(&image.node),
            bytes: block_map::xml(image.size, &image.map).into_bytes(),
        };
        manifest.attach_to(&image.node, &map);
        attachments.push(map);
    }
    let list = Attachment {
        name: imager::FILE_NAME.to_owned(),
        bytes: imager::list(manifest, url)?,
    };
    manifest.attach(&list);
    attachments.push(list);
    Ok(attachments)
}

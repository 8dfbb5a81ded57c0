//! What accompanies published images, so that others can find and write them.
//!
//! | file | purpose |
//! |---|---|
//! | `NAME.bmap` | the used ranges of an image with their digests, for bmaptool |
//! | `etcd-image.rpi-imager-manifest` | the list of images that Raspberry Pi Imager opens |

mod block_map;
mod imager;

use anyhow::Result;

use crate::apply::Staged;
use crate::report::{Attachment, Manifest};

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

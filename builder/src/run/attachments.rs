//! The files that accompany images.

use anyhow::Result;

use super::base::OpenedBase;
use crate::apply::Staged;
use crate::inspect;
use crate::plan::Plan;
use crate::publication::{self, BaseContents, Published, Publishing};
use crate::report::{Attachment, Manifest};

impl OpenedBase {
    /// Makes the files that accompany the images, and lists them in the manifest.
    pub(crate) fn attachments(
        &self,
        manifest: &mut Manifest,
        (plans, images, lock_sha256): (&[Plan], &[Staged], &str),
        publishing: &Publishing,
    ) -> Result<Vec<Attachment>> {
        let published = Published {
            images,
            plans,
            base: BaseContents {
                distribution: &self.image.layout().os.id,
                packages: &inspect::packages(&self.image)?,
            },
            url: publishing.url.as_deref(),
            lock_sha256,
        };
        publication::attach(manifest, &published)
    }
}

//! What was written: for people as text, for programs as JSON, for `sha256sum -c`, and for the first login.

mod client;
mod credentials;
mod expiry;
mod inputs;
mod inspection;
mod manifest;
mod plans;
mod text;
mod verification;

use anyhow::Result;

use crate::apply::{OutputFolder, Staged};
use crate::plan::Plan;

pub use expiry::ending;
pub use inputs::Inputs;
pub use inspection::{Inspection, inspect};
pub use manifest::{
    CertificateRecord, FileRecord, InputRecord, Manifest, NodeRecord, RecordKind, Sources,
};
pub use plans::Plans;
pub use text::Summary;
pub use verification::{Verification, verify};

/// Name of the manifest in the output folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the digest list in the output folder.
pub const SUMS: &str = "SHA256SUMS";

/// The manifest of this build, with the nodes an earlier one left in the same folder.
pub fn manifest(
    sources: &Sources<'_>,
    plans: &[Plan],
    images: &[Staged],
    out: &OutputFolder,
) -> Result<Manifest> {
    let mut manifest = Manifest::new(sources, plans, images);
    // An older manifest that cannot be read is about to be replaced.
    if let Ok(older) = fs_err::read_to_string(out.path().join(MANIFEST))
        && let Ok(older) = Manifest::from_json(&older)
    {
        manifest.keep(older, sources.cluster, |image| {
            out.path().join(image).is_file()
        });
    }
    Ok(manifest)
}

/// Writes everything that goes beside the images; the digest list comes last.
pub fn write(out: &OutputFolder, manifest: &Manifest, sources: &Sources<'_>) -> Result<()> {
    for (name, bytes, mode) in client::files(sources) {
        out.write(&name, &bytes, mode)?;
    }
    // 0600 for its digests of files that hold passwords: see `Manifest::shown`.
    out.write(MANIFEST, manifest.to_json()?.as_bytes(), 0o600)?;
    out.write(SUMS, manifest.sums().as_bytes(), 0o644)
}

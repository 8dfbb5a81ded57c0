//! A bill of materials of each image, in SPDX 2.3 as JSON: the base with its Debian packages, etcd, and the files of this
//! program.
//!
//! SPDX requires the SHA-1 of a file. The digest of a secret would allow guessing it, so files that hold secrets are not
//! listed.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::hex;
use crate::inspect::{DebianPackage, Volume};
use crate::overlay::FileContent;
use crate::plan::{Action, Plan, Step};
use crate::report::{InputRecord, NodeRecord};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-image";
const BASE: &str = "SPDXRef-base";
const ETCD: &str = "SPDXRef-etcd";
const NONE: &str = "NOASSERTION";

/// What is known of the base besides its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BaseContents<'a> {
    /// `ID` of its os-release(5), which is that of its packages' distribution.
    pub distribution: &'a str,
    /// Its Debian packages.
    pub packages: &'a [DebianPackage],
}

/// Returns the name of a node's bill of materials.
pub(super) fn file_name(node: &str) -> String {
    format!("{node}.spdx.json")
}

/// Returns the bill of materials of a node's image.
pub(super) fn document(node: &NodeRecord, plan: &Plan, base: BaseContents<'_>) -> Result<Vec<u8>> {
    let created = OffsetDateTime::from_unix_timestamp(node.time)?.format(&Rfc3339)?;
    let mut packages = vec![
        image(node),
        input(BASE, &node.base, "OPERATING-SYSTEM"),
        input(ETCD, &node.etcd, "APPLICATION"),
    ];
    let mut relationships = vec![
        relationship(DOCUMENT, "DESCRIBES", IMAGE),
        relationship(IMAGE, "DESCENDANT_OF", BASE),
        relationship(IMAGE, "CONTAINS", ETCD),
    ];
    for (number, package) in base.packages.iter().enumerate() {
        let id = format!("SPDXRef-deb-{number}");
        relationships.push(relationship(BASE, "CONTAINS", &id));
        packages.push(debian(&id, package, base.distribution));
    }
    let mut files = Vec::new();
    for (path, content) in plan.steps.iter().filter_map(public_file) {
        let id = format!("SPDXRef-file-{}", files.len());
        // SPDX does not let a package contain some of its files without all of them.
        relationships.push(relationship(DOCUMENT, "DESCRIBES", &id));
        files.push(file(&id, &path, content));
    }
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": node.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/etcd-image-{}", node.sha256),
        "comment": "Files that hold secrets are not listed.",
        "creationInfo": {
            "created": created,
            "creators": [format!("Tool: etcd-image-{}", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "files": files,
        "relationships": relationships,
    });
    let mut bytes = serde_json::to_vec_pretty(&document).context("writing the SPDX document")?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn image(node: &NodeRecord) -> Value {
    json!({
        "SPDXID": IMAGE,
        "name": node.name,
        "downloadLocation": NONE,
        "filesAnalyzed": false,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "checksums": [{ "algorithm": "SHA256", "checksumValue": node.sha256 }],
    })
}

/// Returns the base or etcd. A path on the machine that built the image is not published.
fn input(id: &str, input: &InputRecord, purpose: &str) -> Value {
    json!({
        "SPDXID": id,
        "name": if id == ETCD { "etcd" } else { &input.name },
        "versionInfo": input.name,
        "downloadLocation": super::address_of(input).unwrap_or(NONE),
        "filesAnalyzed": false,
        "primaryPackagePurpose": purpose,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": input.sha256 }],
    })
}

fn debian(id: &str, package: &DebianPackage, distribution: &str) -> Value {
    let DebianPackage {
        name,
        version,
        architecture,
    } = package;
    // The characters that names and versions may have and addresses may not.
    let escaped = |text: &str| {
        text.replace('+', "%2B")
            .replace(':', "%3A")
            .replace('~', "%7E")
    };
    let locator = format!(
        "pkg:deb/{distribution}/{}@{}?arch={architecture}",
        escaped(name),
        escaped(version)
    );
    json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": NONE,
        "filesAnalyzed": false,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": locator,
        }],
    })
}

/// Returns path and content of a file that the plan writes and that is not secret. The path begins with the partition.
fn public_file(step: &Step) -> Option<(String, &[u8])> {
    let partition = match step.volume {
        Volume::Boot => "boot",
        Volume::Root | Volume::Base => "root",
    };
    match &step.action {
        Action::WriteFile {
            content: FileContent::Plain(content),
            ..
        } => Some((format!("./{partition}{}", step.path), content)),
        _ => None,
    }
}

fn file(id: &str, path: &str, content: &[u8]) -> Value {
    json!({
        "SPDXID": id,
        "fileName": path,
        "checksums": [
            { "algorithm": "SHA1", "checksumValue": hex::encode(&Sha1::digest(content)) },
            { "algorithm": "SHA256", "checksumValue": hex::sha256(content) },
        ],
    })
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({
        "spdxElementId": from,
        "relationshipType": kind,
        "relatedSpdxElement": to,
    })
}

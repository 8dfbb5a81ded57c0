//! The manifest of a build: an OCI image manifest whose config is the index, and whose layers are the files.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::super::blob::Blob;
use super::super::index::{Index, StoredFile};
use crate::failure::Kind;
use crate::recipe::is_sha256;

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of the artifact.
const BUILD: &str = "application/vnd.etcd-image.build.v1+json";
/// The media type of the index.
const INDEX: &str = "application/vnd.etcd-image.index.v1+json";
/// The media types of a file: as it is, and encrypted with age.
const FILE: &str = "application/vnd.etcd-image.file.v1";
const SEALED: &str = "application/vnd.etcd-image.file.v1+age";
/// The annotation with a file's name, which `oras pull` gives it.
const TITLE: &str = "org.opencontainers.image.title";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciManifest {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn new(media_type: &str, blob: &Blob) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{}", blob.sha256),
            size: blob.size,
            annotations: BTreeMap::new(),
        }
    }
}

/// Returns the manifest of a build whose index is this blob.
pub(super) fn to_json(index: &Index, blob: &Blob) -> Result<Vec<u8>> {
    let (media_type, ending) = match index.encrypted_to {
        Some(_) => (SEALED, ".age"),
        None => (FILE, ""),
    };
    let layer = |file: &StoredFile| {
        let mut layer = Descriptor::new(media_type, &file.stored);
        let title = format!("{}{ending}", file.name);
        layer.annotations.insert(TITLE.to_owned(), title);
        layer
    };
    let manifest = OciManifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        artifact_type: Some(BUILD.to_owned()),
        config: Descriptor::new(INDEX, blob),
        layers: index.files.iter().map(layer).collect(),
    };
    Ok(serde_json::to_vec(&manifest)?)
}

/// Returns the blob of the index that the manifest at `place` names.
pub(super) fn index_of(place: &str, bytes: &[u8]) -> Result<Blob> {
    let wrong = |why: &str| {
        Kind::Verification.error(
            format!("reading {place}: {why}"),
            "name another tag or repository: what lies there is for another program",
        )
    };
    let manifest: OciManifest =
        serde_json::from_slice(bytes).map_err(|_| wrong("it is not the manifest of an image"))?;
    if manifest.config.media_type != INDEX {
        return Err(wrong("it is not a build of etcd-image"));
    }
    let digest = manifest.config.digest.strip_prefix("sha256:");
    match digest.filter(|digest| is_sha256(digest)) {
        Some(digest) => Ok(Blob {
            sha256: digest.to_owned(),
            size: manifest.config.size,
        }),
        None => Err(wrong(
            "its index has a digest of another algorithm than SHA-256",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::content::Content;
    use super::*;

    fn blob(letter: &str) -> Blob {
        Blob {
            sha256: letter.repeat(64),
            size: 1,
        }
    }

    #[test]
    fn the_files_are_layers_with_titles() {
        let file = StoredFile {
            name: "etcd1.img".to_owned(),
            plain: blob("a"),
            stored: blob("b"),
        };
        let content = Content::Cluster("kv".to_owned());
        let index = Index::new(content, Some("c".to_owned()), vec![file], Vec::new());
        let json = to_json(&index, &blob("d")).unwrap();
        let layer = format!(
            "{{\"mediaType\":\"{SEALED}\",\"digest\":\"sha256:{}\",\"size\":1,\"annotations\":{{\"{TITLE}\":\"etcd1.img.age\"}}}}",
            "b".repeat(64)
        );
        let text = String::from_utf8(json.clone()).unwrap();
        assert!(text.contains(&format!("\"layers\":[{layer}]")), "{text}");
        assert_eq!(index_of("a", &json).unwrap(), blob("d"));
    }

    #[test]
    fn a_foreign_manifest_is_refused() {
        let with = |media_type: &str, digest: &str| {
            format!(
                r#"{{"schemaVersion":2,"config":{{"mediaType":"{media_type}","digest":"{digest}","size":1}},"layers":[]}}"#
            )
        };
        for (text, why) in [
            ("{}".to_owned(), "it is not the manifest of an image"),
            (
                with("application/vnd.oci.image.config.v1+json", "sha256:a"),
                "it is not a build of etcd-image",
            ),
            (
                with(INDEX, "sha512:a"),
                "its index has a digest of another algorithm than SHA-256",
            ),
            (
                with(INDEX, "sha256:../a"),
                "its index has a digest of another algorithm than SHA-256",
            ),
        ] {
            let refused = index_of("a", text.as_bytes()).unwrap_err();
            assert_eq!(refused.to_string(), format!("reading a: {why}"));
        }
    }
}

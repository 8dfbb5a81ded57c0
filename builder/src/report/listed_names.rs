//! The names of the files that a manifest lists. A manifest may come from elsewhere: it must lead neither out of its own
//! directory nor to a file that no build wrote.

use super::attachment::MAP_ENDING;
use super::manifest::Manifest;
use crate::image_format::ImageFormat;

/// The directory of the operator's files.
const CLIENT: &str = "client/";
/// How the names of files that accompany images end.
const ENDINGS: [&str; 4] = [
    MAP_ENDING,
    ".spdx.json",
    ".rpi-imager-manifest",
    "provenance.json",
];

impl Manifest {
    /// Returns the first name that no build gives to a file of its kind.
    pub(super) fn foreign_name(&self) -> Option<&str> {
        let nodes = || self.nodes.iter();
        let images = nodes().map(|node| &node.image);
        let outputs = nodes().flat_map(|node| &node.outputs).map(|it| &it.name);
        let mut images = images.chain(outputs).map(String::as_str);
        let mut attachments = self.attachments().map(|it| it.name.as_str());
        let mut client = self.client.iter().map(|it| it.name.as_str());
        images
            .find(|name| !is_image(name))
            .or_else(|| attachments.find(|name| !is_attachment(name)))
            .or_else(|| client.find(|name| !is_of_client(name)))
    }
}

fn is_image(name: &str) -> bool {
    is_plain(name) && ImageFormat::split(name).is_some()
}

fn is_attachment(name: &str) -> bool {
    is_plain(name) && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_of_client(name: &str) -> bool {
    name.strip_prefix(CLIENT).is_some_and(is_plain)
}

/// Returns whether a name is that of a visible file in the directory itself.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_no_build_writes_are_foreign() {
        for name in ["etcd1.img", "etcd1.img.xz", "kv.1.img.zst"] {
            assert!(is_image(name), "{name}");
        }
        for name in [
            "../etcd1.img",
            "/etc/passwd",
            "etcd1.iso",
            ".img",
            "a\\b.img",
            "",
        ] {
            assert!(!is_image(name), "{name}");
        }
        for name in [
            "etcd1.bmap",
            "etcd1.spdx.json",
            "etcd-image.rpi-imager-manifest",
            "provenance.json",
        ] {
            assert!(is_attachment(name), "{name}");
        }
        for name in [
            "cluster.toml",
            "..",
            "x/etcd1.bmap",
            "manifest.json",
            "etcd2.img",
        ] {
            assert!(!is_attachment(name), "{name}");
        }
        assert!(is_of_client("client/ca.crt"));
        for name in ["ca.crt", "client/../../x", "client/", "client/a/b"] {
            assert!(!is_of_client(name), "{name}");
        }
    }
}

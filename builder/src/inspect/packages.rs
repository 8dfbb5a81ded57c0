//! The Debian packages of a root file system, as dpkg records them.

use anyhow::{Context as _, Result};

use super::image::Image;
use super::layout::System;

/// The file with dpkg's records.
pub(crate) const STATUS: &str = "/var/lib/dpkg/status";

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DebianPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
}

/// Returns the installed packages of an image, in dpkg's order; none if the image has no root file system or no dpkg.
pub(crate) fn packages(image: &Image) -> Result<Vec<DebianPackage>> {
    let System::Root(_) = image.layout().system else {
        return Ok(Vec::new());
    };
    let text = image.root()?.read_text(STATUS);
    let text = text.with_context(|| format!("reading {STATUS} of the base"))?;
    Ok(installed(&text.unwrap_or_default()))
}

/// Parses dpkg's records of the installed packages, which are separated by empty lines.
pub(crate) fn installed(text: &str) -> Vec<DebianPackage> {
    text.split("\n\n").filter_map(record).collect()
}

fn record(text: &str) -> Option<DebianPackage> {
    let field = |name: &str| {
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
        text.lines().find_map(value)
    };
    let is_installed = field("Status")?.ends_with(" installed");
    is_installed.then_some(DebianPackage {
        name: field("Package")?,
        version: field("Version")?,
        architecture: field("Architecture")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let status = "Package: libstdc++6\nStatus: install ok installed\nArchitecture: arm64\nVersion: 14.2.0-19\n\
            Description: GNU\n Package: no\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\
            Architecture: all\n\n";
        let expected = DebianPackage {
            name: "libstdc++6".to_owned(),
            version: "14.2.0-19".to_owned(),
            architecture: "arm64".to_owned(),
        };
        assert_eq!(installed(status), [expected]);
    }
}

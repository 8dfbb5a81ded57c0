//! The C library version of a base, as recorded by its package manager (deb-status(5)).

use anyhow::{Context as _, Result};
use diskimg::{FileKind, ReadFs};

use super::image::Image;
use super::packages::STATUS;
use crate::recipe::Recipe;

/// Size limit of the status file; a desktop's has a few megabytes.
const STATUS_LIMIT: u64 = 64 << 20;

/// Returns the version of the base's glibc, e.g. `(2, 41)`, from the recipe or else from dpkg; `None` if neither records
/// it.
pub fn glibc(image: &Image, recipe: &Recipe) -> Result<Option<(u32, u32)>> {
    if recipe.glibc.is_some() {
        return Ok(recipe.glibc);
    }
    let root = package_status(&mut *image.root()?).with_context(|| format!("reading {STATUS}"))?;
    Ok(root.as_deref().and_then(installed))
}

fn package_status(root: &mut dyn ReadFs) -> diskimg::Result<Option<String>> {
    match root.metadata(STATUS)? {
        Some(found) if found.kind == FileKind::File && found.size <= STATUS_LIMIT => {
            let text = root.read(STATUS)?;
            Ok(Some(String::from_utf8_lossy(&text).into_owned()))
        }
        _ => Ok(None),
    }
}

/// Returns the version of the package libc6, if it is installed.
fn installed(status: &str) -> Option<(u32, u32)> {
    let mut packages = status.split("\n\n");
    let libc = packages.find(|package| package_field(package, "Package") == Some("libc6"))?;
    package_field(libc, "Status")?
        .ends_with(" installed")
        .then_some(())?;
    let mut numbers = package_field(libc, "Version")?.split(['.', '-', '+', '~']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn package_field<'t>(package: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = package.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(package: &str, state: &str, version: &str) -> String {
        format!(
            "Package: dash\nStatus: install ok installed\nVersion: 0.5\n\n\
             Package: {package}\nStatus: install ok {state}\nVersion: {version}\nDepends: libgcc-s1\n"
        )
    }

    #[test]
    fn the_version_is_that_of_the_installed_library() {
        for (package, state, version, found) in [
            ("libc6", "installed", "2.41-12+rpt1", Some((2, 41))),
            ("libc6", "installed", "2.36-9", Some((2, 36))),
            ("libc6", "config-files", "2.36-9", None),
            ("libc6-dev", "installed", "2.41-12", None),
            ("libc6", "installed", "unknown", None),
        ] {
            assert_eq!(
                installed(&status(package, state, version)),
                found,
                "{version}"
            );
        }
        assert_eq!(installed(""), None);
    }
}

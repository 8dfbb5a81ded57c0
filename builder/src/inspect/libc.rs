//! The C library version of a base, as recorded by its package manager.

use anyhow::Result;

use super::image::Image;
use super::packages::packages;
use crate::recipe::Recipe;

/// Returns the version of the base's glibc, e.g. `(2, 41)`, from the recipe or else from dpkg; `None` if neither records
/// it.
pub fn glibc(image: &Image, recipe: &Recipe) -> Result<Option<(u32, u32)>> {
    if recipe.glibc.is_some() {
        return Ok(recipe.glibc);
    }
    let packages = packages(image)?;
    let libc = packages.iter().find(|package| package.name == "libc6");
    Ok(libc.and_then(|libc| numbers(&libc.version)))
}

/// Returns the first two numbers of the version of a package.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-', '+', '~']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_a_package_begins_with_that_of_the_library() {
        for (version, found) in [
            ("2.41-12+rpt1", Some((2, 41))),
            ("2.36-9", Some((2, 36))),
            ("unknown", None),
        ] {
            assert_eq!(super::numbers(version), found, "{version}");
        }
    }
}

//! The known bases: `recipes/*.toml` as typed data.
//!
//! The files are embedded, so the program works without other files. A directory given with `--recipes` adds to them; a file
//! there replaces the embedded one of the same name.

mod etcd;
mod file;
mod folder;
mod list;
mod model;

pub use etcd::EtcdReleases;
pub use list::RecipeList;
pub use model::{
    BaseSource, BoardWarning, DigestSource, Download, Grade, OptionalSetting, Recipe, Recognize,
    SignedList, TrustedKey,
};

use std::path::Path;

use anyhow::Result;

use crate::failure::Kind;

/// The only file of `recipes/` that is not a base.
const ETCD: &str = "etcd";

/// Returns every known recipe, sorted by name.
pub fn load(dir: Option<&Path>) -> Result<Vec<Recipe>> {
    let keys = folder::keys(dir)?;
    folder::all(dir)?
        .iter()
        .filter(|(name, _)| *name != ETCD)
        .map(|(name, text)| file::parse(name, text, &keys))
        .collect()
}

/// Returns etcd's releases, for builds that download it.
pub fn etcd(dir: Option<&Path>) -> Result<EtcdReleases> {
    let text = folder::all(dir)?.remove(ETCD).unwrap_or_default();
    EtcdReleases::parse(&text)
}

/// Returns the recipe of that name.
pub fn find<'a>(recipes: &'a [Recipe], name: &str) -> Result<&'a Recipe> {
    let found = recipes.iter().find(|recipe| recipe.name == name);
    found.ok_or_else(|| {
        Kind::Usage.error(
            format!("there is no base `{name}`"),
            suggestion(recipes, name),
        )
    })
}

/// Returns whether `text` is a digest as `sha256sum` writes it: 64 lower-case hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn suggestion(recipes: &[Recipe], name: &str) -> String {
    let nearest = recipes
        .iter()
        .map(|recipe| {
            (
                strsim::damerau_levenshtein(&recipe.name, name),
                &recipe.name,
            )
        })
        .min();
    let all: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    // A part of a name says more than its letters do.
    let has_parts = |full: &&&str| {
        name.split('-')
            .all(|part| full.split('-').any(|it| it == part))
    };
    let mut containing = all.iter().filter(has_parts);
    if let (Some(only), None) = (containing.next(), containing.next()) {
        return format!("did you mean `{only}`?");
    }
    match nearest {
        Some((distance, nearest)) if distance <= nearest.len() / 2 => {
            format!("did you mean `{nearest}`?")
        }
        _ => format!(
            "known bases: {}; or give the path of an image",
            all.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;

//! Finds the recipe of an image by its content, never by its file name.

use anyhow::Result;
use diskimg::ReadFs;

use super::image::Image;
use super::layout::System;
use crate::failure::Kind;
use crate::recipe::{Recipe, Recognize};

/// Returns the first recipe that describes the image.
pub fn recognize<'r>(image: &Image, recipes: &'r [Recipe]) -> Result<&'r Recipe> {
    for recipe in recipes {
        if matches(image, &recipe.recognize)? {
            return Ok(recipe);
        }
    }
    let os = &image.layout().os;
    Err(Kind::Unsupported.error(format!(
            "the image is {} (`{}`, version `{}`), which no recipe describes",
            os.pretty_name, os.id, os.version
        ),
        "use a base that `etcd-image recipes` lists, or describe this one in a recipe of your own (`--recipes`)",
    ))
}

/// Refuses an image that does not match the recipe.
pub fn check_recipe(image: &Image, recipe: &Recipe) -> Result<()> {
    let layout = image.layout();
    if !matches(image, &recipe.recognize)? {
        return Err(Kind::Corrupt.error(
            format!(
                "recipe `{}` yielded {}, expected `{}`, version `{}`",
                recipe.name, layout.os.pretty_name, recipe.recognize.id, recipe.recognize.version
            ),
            "correct the `[recognize]` of the recipe, or the address of its image",
        ));
    }
    match &recipe.boot_label {
        Some(label) if *label != layout.boot.label => Err(Kind::Unsupported.error(format!(
                "the boot partition is called `{}`, not `{label}`, by which the first boot finds it",
                layout.boot.label
            ),
            format!("use the image that is published for {}", recipe.title),
        )),
        _ => Ok(()),
    }
}

fn matches(image: &Image, recognize: &Recognize) -> Result<bool> {
    let layout = image.layout();
    if layout.os.id != recognize.id || layout.os.version != recognize.version {
        return Ok(false);
    }
    if recognize.present.is_empty() && recognize.absent.is_empty() {
        return Ok(true);
    }
    match layout.system {
        System::Root(_) => has_marks(&mut *image.root()?, recognize),
        System::Writable(_) | System::Seed(_) => Ok(false),
    }
}

fn has_marks(root: &mut dyn ReadFs, recognize: &Recognize) -> Result<bool> {
    for (paths, wanted) in [(&recognize.present, true), (&recognize.absent, false)] {
        for path in paths {
            if root.metadata(path)?.is_some() != wanted {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

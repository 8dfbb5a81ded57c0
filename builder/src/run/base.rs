//! The base of a run: verified, opened, and with the recipe that fits it.

use anyhow::Result;

use crate::description::BaseFacts;
use crate::fetch::Verified;
use crate::inspect::{self, Image, SignedModels};
use crate::lock::LockedBase;
use crate::recipe::Recipe;
use crate::refusals::Refusals;
use crate::report::InputRecord;

/// A base that was verified and opened, with the recipe that fits it.
#[derive(Debug)]
pub(crate) struct OpenedBase {
    pub(crate) recipe: Recipe,
    pub(crate) verified: Verified,
    pub(crate) image: Image,
    /// The record for the lock file.
    pub(crate) locked: LockedBase,
    /// The reasons against building from it, which are reported together with those of later stages.
    pub(crate) refusals: Refusals,
}

/// Opens a base, which should be as it was published, and finds its recipe: the requested one, or the first one that matches
/// its content. Also returns the reasons not to build from it.
pub(crate) fn open(
    verified: &Verified,
    wanted: Option<&Recipe>,
    recipes: &[Recipe],
    signed: SignedModels,
) -> Result<(Recipe, Image, Refusals)> {
    let (image, mut refusals) = Image::open_base(verified.file())?;
    // A base that is refused anyway needs no advice about `--core-signed-cmdline`.
    if signed == SignedModels::Refused || refusals.is_empty() {
        refusals.check(image.check_grade(signed))?;
    }
    let recipe = match wanted {
        Some(recipe) => recipe,
        None => match inspect::recognize(&image, recipes) {
            Ok(recipe) => recipe,
            Err(error) => {
                // A system that must not be used needs no recipe.
                refusals.settle()?;
                return Err(error);
            }
        },
    };
    refusals.check(inspect::check_recipe(&image, recipe))?;
    Ok((recipe.clone(), image, refusals))
}

impl OpenedBase {
    /// Returns the record for a node's description.
    pub(crate) fn facts(&self) -> BaseFacts {
        let release = &self.image.layout().os.pretty_name;
        BaseFacts::new(&self.recipe.name, release, self.verified.raw_sha256())
    }

    /// Returns the record for the manifest.
    pub(crate) fn record(&self) -> InputRecord {
        let system = &self.image.layout().os.pretty_name;
        let name = format!("{} ({system})", self.recipe.name);
        let verified = &self.verified;
        InputRecord::new(name, verified.source(), verified.raw_sha256())
    }
}

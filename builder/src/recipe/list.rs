//! The output of `etcd-image recipes`.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use super::model::{BaseSource, DigestSource, Grade, Recipe};

/// The known bases, for printing.
#[derive(Debug)]
pub struct RecipeList(pub Vec<Recipe>);

#[derive(Serialize)]
struct RecipesJson<'a> {
    format: u32,
    recipes: Vec<RecipeRow<'a>>,
}

#[derive(Serialize)]
struct RecipeRow<'a> {
    name: &'a str,
    title: &'a str,
    release: &'a str,
    route: &'a str,
    /// The grade of its model; Ubuntu Core only.
    grade: Option<Grade>,
    url: Option<&'a str>,
    sha256: Option<&'a str>,
    /// The fingerprint of the key that signs the list of digests.
    signed_by: Option<&'a str>,
    raw_sha256: Option<&'a str>,
}

impl<'a> RecipeRow<'a> {
    fn new(recipe: &'a Recipe) -> Self {
        let download = match &recipe.source {
            BaseSource::Download(download) => Some(download),
            BaseSource::Debian => None,
        };
        Self {
            name: &recipe.name,
            title: &recipe.title,
            release: &recipe.release,
            route: &recipe.provisioned_by,
            grade: recipe.grade,
            url: download.map(|d| d.url.as_str()),
            sha256: match download.map(|d| &d.digest_source) {
                Some(DigestSource::Sha256(sha256)) => Some(sha256),
                _ => None,
            },
            signed_by: match download.map(|d| &d.digest_source) {
                Some(DigestSource::Signed(signed)) => Some(&signed.signer.fingerprint),
                _ => None,
            },
            raw_sha256: download.and_then(|d| d.raw_sha256.as_deref()),
        }
    }
}

impl Serialize for RecipeList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recipes = self.0.iter().map(RecipeRow::new).collect();
        RecipesJson { format: 1, recipes }.serialize(serializer)
    }
}

impl Display for RecipeList {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for row in self.0.iter().map(RecipeRow::new) {
            writeln!(f, "{:<20} {}, {}", row.name, row.title, row.release)?;
            writeln!(
                f,
                "{:<20} {}",
                "",
                row.url.unwrap_or("made on this machine by mmdebstrap")
            )?;
            writeln!(f, "{:<20} provisioned by {}", "", row.route)?;
            if let Some(grade) = row.grade {
                writeln!(f, "{:<20} grade {}", "", grade.name())?;
            }
            if let Some(sha256) = row.sha256 {
                writeln!(f, "{:<20} sha256 {sha256}", "")?;
            }
            if let Some(fingerprint) = row.signed_by {
                writeln!(f, "{:<20} signed by {fingerprint}", "")?;
            }
        }
        Ok(())
    }
}

//! `[cluster]`: the name, the domain, the base and the token.

use std::path::Path;

use super::cluster::BaseChoice;
use super::complaints::{Complaints, Place, Placed};
use super::input::Input;
use super::names;
use super::table::Table;

/// The values of `[cluster]`.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) base: BaseChoice,
    pub(super) token: Option<String>,
}

/// The longest cluster name: with " etcd CA" it becomes a common name of at most 64 characters.
const NAME_LENGTH: usize = 64 - " etcd CA".len();

/// The longest domain: a full name of at most 253 characters has up to 63 for the node, a dot and the domain.
const DOMAIN_LENGTH: usize = 253 - 64;

pub(super) fn read(table: &Table, input: &Input, log: &mut Complaints) -> Identity {
    Identity {
        name: table.text("name").value.to_owned(),
        domain: table.text("domain").value.to_owned(),
        token: table.owned("token"),
        base: choose_base(table.text("base"), input, log),
    }
}

pub(super) fn cluster_name(name: &str) -> Result<(), String> {
    if name.len() > NAME_LENGTH {
        return Err(format!(
            "the cluster name is longer than {NAME_LENGTH} characters"
        ));
    }
    names::host_label(name).map_err(|_| {
        format!("`{name}` is not a cluster name: use lower-case letters, digits and `-`")
    })
}

/// Checks the domain of the nodes, which may have none.
pub(super) fn domain_or_none(domain: &str) -> Result<(), String> {
    match domain {
        "" => Ok(()),
        domain => domain_name(domain),
    }
}

pub(super) fn domain_name(domain: &str) -> Result<(), String> {
    if domain.starts_with('.') {
        return Err(format!(
            "`{domain}`: write the domain without the leading dot"
        ));
    }
    if domain.ends_with('.') {
        return Err(format!(
            "`{domain}`: write the domain without the dot at its end"
        ));
    }
    if domain.len() > DOMAIN_LENGTH {
        return Err(format!(
            "the domain is longer than {DOMAIN_LENGTH} characters"
        ));
    }
    names::dns_name(domain)
}

pub(super) fn token(token: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=128).contains(&token.len()) && token.chars().all(allowed) {
        return Ok(());
    }
    Err("`token` must have 1 to 128 letters, digits, `.`, `_` or `-`".to_owned())
}

/// Chooses the base. A flag is relative to the working directory, a value in the file to the directory of the file.
fn choose_base(written: Placed<&str>, input: &Input, log: &mut Complaints) -> BaseChoice {
    let (place, text, folder) = match &input.flags.base {
        Some(flag) => (Place::Option("--base"), flag.as_str(), Path::new("")),
        None => (written.place, written.value, config_folder(input)),
    };
    let recipe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if is_path(text) {
        return BaseChoice::Image(folder.join(text));
    }
    if text.is_empty() || !text.chars().all(recipe) {
        let message = format!(
            "`{text}` is neither a recipe, as `etcd-image recipes` lists them, nor an image; write ./{text} for a file"
        );
        log.add(place, message);
    }
    BaseChoice::Recipe(text.to_owned())
}

/// Returns the directory that paths in the configuration file are relative to.
pub(super) fn config_folder(input: &Input) -> &Path {
    input
        .config
        .as_ref()
        .and_then(|config| config.path.parent())
        .unwrap_or(Path::new(""))
}

/// The extensions of images and of what they come in, also those that are refused by name later.
const IMAGES: &str =
    "img xz zst gz bz2 zip 7z bin iso lz4 lzma qcow2 rar raw tar tgz txz vdi vhd vhdx vmdk";

/// Returns whether a base is a path rather than a recipe: it contains a separator or has the extension of an image.
fn is_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let extension = lower.rsplit_once('.').map(|(_, extension)| extension);
    let is_image = |it: &str| IMAGES.split(' ').any(|known| known == it);
    text.contains(['/', '\\']) || extension.is_some_and(is_image)
}

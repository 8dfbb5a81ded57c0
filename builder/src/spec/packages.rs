//! `[packages]`: Debian packages of a base that is made on this machine.

use super::cluster::BaseChoice;
use super::complaints::Complaints;
use super::table::Table;

/// Checks a name as Debian's policy has it (section 5.6.7).
pub(super) fn name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    match text.len() >= 2 && begins && text.chars().all(allowed) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not the name of a Debian package; versions and options are not supported"
        )),
    }
}

/// Returns the packages to install, sorted.
pub(super) fn read(table: &Table, base: &BaseChoice, log: &mut Complaints) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in table.texts("install") {
        if names.iter().any(|known| known == name.value) {
            log.add(name.place, format!("`{}` is listed twice", name.value));
        }
        names.push(name.value.to_owned());
    }
    if let (BaseChoice::Image(_), false) = (base, names.is_empty()) {
        let message = "an image of your own is used as it is; packages are installed only where the base is made, as `debian-trixie`";
        log.add(table.place_of("install"), message);
    }
    names.sort();
    names
}

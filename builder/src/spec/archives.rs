//! `[[archive]]`: archives that are unpacked into the nodes.

use super::complaints::Complaints;
use super::files::{self, Surroundings};
use super::identity;
use super::machine::{Archive, ArchiveSource};
use super::table::Table;

/// Reads the tables.
pub(super) fn read(
    tables: &[&Table],
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Vec<Archive> {
    let read = |table: &&Table| read_archive(table, surroundings, log);
    tables.iter().filter_map(read).collect()
}

fn read_archive(
    table: &Table,
    surroundings: &Surroundings<'_>,
    log: &mut Complaints,
) -> Option<Archive> {
    let node = table
        .optional("node")
        .map(|node| files::known_node(node, surroundings.nodes, log));
    let sha256 = table
        .optional("sha256")
        .map(|digest| digits(digest.value).to_lowercase());
    let (source, path) = (table.optional("source")?, table.optional("path")?);
    files::refuse_ours(path.value, path.place, surroundings, log);
    let source = match (source.value.starts_with("https://"), &sha256) {
        (true, None) => {
            let message = "an archive from the network needs `sha256`: without it, nothing shows that the right one came";
            log.add(source.place, message);
            return None;
        }
        (true, Some(_)) => ArchiveSource::Url(source.value.to_owned()),
        (false, _) => {
            ArchiveSource::Path(identity::config_folder(surroundings.input).join(source.value))
        }
    };
    Some(Archive {
        source,
        sha256,
        path: path.value.to_owned(),
        strip: table.integer("strip").value,
        owner: table.text("owner").value.to_owned(),
        node,
        origin: log.located(path.place),
    })
}

/// Checks a source: a path, or an address with TLS.
pub(super) fn source(text: &str) -> Result<(), String> {
    match text.split_once("://") {
        None | Some(("https", _)) => Ok(()),
        Some(_) => Err(format!(
            "`{text}` is neither a path nor an address that begins with https://"
        )),
    }
}

/// Checks a SHA-256 in hexadecimal.
pub(super) fn sha256(text: &str) -> Result<(), String> {
    let digits = digits(text);
    match digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not a SHA-256: it has 64 hexadecimal digits"
        )),
    }
}

/// Returns the digits of a digest, which release pages show after the name of the method.
fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_may_have_the_name_of_its_method() {
        let plain = "ab".repeat(32);
        for good in [plain.clone(), format!("sha256:{plain}")] {
            assert_eq!(sha256(&good), Ok(()));
            assert_eq!(digits(&good), plain);
        }
        for bad in [plain[1..].to_owned(), format!("sha512:{plain}")] {
            let wanted = format!("`{bad}` is not a SHA-256: it has 64 hexadecimal digits");
            assert_eq!(sha256(&bad), Err(wanted));
        }
    }
}

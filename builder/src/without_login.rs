//! Removes logins from addresses before they are written to files that others read.

/// Returns a text without the name and the password of a user in each of its addresses. Anything else stays as it is.
///
/// White space ends an address: a mirror may be several lines of sources.list(5).
pub(crate) fn without_login(source: &str) -> String {
    let words = source.split_inclusive(char::is_whitespace);
    words.map(word_without_login).collect()
}

fn word_without_login(word: &str) -> String {
    let parts = word.split_once("://").and_then(|(scheme, rest)| {
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, _) = host.rsplit_once('@')?;
        Some((scheme, &rest[login.len() + 1..]))
    });
    parts.map_or_else(
        || word.to_owned(),
        |(scheme, rest)| format!("{scheme}://{rest}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_every_line_has_no_login() {
        let lines = "deb [arch=arm64] http://ada:a@b@a.org/debian trixie main\n\
                     deb\thttps://token@b.org trixie-updates main # ada@a.org\n";
        let recorded = "deb [arch=arm64] http://a.org/debian trixie main\n\
                        deb\thttps://b.org trixie-updates main # ada@a.org\n";
        assert_eq!(without_login(lines), recorded);
        let two = "http://ada:x@a.org/debian http://eve:y@b.org";
        assert_eq!(without_login(two), "http://a.org/debian http://b.org");
    }
}

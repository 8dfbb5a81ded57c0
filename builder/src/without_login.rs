//! Removes logins from addresses before they are written to files that others read.

/// Returns an address without the name and the password of a user in it. Anything else stays as it is.
pub(crate) fn without_login(source: &str) -> String {
    let parts = source.split_once("://").and_then(|(scheme, rest)| {
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, _) = host.rsplit_once('@')?;
        Some((scheme, &rest[login.len() + 1..]))
    });
    parts.map_or_else(
        || source.to_owned(),
        |(scheme, rest)| format!("{scheme}://{rest}"),
    )
}

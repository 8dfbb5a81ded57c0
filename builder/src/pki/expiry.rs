//! Until when the certificates of a cluster are valid.

use super::certs::Certs;

/// The end of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Which one: `ca`, `admin`, `etcd1 server`, `etcd1 peer` …
    pub name: String,
    /// Seconds since 1970 until which it is valid.
    pub not_after: i64,
    /// Whole days from `now` until then; negative once it has expired.
    pub days_left: i64,
}

/// Every certificate, the first to expire first.
pub fn expiry_report(certs: &Certs, now: i64) -> Vec<Expiry> {
    let expiry = |name: String, not_after: i64| Expiry {
        name,
        not_after,
        days_left: not_after.saturating_sub(now).div_euclid(86_400),
    };
    let mut all = vec![
        expiry("ca".to_owned(), certs.ca.not_after),
        expiry("admin".to_owned(), certs.admin.certificate.not_after),
    ];
    for (name, node) in &certs.nodes {
        all.push(expiry(
            format!("{name} server"),
            node.server.certificate.not_after,
        ));
        all.push(expiry(
            format!("{name} peer"),
            node.peer.certificate.not_after,
        ));
    }
    all.sort_by_key(|expiry| expiry.not_after);
    all
}

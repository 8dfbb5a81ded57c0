//! The certificates that members present.

use super::report::CertificateReport;
use crate::pki;

const DAY: i64 = 86_400;

/// Reads a presented certificate in DER form; `None` if it is not one.
pub(super) fn report(der: &[u8], now: i64) -> Option<CertificateReport> {
    let not_after = pki::end_of_validity(der)?;
    Some(CertificateReport {
        not_after,
        days_left: not_after.saturating_sub(now).div_euclid(DAY),
    })
}

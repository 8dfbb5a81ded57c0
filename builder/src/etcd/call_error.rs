//! The errors of calls: why a member does not answer as expected.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error as TlsError};

use crate::date::date;

/// The words of an error about a certificate that is not valid at this machine's time.
const UNTIMELY: &str = "and the clock of this machine says";

/// Why a call has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No service listens yet, or the answer takes too long.
    Silent(String),
    /// One side does not accept the other's certificate; waiting does not help.
    Tls(String),
    /// etcd answers with an error.
    Answer(String),
}

impl CallError {
    /// Returns the error of a connection, described by its innermost cause, because the outer ones only repeat the address.
    pub(super) fn connection(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(cause) = inner(innermost) {
            innermost = cause;
        }
        let untimely = innermost.downcast_ref().and_then(untimely);
        untimely.unwrap_or_else(|| classify(innermost.to_string()))
    }

    /// Returns whether the other side's certificate is not valid at this machine's time: one of the two clocks may be wrong.
    pub fn is_untimely(&self) -> bool {
        matches!(self, Self::Tls(reason) if reason.contains(UNTIMELY))
    }

    /// Returns the error of an answer that did not come within a time limit.
    pub(super) fn late(limit: Duration) -> Self {
        Self::Silent(format!("no answer within {} s", limit.as_secs_f32()))
    }
}

/// Returns the cause of an error. An I/O error that wraps another error names the cause of that one as its own.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<std::io::Error>();
    match wrapped.and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// Returns the error of a certificate that is not valid at this machine's time.
fn untimely(error: &TlsError) -> Option<CallError> {
    let TlsError::InvalidCertificate(reason) = error else {
        return None;
    };
    let day = |time: &UnixTime| date(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let (state, limit, time) = match reason {
        CertificateError::ExpiredContext { time, not_after } => ("expired on", not_after, time),
        CertificateError::NotValidYetContext { time, not_before } => {
            ("not valid yet, before", not_before, time)
        }
        _ => return None,
    };
    Some(CallError::Tls(format!(
        "certificate {state} {}, {UNTIMELY} {}",
        day(limit),
        day(time)
    )))
}

/// Distinguishes a rejected certificate from silence, by the words of rustls.
fn classify(reason: String) -> CallError {
    let words = ["invalid peer certificate", "received fatal alert"];
    match words.iter().any(|words| reason.contains(words)) {
        true => CallError::Tls(reason),
        false => CallError::Silent(reason),
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(reason) => f.write_str(reason),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
            Self::Answer(reason) => write!(f, "etcd says: {reason}"),
        }
    }
}

impl Error for CallError {}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn rejected_certificates_differ_from_silence() {
        for reason in [
            "invalid peer certificate: UnknownIssuer",
            "received fatal alert: BadCertificate",
        ] {
            assert_eq!(
                classify(reason.to_owned()),
                CallError::Tls(reason.to_owned())
            );
        }
        let silent = "Connection refused (os error 111)";
        assert_eq!(
            classify(silent.to_owned()),
            CallError::Silent(silent.to_owned())
        );
    }

    #[test]
    fn a_certificate_of_another_time_is_described_with_both_dates() {
        let day = |days: u64| UnixTime::since_unix_epoch(Duration::from_hours(24 * days));
        let cases = [
            (
                CertificateError::ExpiredContext {
                    time: day(2),
                    not_after: day(1),
                },
                "certificate expired on 1970-01-02, and the clock of this machine says 1970-01-03",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: day(1),
                    not_before: day(366),
                },
                "certificate not valid yet, before 1971-01-02, and the clock of this machine says 1970-01-02",
            ),
        ];
        for (reason, wanted) in cases {
            let error = io::Error::other(TlsError::InvalidCertificate(reason));
            let wanted = CallError::Tls(wanted.to_owned());
            assert_eq!(CallError::connection(&error), wanted);
            assert!(wanted.is_untimely());
        }
    }

    #[test]
    fn the_innermost_cause_is_reported() {
        let cause = io::Error::other("received fatal alert: UnknownCA");
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, cause));
        let wanted = CallError::Tls("received fatal alert: UnknownCA".to_owned());
        assert_eq!(CallError::connection(&error), wanted);
    }
}

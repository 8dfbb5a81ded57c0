//! The operator's certificates.

use std::path::Path;

use crate::date::{self, date};
use crate::pki;

/// The days from which on an end is a warning.
pub(super) const FEW_DAYS: i64 = 60;

/// The certificates without which no command reaches a member, and the commands that replace them.
const OWN: [(&str, &str); 2] = [("admin.crt", "renew"), ("ca.crt", "rotate-ca")];

/// Reports the certificates in a state directory, or in the directory `client` beside the images, that end soon.
pub(super) fn ending(folder: &Path, now: i64) -> Vec<String> {
    let warning = |(name, command): (&str, &str)| {
        let path = folder.join(name);
        let pem = fs_err::read_to_string(&path).ok()?;
        let end = pki::certificate(&pem).ok()?.not_after;
        let is_near = date::days_left(end, now) < FEW_DAYS;
        is_near.then(|| {
            format!(
                "{} ends on {}; `etcd-image cluster {command}` replaces the one in the state directory",
                path.display(),
                date(end)
            )
        })
    };
    OWN.into_iter().filter_map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::DAY;

    /// A certificate until 2027-03-09, by openssl.
    const PEM: &str = "\
-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUfUyjND2f5N/Dhc+rpOpehOVkmcEwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYWRtaW4wHhcNMjYxMTI5MDA0OTA4WhcNMjcwMzA5MDA0OTA4
WjAQMQ4wDAYDVQQDDAVhZG1pbjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO4V
YSkznyQaSzk7JMewhR0xjrVY5OvGLZvMEKYIle/zPPKKGybgS9dWry+D/ocsHrqd
rzo/IDPUoB8MzZkYAaWjUzBRMB0GA1UdDgQWBBRRJheWME4gEWXYOmm1Ch4bQTmP
aTAfBgNVHSMEGDAWgBRRJheWME4gEWXYOmm1Ch4bQTmPaTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIAv4qp2+m7SnVt+DLbYkfsVe4/C6koBWWYOt
eh2neE6uAiEAs/wOqo/RPEP2867qwNxJqfoc6s5GBGoU5Qt0l321kUc=
-----END CERTIFICATE-----
";
    const END: i64 = 1_804_553_348;

    #[test]
    fn certificates_of_the_operator_that_end_soon_are_named_with_what_replaces_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(ending(folder.path(), END), [""; 0]);
        for name in ["admin.crt", "ca.crt"] {
            fs_err::write(at(name), PEM).unwrap();
        }
        assert_eq!(ending(folder.path(), END - FEW_DAYS * DAY), [""; 0]);
        let wanted = [("admin.crt", "renew"), ("ca.crt", "rotate-ca")].map(|(name, command)| {
            format!(
                "{} ends on 2027-03-09; `etcd-image cluster {command}` replaces the one in the state directory",
                at(name).display()
            )
        });
        assert_eq!(ending(folder.path(), END - FEW_DAYS * DAY + 1), wanted);
    }
}

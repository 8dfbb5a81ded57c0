//! The name of the issuer in a certificate: it must be, byte for byte, the subject of the CA's certificate.
//!
//! The library that writes certificates encodes names again: a name with two units, several values in one part or another
//! string type would change, and no client would find the CA. Structures are those of RFC 5280, section 4.1.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

pub(super) const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// Returns the certificate with this issuer, encoded, and signed again by `sign`; `None` if it is not a certificate.
pub(super) fn with_issuer<E>(
    certificate: &[u8],
    issuer: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Option<Result<Vec<u8>, E>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let (signed, old) = (parsed.tbs_certificate.as_ref(), parsed.issuer().as_raw());
    let fields = content(signed)?;
    let at = fields.windows(old.len()).position(|part| part == old)?;
    let (before, after) = (fields.get(..at)?, fields.get(at + old.len()..)?);
    let signed_part = element(SEQUENCE, &[before, issuer, after].concat());
    let rest = content(certificate)?.get(signed.len()..)?;
    let algorithm = rest.get(..2 + usize::from(*rest.get(1)?))?;
    let with_signature = |signature: Vec<u8>| {
        let signature = element(BIT_STRING, &[&[0], signature.as_slice()].concat());
        element(
            SEQUENCE,
            &[&signed_part, algorithm, signature.as_slice()].concat(),
        )
    };
    Some(sign(&signed_part).map(with_signature))
}

/// Returns the content of an element.
fn content(element: &[u8]) -> Option<&[u8]> {
    match usize::from(*element.get(1)?) {
        short @ 0..0x80 => element.get(2..2 + short),
        long => element.get(2 + (long & 0x7f)..),
    }
}

/// Returns an element with this content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0).copied();
    let significant: Vec<u8> = significant.collect();
    let mut bytes = vec![tag];
    match (content.len(), u8::try_from(significant.len())) {
        (0..0x80, _) => bytes.extend(content.len().to_le_bytes().first()),
        (_, Ok(count)) => {
            bytes.push(0x80 | count);
            bytes.extend(significant);
        }
        (_, Err(_)) => {}
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_any_length_are_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = vec![7; length];
            let element = element(SEQUENCE, &bytes);
            assert_eq!(content(&element), Some(bytes.as_slice()), "{length}");
        }
    }
}

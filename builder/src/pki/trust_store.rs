//! The names under which OpenSSL finds a CA in a directory of trusted certificates.
//!
//! The name is a digest of the subject in a canonical form, as openssl's `x509_name_canon` (`crypto/x509/x_name.c`) makes it:
//! texts in UTF-8, in lower case, without blanks around them and with single blanks inside.

use sha1::{Digest as _, Sha1};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName};

use super::issuer_name::{SEQUENCE, element};
use super::x509::CertificateFacts;

const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;

/// A certificate for a directory of trusted ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedCertificate {
    /// The certificate as PEM.
    pub pem: String,
    /// The eight hexadecimal digits by which OpenSSL finds it: `openssl x509 -subject_hash`.
    pub subject_hash: String,
}

impl TrustedCertificate {
    /// Returns the entry of a certificate.
    pub(super) fn new(facts: &CertificateFacts) -> Option<Self> {
        Some(Self {
            pem: facts.certificate.pem.clone(),
            subject_hash: subject_hash(&facts.der)?,
        })
    }
}

fn subject_hash(der: &[u8]) -> Option<String> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    let names: Vec<u8> = x509.subject().iter_rdn().flat_map(canonical).collect();
    let digest = Sha1::digest(names);
    let first = digest.first_chunk::<4>()?;
    Some(format!("{:08x}", u32::from_le_bytes(*first)))
}

/// Returns one part of a name, whose fields are sorted as in every DER set.
fn canonical(part: &RelativeDistinguishedName<'_>) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = part.iter().map(canonical_field).collect();
    fields.sort();
    element(SET, &fields.concat())
}

fn canonical_field(field: &AttributeTypeAndValue<'_>) -> Vec<u8> {
    let id = element(OBJECT_IDENTIFIER, field.attr_type().as_bytes());
    let value = field.attr_value();
    let value = match decoded_text(value.tag().0, value.data) {
        Some(text) => element(UTF8_STRING, folded(&text).as_bytes()),
        None => element(u8::try_from(value.tag().0).unwrap_or_default(), value.data),
    };
    element(SEQUENCE, &[id, value].concat())
}

/// Decodes the string types that OpenSSL folds (`ASN1_MASK_CANON`).
fn decoded_text(tag: u32, bytes: &[u8]) -> Option<String> {
    let latin = || bytes.iter().copied().map(char::from).collect();
    match tag {
        0x0c => Some(String::from_utf8_lossy(bytes).into_owned()),
        // PrintableString, T61String, IA5String, VisibleString
        0x13 | 0x14 | 0x16 | 0x1a => Some(latin()),
        // UniversalString
        0x1c => bytes
            .chunks(4)
            .map(|unit| char::from_u32(u32::from_be_bytes(unit.try_into().ok()?)))
            .collect(),
        // BMPString
        0x1e => bytes
            .chunks(2)
            .map(|unit| char::from_u32(u16::from_be_bytes(unit.try_into().ok()?).into()))
            .collect(),
        _ => None,
    }
}

/// Returns the text in lower case (ASCII only), with each run of white space as one blank and none around it.
fn folded(text: &str) -> String {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let words: Vec<_> = text
        .split(is_space)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").to_ascii_lowercase()
}

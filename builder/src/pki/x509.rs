//! Reads the content of a certificate from its PEM, with a parser independent of the library that wrote it.

use pkcs8::LineEnding;
use pkcs8::der::pem::encode_string;
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::ALL_VERIFICATION_ALGS;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use super::certs::Certificate;
use super::subject::{self, Fields};
use crate::hex;
use crate::spec::KeyKind;

/// The contents that decide whether a certificate can be used again.
pub(super) struct CertificateFacts {
    /// The facts that later steps use.
    pub(super) certificate: Certificate,
    /// The certificate in DER form.
    pub(super) der: Vec<u8>,
    /// The fields of the subject.
    pub(super) subject_fields: Fields,
    /// The whole subject, encoded.
    pub(super) subject: Vec<u8>,
    /// The subject as text for messages.
    pub(super) subject_text: String,
    /// The whole issuer, encoded.
    pub(super) issuer: Vec<u8>,
    /// How many CAs may be between this CA and a certificate, if that is limited.
    pub(super) path_length: Option<u32>,
    /// The subject key identifier, if it has one.
    pub(super) key_id: Option<Vec<u8>>,
    /// The public key, in the same form as in the key pair.
    pub(super) public_key: Vec<u8>,
    /// The kind of the key, if it is supported.
    pub(super) key_kind: Option<KeyKind>,
    /// The extended key usages.
    pub(super) usage: Usage,
    /// Whether it may sign certificates.
    pub(super) is_authority: bool,
}

impl CertificateFacts {
    /// Returns the common name, or an empty text.
    pub(super) fn common_name(&self) -> &str {
        subject::common_name(&self.subject_fields)
    }
}

/// The extended key usages of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) server: bool,
    pub(super) client: bool,
    pub(super) other: bool,
}

/// Reads a PEM text that holds exactly one certificate.
pub(super) fn read(pem: &str) -> Result<CertificateFacts, &'static str> {
    let mut all = read_all(pem)?;
    match (all.pop(), all.is_empty()) {
        (Some(mut facts), true) => {
            pem.clone_into(&mut facts.certificate.pem);
            Ok(facts)
        }
        _ => Err("contains more than one certificate"),
    }
}

/// Reads a PEM text that holds one or more certificates.
pub(super) fn read_all(pem: &str) -> Result<Vec<CertificateFacts>, &'static str> {
    let blocks: Result<Vec<Pem>, _> = Pem::iter_from_buffer(pem.as_bytes()).collect();
    let blocks = blocks.map_err(|_| "is not a PEM file")?;
    if blocks.is_empty() {
        return Err("is not a PEM file");
    }
    let read = |block: &Pem| {
        let x509 = block
            .parse_x509()
            .map_err(|_| "contains no X.509 certificate")?;
        if block.label != "CERTIFICATE" {
            return Err("contains no X.509 certificate");
        }
        let pem = to_pem(&block.contents);
        facts(&pem, &block.contents, &x509).ok_or("has extensions that cannot be read")
    };
    blocks.iter().map(read).collect()
}

/// Returns whether `leaf` names `authority` as its issuer and carries its signature.
pub(super) fn is_signed_by(leaf: &CertificateFacts, authority: &CertificateFacts) -> bool {
    let Ok((_, leaf)) = X509Certificate::from_der(&leaf.der) else {
        return false;
    };
    let Ok((_, authority)) = X509Certificate::from_der(&authority.der) else {
        return false;
    };
    let key = &authority.public_key().subject_public_key.data;
    let (signed, signature) = (leaf.tbs_certificate.as_ref(), &leaf.signature_value.data);
    leaf.issuer().as_raw() == authority.subject().as_raw() && is_signature(key, signed, signature)
}

/// Returns whether the signature of a root shows that the certificate was changed. A signature in an algorithm that clients no
/// longer accept, such as SHA-1, shows nothing.
pub(super) fn is_changed_root(root: &CertificateFacts) -> bool {
    // RSA and ECDSA with SHA-256 and SHA-384, RSA with SHA-512, Ed25519: RFC 4055, RFC 5758, RFC 8410.
    const CHECKED: [&str; 6] = [
        "1.2.840.113549.1.1.11",
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.2",
        "1.2.840.10045.4.3.3",
        "1.3.101.112",
    ];
    let Ok((_, x509)) = X509Certificate::from_der(&root.der) else {
        return true;
    };
    let algorithm = &x509.signature_algorithm;
    let is_checked = CHECKED.contains(&algorithm.algorithm.to_id_string().as_str());
    *algorithm != x509.tbs_certificate.signature || (is_checked && !is_signed_by(root, root))
}

/// Returns whether the signature is that of a key in any algorithm that clients accept.
fn is_signature(public_key: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    let holds = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        let checked = algorithm.verify_signature(public_key, signed, signature);
        checked.is_ok()
    };
    ALL_VERIFICATION_ALGS.iter().any(holds)
}

/// Returns when the validity of a certificate in DER form ends, in seconds since 1970; `None` if it is not a certificate.
pub(crate) fn end_of_validity(der: &[u8]) -> Option<i64> {
    let (_, x509) = X509Certificate::from_der(der).ok()?;
    Some(x509.validity().not_after.timestamp())
}

fn facts(pem: &str, der: &[u8], x509: &X509Certificate<'_>) -> Option<CertificateFacts> {
    let key = x509.public_key();
    Some(CertificateFacts {
        certificate: Certificate {
            pem: pem.to_owned(),
            fingerprint: hex::sha256(der),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            sans: alternative_names(x509)?,
        },
        der: der.to_vec(),
        subject_fields: subject::found(x509.subject()),
        subject: x509.subject().as_raw().to_vec(),
        subject_text: x509.subject().to_string(),
        issuer: x509.issuer().as_raw().to_vec(),
        path_length: x509
            .basic_constraints()
            .ok()?
            .and_then(|extension| extension.value.path_len_constraint),
        key_id: key_id(x509),
        public_key: key.subject_public_key.data.to_vec(),
        key_kind: key.parsed().ok().and_then(|key| key_kind(&key)),
        usage: usage(x509)?,
        is_authority: is_authority(x509)?,
    })
}

fn key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
    let ids = x509.iter_extensions();
    let mut ids = ids.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    });
    ids.next()
}

/// Returns the certificate as PEM (RFC 7468).
pub(super) fn to_pem(der: &[u8]) -> String {
    let pem = encode_string("CERTIFICATE", LineEnding::LF, der);
    pem.expect("the label is valid and a certificate is short")
}

fn alternative_names(x509: &X509Certificate<'_>) -> Option<Vec<String>> {
    let Some(extension) = x509.subject_alternative_name().ok()? else {
        return Some(Vec::new());
    };
    Some(
        extension
            .value
            .general_names
            .iter()
            .map(name_text)
            .collect(),
    )
}

fn name_text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|v4| std::net::IpAddr::from(v4).to_string());
            let v6 = <[u8; 16]>::try_from(*bytes).map(|v6| std::net::IpAddr::from(v6).to_string());
            v4.or(v6).unwrap_or_else(|_| hex::encode(bytes))
        }
        other => other.to_string(),
    }
}

fn usage(x509: &X509Certificate<'_>) -> Option<Usage> {
    let Some(extension) = x509.extended_key_usage().ok()? else {
        return Some(Usage::default());
    };
    let given = extension.value;
    let other = given.any
        || given.code_signing
        || given.email_protection
        || given.time_stamping
        || given.ocsp_signing
        || !given.other.is_empty();
    Some(Usage {
        server: given.server_auth,
        client: given.client_auth,
        other,
    })
}

fn is_authority(x509: &X509Certificate<'_>) -> Option<bool> {
    let usage = x509.key_usage().ok()?;
    Some(x509.is_ca() && usage.is_none_or(|usage| usage.value.key_cert_sign()))
}

fn key_kind(key: &PublicKey<'_>) -> Option<KeyKind> {
    match (key, key.key_size()) {
        (PublicKey::EC(_), 256) => Some(KeyKind::EcdsaP256),
        (PublicKey::RSA(_), 2048) => Some(KeyKind::Rsa2048),
        (PublicKey::RSA(_), 4096) => Some(KeyKind::Rsa4096),
        _ => None,
    }
}

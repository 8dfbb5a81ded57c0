//! Key pairs, and the certificate fields that all our certificates set in the same way.

use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use time::OffsetDateTime;

use super::certs::Certificate;
use crate::date::DAY;
use crate::failure::Kind;
use crate::spec::KeyKind;

/// The seconds by which certificates are backdated, because a node's clock may be slow.
pub(super) const BACK_DATED: i64 = DAY;

/// Generates a key pair.
pub(super) fn generate(kind: KeyKind) -> Result<KeyPair, rcgen::Error> {
    let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
    match kind {
        KeyKind::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyKind::Rsa2048 => rsa(RsaKeySize::_2048),
        KeyKind::Rsa4096 => rsa(RsaKeySize::_4096),
    }
}

/// Parses a key pair from PEM; the error never quotes it. Other blocks before the key, such as EC parameters, are skipped.
pub(super) fn parse(pem: &[u8]) -> Result<KeyPair, &'static str> {
    let text = std::str::from_utf8(pem).map_err(|_| "is not a PEM file")?;
    let is_key = |line: &&str| line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----");
    let Some(begin) = text.lines().find(is_key) else {
        return Err("contains no private key in PEM format");
    };
    if begin.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("is encrypted; `openssl pkey -in FILE` writes it without its passphrase");
    }
    let at = text.find(begin).unwrap_or_default();
    KeyPair::from_pem(text.get(at..).unwrap_or_default()).map_err(|_| {
        "contains no key of a supported type: ECDSA (P-256, P-384, P-521), Ed25519 or RSA from 2048 bits"
    })
}

/// Returns the seconds for which a certificate was issued, without those by which it was backdated.
pub(super) fn life(certificate: &Certificate) -> i64 {
    let life = certificate.not_after.saturating_sub(certificate.not_before);
    life.saturating_sub(BACK_DATED)
}

/// Returns when a certificate that is issued now becomes valid.
pub(super) fn back_dated(now: i64) -> i64 {
    now.saturating_sub(BACK_DATED)
}

/// Sets the validity from `begin` until `end`, in whole seconds.
pub(super) fn set_lifetime(
    params: &mut CertificateParams,
    begin: i64,
    end: i64,
) -> anyhow::Result<()> {
    params.not_before = moment(begin)?;
    params.not_after = moment(end)?;
    Ok(())
}

fn moment(seconds: i64) -> anyhow::Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| {
        let message = format!("a certificate cannot express the time {seconds}");
        Kind::Usage.error(message, "check the clock or SOURCE_DATE_EPOCH")
    })
}

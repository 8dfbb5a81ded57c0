//! Checks a detached `OpenPGP` signature (RFC 9580, 10.4) against one pinned key, without any input or output.

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Signature;
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, PublicParams, Timestamp};

use crate::recipe::Signer;

/// The smallest size of an RSA key; well-funded attackers can break shorter ones (NIST SP 800-131A).
const RSA_BITS: u16 = 2048;

/// The reason why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The key's file contains no public key.
    NoKey,
    /// The key's file contains the key of that fingerprint, not the pinned one.
    OtherKey(String),
    /// The key is too short, or of a kind that is no longer trusted.
    WeakKey(String),
    /// The key's owner revoked it.
    Revoked,
    /// The key expired at that second.
    KeyEnded(i64),
    /// There is no signature.
    NoSignature,
    /// Only the keys with these ids signed.
    Foreign(String),
    /// The signature's hash algorithm allows forgery.
    WeakHash(String),
    /// The signature expired at that second.
    Ended(i64),
    /// The signature is for other bytes, or not by this key.
    Wrong,
}

/// Checks that `signer` signed exactly `data`, and that both key and signature are still valid at `clock`.
pub(super) fn check(
    signer: &Signer,
    signatures: &str,
    data: &[u8],
    clock: i64,
) -> Result<(), Doubt> {
    let key = trusted(signer, clock)?;
    let all = parse(signatures)?;
    let own = own(&key, &all)?;
    let hash = own.hash_alg().unwrap_or(HashAlgorithm::None);
    if !is_strong(hash) {
        return Err(Doubt::WeakHash(hash.to_string()));
    }
    own.verify(&key.primary_key, data)
        .map_err(|_| Doubt::Wrong)?;
    let lasts = own.signature_expiration_time().map(Duration::as_secs);
    let created = own.created().map_or(0, Timestamp::as_secs);
    match end(created, lasts) {
        Some(end) if end <= clock => Err(Doubt::Ended(end)),
        _ => Ok(()),
    }
}

/// Returns the pinned key if it is strong enough and still valid.
fn trusted(signer: &Signer, clock: i64) -> Result<SignedPublicKey, Doubt> {
    let (key, _) = SignedPublicKey::from_string(&signer.key).map_err(|_| Doubt::NoKey)?;
    let fingerprint = format!("{:X}", key.primary_key.fingerprint());
    if fingerprint != signer.fingerprint {
        return Err(Doubt::OtherKey(fingerprint));
    }
    if let Some(weakness) = weakness(key.primary_key.public_params()) {
        return Err(Doubt::WeakKey(weakness));
    }
    if !key.details.revocation_signatures.is_empty() {
        return Err(Doubt::Revoked);
    }
    match key_end(&key) {
        Some(end) if end <= clock => Err(Doubt::KeyEnded(end)),
        _ => Ok(key),
    }
}

/// Describes a weak key; RSA of sufficient length and the elliptic curves are accepted, DSA and Elgamal are not.
fn weakness(params: &PublicParams) -> Option<String> {
    match params {
        PublicParams::RSA(rsa) => {
            // The data begin with the modulus, which begins with its number of bits (RFC 9580, 3.2).
            let bytes = rsa.to_bytes().unwrap_or_default();
            let bits = bytes
                .first_chunk()
                .map_or(0, |bits| u16::from_be_bytes(*bits));
            (bits < RSA_BITS).then(|| format!("{bits}-bit RSA"))
        }
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => None,
        _ => Some("of an outdated kind".to_owned()),
    }
}

/// Returns when the key expires by its owner's newest statement. The key came with the program, so its statements are trusted.
fn key_end(key: &SignedPublicKey) -> Option<i64> {
    let users = key.details.users.iter().flat_map(|user| &user.signatures);
    let own = users
        .chain(&key.details.direct_signatures)
        .filter(|signature| is_by(signature, key));
    let newest = own.max_by_key(|signature| signature.created())?;
    let lasts = newest.key_expiration_time().map(Duration::as_secs);
    end(key.primary_key.created_at().as_secs(), lasts)
}

/// Returns the moment that many seconds later; none or zero means never (RFC 9580, 5.2.3.13 and 5.2.3.18).
fn end(created: u32, lasts: Option<u32>) -> Option<i64> {
    let lasts = lasts.filter(|seconds| *seconds > 0)?;
    Some(i64::from(created) + i64::from(lasts))
}

fn parse(signatures: &str) -> Result<Vec<Signature>, Doubt> {
    let (found, _) =
        DetachedSignature::from_string_many(signatures).map_err(|_| Doubt::NoSignature)?;
    // A signature of an unsupported kind may stand beside a supported one.
    let readable: Vec<Signature> = found.flatten().map(|found| found.signature).collect();
    if readable.is_empty() {
        return Err(Doubt::NoSignature);
    }
    Ok(readable)
}

/// Returns the signature that claims to be the key's.
fn own<'s>(key: &SignedPublicKey, all: &'s [Signature]) -> Result<&'s Signature, Doubt> {
    all.iter()
        .find(|signature| is_by(signature, key))
        .ok_or_else(|| {
            let ids = all.iter().flat_map(Signature::issuer_key_id);
            let ids: Vec<String> = ids.map(|id| id.to_string().to_uppercase()).collect();
            Doubt::Foreign(ids.join(", "))
        })
}

fn is_by(signature: &Signature, key: &SignedPublicKey) -> bool {
    let id = key.primary_key.legacy_key_id();
    signature
        .issuer_key_id()
        .into_iter()
        .any(|issuer| *issuer == id)
        || signature
            .issuer_fingerprint()
            .into_iter()
            .any(|issuer| *issuer == key.primary_key.fingerprint())
}

fn is_strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

//! Checks a detached `OpenPGP` signature (RFC 9580, 10.4) against one pinned key, without any input or output.

use anyhow::Result;
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Signature;
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, PublicParams, Timestamp};

use crate::date::date;
use crate::failure::Kind;
use crate::recipe::{SignedList, TrustedKey};

/// The smallest size of an RSA key; well-funded attackers can break shorter ones (NIST SP 800-131A).
const RSA_BITS: u16 = 2048;

pub(super) const DO_NOT_USE: &str =
    "do not use it; fetch it again, over another network, and compare with what its makers publish";
pub(super) const NEW_KEY: &str =
    "a newer recipe may know the makers' new key; until then give a checked image with `--base`";
pub(super) const OWN_KEY: &str =
    "correct `[download.signed]` of the recipe, or the key's file beside the recipes";

/// Checks that the signer signed exactly this list, and that both key and signature are still valid at `clock`. Returns when
/// the signature was made, in seconds since 1970.
pub(super) fn check(signed: &SignedList, signatures: &str, list: &str, clock: i64) -> Result<i64> {
    let key = trusted(&signed.signer, clock)?;
    let all = parse(signed, signatures)?;
    let own = own(signed, &key, &all)?;
    let signature = &signed.signature;
    let hash = own.hash_alg().unwrap_or(HashAlgorithm::None);
    if !is_strong(hash) {
        let what = format!("{signature} relies on {hash}, which can be forged");
        return Err(refused(what, DO_NOT_USE));
    }
    own.verify(&key.primary_key, list.as_bytes()).map_err(|_| {
        let (list, key) = (&signed.list, described_key(&signed.signer));
        let what = format!("{signature} is not a signature of {list} by {key}");
        refused(what, DO_NOT_USE)
    })?;
    let lasts = own.signature_expiration_time().map(Duration::as_secs);
    let created = own.created().map_or(0, Timestamp::as_secs);
    match end(created, lasts) {
        Some(end) if end <= clock => {
            let what = format!("{signature} expired on {}", date(end));
            Err(refused(what, DO_NOT_USE))
        }
        _ => Ok(i64::from(created)),
    }
}

/// Returns the pinned key if it is strong enough and still valid.
fn trusted(signer: &TrustedKey, clock: i64) -> Result<SignedPublicKey> {
    let name = &signer.name;
    let (key, _) = SignedPublicKey::from_string(&signer.key).map_err(|_| {
        let what = format!("{name}.asc contains no OpenPGP public key");
        refused(what, OWN_KEY)
    })?;
    let (found, wanted) = (key.primary_key.fingerprint(), &signer.fingerprint);
    if format!("{found:X}") != *wanted {
        let what = format!("{name}.asc contains the key {found:X}, but the recipe names {wanted}");
        return Err(refused(what, OWN_KEY));
    }
    let fault = if let Some(weakness) = weakness(key.primary_key.public_params()) {
        format!("is {weakness}, which can be forged")
    } else if !key.details.revocation_signatures.is_empty() {
        "was revoked by its owner".to_owned()
    } else if let Some(end) = key_end(&key).filter(|end| *end <= clock) {
        format!("expired on {}", date(end))
    } else {
        return Ok(key);
    };
    let what = format!("{} {fault}", described_key(signer));
    Err(refused(what, NEW_KEY))
}

fn described_key(signer: &TrustedKey) -> String {
    format!("the key {} ({})", signer.name, signer.fingerprint)
}

fn refused(what: String, hint: &str) -> anyhow::Error {
    Kind::Verification.error(what, hint)
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

fn parse(signed: &SignedList, signatures: &str) -> Result<Vec<Signature>> {
    let found = DetachedSignature::from_string_many(signatures);
    // A signature of an unsupported kind may stand beside a supported one.
    let readable = found.into_iter().flat_map(|(found, _)| found.flatten());
    let readable: Vec<_> = readable.map(|found| found.signature).collect();
    if readable.is_empty() {
        let what = format!("{} is not an OpenPGP signature", signed.signature);
        return Err(refused(what, DO_NOT_USE));
    }
    Ok(readable)
}

/// Returns the signature that claims to be the key's.
fn own<'s>(
    signed: &SignedList,
    key: &SignedPublicKey,
    all: &'s [Signature],
) -> Result<&'s Signature> {
    all.iter()
        .find(|signature| is_by(signature, key))
        .ok_or_else(|| {
            let ids = all.iter().flat_map(Signature::issuer_key_id);
            let ids: Vec<String> = ids.map(|id| id.to_string().to_uppercase()).collect();
            let (signature, ids, key) = (
                &signed.signature,
                ids.join(", "),
                described_key(&signed.signer),
            );
            refused(format!("{signature} is by {ids}, not by {key}"), DO_NOT_USE)
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

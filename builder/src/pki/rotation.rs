//! A change of the CA of a running cluster, in phases that a state directory remembers in its file `rotation`.
//!
//! ```text
//!            ca.*                 next-ca.*            nodes trust
//!   trust    signs                is trusted           both
//!   issue    is trusted           signs                both
//!   finish   is discarded         signs, replaces ca.* the next one
//! ```
//!
//! **Invariant**: one renamed file changes the phase, so that a killed command leaves one phase or the next.

use std::path::Path;

use anyhow::Result;

use super::authority::Authority;
use super::phase::{CERTIFICATE, FILE, KEY, NEXT_CERTIFICATE, NEXT_KEY, Phase};
use super::store::{StateReader, StateStore};
use super::{keys, refused, x509};
use crate::date::moment;
use crate::failure::Kind;
use crate::spec::Named as _;

/// The certificates that clients of a cluster must trust while its CA changes.
pub const TRUSTED: &str = "trusted-ca.crt";

/// Returns the phase of a state directory, or `None` if its CA does not change. Changes and locks nothing.
pub fn rotation(state: &Path) -> Result<Option<Phase>> {
    Phase::read(&StateStore::preview(state)?.reader())
}

/// Begins a change of the CA: makes the next one, which nobody trusts yet.
pub fn begin_rotation(state: &Path, now: i64) -> Result<()> {
    let mut store = open_state(state)?;
    let reader = store.reader();
    if Phase::read(&reader)?.is_some() {
        return Ok(());
    }
    let current = Authority::read(&reader, None, true, now)?;
    let current = current.ok_or_else(|| {
        let hint = "name the state directory with `--state`";
        refused(&reader.path(CERTIFICATE), "is missing", hint)
    })?;
    if !current.chain.above.is_empty() {
        let message = "the CA of the state directory is an intermediate CA of yours";
        let hint = "only a CA that signs itself can be replaced while the cluster runs";
        return Err(Kind::Unsupported.error(message, hint));
    }
    let begin = begin_of_next(current.chain.first.certificate.not_before, now)?;
    let (certificate, key) = Authority::successor(&current, begin, now)?;
    store.stage(NEXT_KEY, key.as_bytes());
    store.stage(NEXT_CERTIFICATE, certificate.as_bytes());
    store.stage(TRUSTED, current.chain.pem() + &certificate);
    store.stage(FILE, Phase::Trust.name());
    store.commit()
}

/// Returns when the next CA becomes valid: a day before `now`, but later than the current one, because nodes take the CA that
/// begins last for the newest.
fn begin_of_next(current: i64, now: i64) -> Result<i64> {
    let begin = keys::back_dated(now).max(current.saturating_add(1));
    if begin > now {
        let message = format!(
            "the CA is valid from {} on, and the next one must become valid later",
            moment(current)
        );
        let hint = "run the command again after that time, or correct the clock of this machine";
        return Err(Kind::Refused.error(message, hint));
    }
    Ok(begin)
}

/// Enters another phase. The certificates of the nodes follow with their next renewal.
pub fn enter(state: &Path, phase: Phase) -> Result<()> {
    let mut store = open_state(state)?;
    store.stage(TRUSTED, trusted_in(&store.reader(), phase)?);
    store.stage(FILE, phase.name());
    store.commit()
}

/// Returns the certificates that nodes trust in a phase, as PEM.
pub fn trusted_ca(state: &Path, phase: Option<Phase>) -> Result<String> {
    let reader = open_state(state)?.reader();
    match phase {
        Some(phase) => trusted_in(&reader, phase),
        None => Ok(reader.public(CERTIFICATE)?.unwrap_or_default()),
    }
}

fn trusted_in(reader: &StateReader, phase: Phase) -> Result<String> {
    let read = |name: &str| anyhow::Ok(reader.public(name)?.unwrap_or_default());
    let (current, next) = (read(CERTIFICATE)?, read(NEXT_CERTIFICATE)?);
    Ok(match phase {
        Phase::Trust | Phase::Issue => current + &next,
        Phase::Finish if next.is_empty() => current,
        Phase::Finish => next,
    })
}

/// Ends a change in its last phase: the next CA takes the place of the previous one.
pub fn finish_rotation(state: &Path) -> Result<()> {
    let mut store = open_state(state)?;
    let reader = store.reader();
    for (from, to) in [(NEXT_CERTIFICATE, CERTIFICATE), (NEXT_KEY, KEY)] {
        if let Some(bytes) = reader.secret(from)? {
            store.stage(to, bytes.to_vec());
        }
    }
    store.commit()?;
    remove_foreign(&store)?;
    [NEXT_CERTIFICATE, NEXT_KEY, TRUSTED, FILE]
        .iter()
        .try_for_each(|name| store.remove(name))
}

/// Removes the certificates of former nodes, which the previous CA signed: with them, such a node could not be added again.
fn remove_foreign(store: &StateStore) -> Result<()> {
    let reader = store.reader();
    let authority = reader.public(CERTIFICATE)?;
    let Some(Ok(authority)) = authority.map(|pem| x509::read(&pem)) else {
        return Ok(());
    };
    for node in reader.names("nodes")? {
        for name in reader.names(&format!("nodes/{node}"))? {
            let file = format!("nodes/{node}/{name}");
            let pem = match name.strip_suffix(".crt") {
                Some(_) => reader.public(&file)?,
                None => None,
            };
            // One that cannot be read is reported by the command that needs it.
            if let Some(Ok(facts)) = pem.map(|pem| x509::read(&pem))
                && !x509::is_signed_by(&facts, &authority)
            {
                store.remove(&file)?;
            }
        }
    }
    Ok(())
}

/// Discards the next CA, which must no longer sign certificates.
pub fn abort_rotation(state: &Path) -> Result<()> {
    let store = open_state(state)?;
    // The phase first: without it, nobody reads the others, which the next change replaces.
    [FILE, NEXT_KEY, NEXT_CERTIFICATE, TRUSTED]
        .iter()
        .try_for_each(|name| store.remove(name))
}

fn open_state(state: &Path) -> Result<StateStore> {
    StateStore::open(state, |reader| {
        let certificate = reader.public(CERTIFICATE)?;
        let facts = certificate.as_deref().map(x509::read_all).transpose();
        facts.map_err(|what| {
            refused(
                &reader.path(CERTIFICATE),
                what,
                "restore it from your backup",
            )
        })
    })
}

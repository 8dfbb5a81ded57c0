//! What the answers of a registry mean for the user.

use std::io::Read as _;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use serde::Deserialize;

use super::super::busy;
use crate::attempt::may_pass;
use crate::failure::Kind;
use crate::printable::printable;

/// The reason why a request failed.
#[derive(Debug)]
pub(super) enum RegistryFailure {
    /// Another attempt may succeed.
    Passing(String),
    /// Another attempt may succeed after a longer pause, for which the registry may have asked for a time.
    Busy(String, Duration),
    /// Another attempt cannot succeed.
    Final(anyhow::Error),
}

impl From<anyhow::Error> for RegistryFailure {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

/// The greatest length of an answer that explains an error.
const LIMIT: u64 = 64 << 10;

/// The body of an error, as the specification has it.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    code: String,
}

/// Returns a successful response, or the registry's refusal as passing or final. `doing` names the action and the place.
pub(super) fn accepted(doing: &str, response: Response) -> Result<Response, RegistryFailure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if may_pass(status) {
        let reason = format!("answer {status}");
        let asked = busy::asked(response.headers());
        return Err(match busy::is_busy(status) || !asked.is_zero() {
            true => RegistryFailure::Busy(reason, asked),
            false => RegistryFailure::Passing(reason),
        });
    }
    let mut body = Vec::new();
    let read = response.take(LIMIT).read_to_end(&mut body);
    let errors = read
        .ok()
        .and_then(|_| serde_json::from_slice::<Errors>(&body).ok());
    let code = errors
        .and_then(|it| it.errors.into_iter().next())
        .map(|it| it.code);
    Err(RegistryFailure::Final(explain(
        doing,
        status,
        code.as_deref(),
    )))
}

/// Turns a refusal into an error with a next step.
fn explain(doing: &str, status: StatusCode, code: Option<&str>) -> anyhow::Error {
    let (kind, why, hint) = match (status, code) {
        (StatusCode::UNAUTHORIZED, _) => (
            Kind::Storage,
            "the registry does not accept the login",
            LOGIN,
        ),
        (StatusCode::FORBIDDEN, _) | (_, Some("DENIED")) => (
            Kind::Storage,
            "the registry denies it",
            "allow this user to pull from and push to the repository, or log in as another one",
        ),
        (_, Some("DIGEST_INVALID")) => (
            Kind::Verification,
            "the registry received other bytes than it was sent",
            "run the command again; if that repeats, the registry or its disk is faulty",
        ),
        (StatusCode::NOT_FOUND, _) | (_, Some("NAME_UNKNOWN" | "NAME_INVALID")) => (
            Kind::Storage,
            "the registry has no such repository, and does not create it",
            "create the repository, or correct the address",
        ),
        (StatusCode::METHOD_NOT_ALLOWED, _) | (_, Some("UNSUPPORTED")) => (
            Kind::Storage,
            "the registry does not support this; it may be read-only",
            "name a registry that accepts artifacts of the OCI image specification 1.0 or newer",
        ),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => (
            Kind::Storage,
            "the registry, or a proxy before it, does not accept 4 MiB at once",
            "raise the limit of the size of a request there",
        ),
        _ => {
            let code = code
                .map(|code| format!(" {}", printable(code)))
                .unwrap_or_default();
            let hint = "check the address, and what the registry's log says";
            return Kind::Storage.error(format!("{doing}: answer {status}{code}"), hint);
        }
    };
    kind.error(format!("{doing}: {why}"), hint)
}

/// The next step if a login is missing or wrong.
pub(super) const LOGIN: &str = "log in with `podman login`, `skopeo login` or `docker login`; if a helper program keeps the password, \
     name a file with REGISTRY_AUTH_FILE and log in with `skopeo login`";

/// Creates the error for a registry that failed too often.
pub(super) fn gave_up(doing: &str, reason: &str) -> anyhow::Error {
    let hint = match reason.contains("certificate") {
        true => {
            "check the clock of this machine (`timedatectl`) and the registry's certificate; SSL_CERT_FILE names a CA of your own"
        }
        false => {
            "check the network and the address, and run the command again: it continues where it stopped"
        }
    };
    Kind::Storage.error(format!("{doing}: {reason}"), hint)
}

//! Sends requests to a registry, with its login, and repeats those whose failure may be temporary.

use std::cell::RefCell;
use std::io::Read;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::{self, Response};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::busy;
use super::address::Reference;
use super::answer::{LOGIN, RegistryFailure, accepted, gave_up};
use super::challenge::Challenge;
use super::login::RegistryLogin;
use crate::attempt::innermost;
use crate::failure::Kind;

/// The number of attempts without progress.
const ATTEMPTS: u32 = 5;
/// The pause after the first failed attempt; each further pause is three times as long. The pauses for a busy registry are
/// longer (`busy`).
const PAUSE: Duration = Duration::from_millis(100);
/// The bytes of progress after which a failure counts as the first one again.
const PROGRESS: u64 = 1 << 20;
/// The longest time of a request without a body, and of each read of an answer.
const TIME: Duration = Duration::from_mins(2);
/// The length of a body that gets one more second: a part leaves in time through a line with 128 kbit/s.
const BYTES_PER_SECOND: usize = 16 << 10;
/// The greatest length of an answer with a token.
const TOKEN_LIMIT: u64 = 1 << 20;

/// A connection to a repository.
pub(super) struct RegistryClient {
    http: blocking::Client,
    /// The address below which everything of the repository lies.
    base: Url,
    login: Option<RegistryLogin>,
    /// The repository, if tokens must give the right to push to it.
    pushes_to: Option<String>,
    /// What the registry accepts as proof, once it has asked for it.
    proof: RefCell<Option<HeaderValue>>,
}

/// A request, which can be sent several times.
pub(super) struct RegistryRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Vec<u8>,
}

impl RegistryRequest {
    /// Creates a request without a body.
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl RegistryClient {
    /// Prepares a client; opens no connection yet. Only registries on this machine are reached without encryption.
    pub(super) fn new(
        reference: &Reference,
        login: Option<RegistryLogin>,
        is_written: bool,
    ) -> Result<Self> {
        let is_here = is_this_machine(&reference.registry);
        let host = match reference.registry.as_str() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = if is_here { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{}/", reference.repository);
        let http = blocking::Client::builder()
            .user_agent(concat!("etcd-image/", env!("CARGO_PKG_VERSION")))
            .https_only(!is_here)
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIME)
            .build();
        let http =
            http.map_err(|error| gave_up(&format!("opening {reference}"), &innermost(&error)));
        let base = Url::parse(&base).map_err(|error| {
            Kind::Usage.error(format!("{reference}: {error}"), "correct the address")
        });
        Ok(Self {
            http: http?,
            base: base?,
            login,
            pushes_to: is_written.then(|| reference.repository.clone()),
            proof: RefCell::default(),
        })
    }

    /// Returns the address of something in the repository, such as `blobs/uploads/`.
    pub(super) fn url(&self, path: &str) -> Url {
        let joined = self.base.join(path);
        joined.unwrap_or_else(|_| self.base.clone())
    }

    /// Sends a request once; if the registry asks for a login, a second time with it.
    pub(super) fn send(
        &self,
        doing: &str,
        request: &RegistryRequest,
    ) -> Result<Response, RegistryFailure> {
        let response = self.send_once(doing, request)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.log_in(doing, &response)?;
        self.send_once(doing, request)
    }

    fn send_once(
        &self,
        doing: &str,
        request: &RegistryRequest,
    ) -> Result<Response, RegistryFailure> {
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        // A registry may name any server for an upload; only the registry itself gets the proof.
        if let Some(proof) = &*self.proof.borrow()
            && request.url.origin() == self.base.origin()
        {
            builder = builder.header(AUTHORIZATION, proof);
        }
        if !request.body.is_empty() {
            builder = builder.timeout(longest_time(request.body.len()));
        }
        let sent = builder.body(request.body.clone()).send();
        sent.map_err(|error| classify(doing, &error))
    }

    /// Gets what the registry asks for.
    fn log_in(&self, doing: &str, response: &Response) -> Result<(), RegistryFailure> {
        // There may be one header for each kind of login.
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let mut known = headers
            .iter()
            .filter_map(|it| Challenge::parse(it.to_str().ok()?));
        let challenge = known.next().map(|it| match &self.pushes_to {
            Some(repository) => it.pushing_to(repository),
            None => it,
        });
        let proof = match (challenge, &self.login) {
            (Some(Challenge::Bearer { realm, parameters }), _) => {
                let token = self.token(doing, &realm, &parameters)?;
                Zeroizing::new(format!("Bearer {}", &*token))
            }
            (Some(Challenge::Basic), Some(login)) => Zeroizing::new(basic(login)),
            (Some(Challenge::Basic), None) => {
                let message = format!("{doing}: the registry asks for a login");
                return Err(Kind::Storage.error(message, LOGIN).into());
            }
            (None, _) => {
                let message = format!("{doing}: the registry asks for a login of an unknown kind");
                let hint = "name a registry that accepts a password or a token";
                return Err(Kind::Storage.error(message, hint).into());
            }
        };
        let mut header = HeaderValue::from_str(&proof)
            .map_err(|_| Kind::Storage.error(format!("{doing}: the login is not valid"), LOGIN))?;
        header.set_sensitive(true);
        self.proof.replace(Some(header));
        Ok(())
    }

    /// Gets a token from the server that the registry names, with the login if there is one.
    fn token(
        &self,
        doing: &str,
        realm: &str,
        parameters: &[(String, String)],
    ) -> Result<Zeroizing<String>, RegistryFailure> {
        /// Registries use either name, or both.
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let no_token = || {
            let message = format!("{doing}: the registry names no server that gives tokens");
            Kind::Storage.error(message, "name another registry")
        };
        let url = Url::parse_with_params(realm, parameters).map_err(|_| no_token())?;
        let mut request = self.http.get(url);
        if let Some(login) = &self.login {
            request = request.header(AUTHORIZATION, basic(login));
        }
        let sent = request.send().map_err(|error| classify(doing, &error))?;
        let answer = read_limited(accepted(doing, sent)?, TOKEN_LIMIT)?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| no_token())?;
        let tokens = [answer.token, answer.access_token].map(|token| token.map(Zeroizing::new));
        let mut tokens = tokens.into_iter().flatten();
        let token = tokens.find(|token| !token.is_empty());
        Ok(token.ok_or_else(no_token)?)
    }

    /// Repeats an attempt while it fails for a reason that may be temporary. An attempt also returns how many bytes have arrived: progress
    /// makes the next failure count as the first one again.
    pub(super) fn retry<T>(
        doing: &str,
        mut attempt: impl FnMut() -> (Result<T, RegistryFailure>, u64),
    ) -> Result<T> {
        let (mut failures, mut furthest, mut busy_for) = (0, 0, Duration::ZERO);
        loop {
            let (outcome, at) = attempt();
            let (reason, asked) = match outcome {
                Ok(value) => return Ok(value),
                Err(RegistryFailure::Final(error)) => return Err(error),
                Err(RegistryFailure::Passing(reason)) => (reason, None),
                Err(RegistryFailure::Busy(reason, asked)) => (reason, Some(asked)),
            };
            failures = match at >= furthest + PROGRESS {
                true => 1,
                false => failures + 1,
            };
            furthest = furthest.max(at);
            if failures >= ATTEMPTS {
                return Err(gave_up(doing, &reason));
            }
            busy_for = match asked {
                Some(asked) => busy::longer(busy_for, asked),
                None => Duration::ZERO,
            };
            let pause = PAUSE * 3_u32.pow(failures - 1);
            thread::sleep(pause.max(busy::spread(busy_for)));
        }
    }
}

/// Reads an answer of at most `limit` bytes.
pub(super) fn read_limited(response: Response, limit: u64) -> Result<Vec<u8>, RegistryFailure> {
    let place = response.url().to_string();
    let mut bytes = Vec::new();
    let read = response.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| RegistryFailure::Passing(error.to_string()))?;
    match bytes.len() as u64 <= limit {
        true => Ok(bytes),
        false => Err(RegistryFailure::Final(Kind::Verification.error(
            format!("reading {place}: it is longer than {limit} bytes"),
            "check the address: this is not what etcd-image wrote",
        ))),
    }
}

/// Returns the longest time of a request with a body of this length.
fn longest_time(length: usize) -> Duration {
    TIME + Duration::from_secs((length / BYTES_PER_SECOND) as u64)
}

fn basic(login: &RegistryLogin) -> String {
    let pair = Zeroizing::new(format!("{}:{}", login.user, *login.password));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

/// Classifies a failed request; an error in the address itself is final.
fn classify(doing: &str, error: &reqwest::Error) -> RegistryFailure {
    match error.is_builder() || error.is_redirect() {
        true => RegistryFailure::Final(gave_up(doing, &innermost(error))),
        false => RegistryFailure::Passing(innermost(error)),
    }
}

/// Returns whether a registry is on this machine.
fn is_this_machine(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => registry,
    };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl std::fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistryClient({})", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_has_the_time_for_a_part() {
        assert_eq!(longest_time(0), Duration::from_mins(2));
        // 8 MiB with 128 kbit/s.
        assert!(longest_time(8 << 20) > Duration::from_secs((8 << 20) / 16_000));
    }

    #[test]
    fn only_registries_on_this_machine_are_reached_without_encryption() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
        ] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in [
            "ghcr.io",
            "localhost.lan:5000",
            "10.0.0.1:5000",
            "127.0.0.1.lan",
        ] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }
}

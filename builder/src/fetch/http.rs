//! The HTTP client. No other module of `fetch` opens sockets.
//!
//! A download resumes after a dropped or stalled connection, a 5xx response, or a killed run. `If-Range` makes sure that the
//! server's file is still the same; if the server cannot resume, the download starts again.

use std::io::Read;
use std::thread;

use anyhow::Result;
use indicatif::BinaryBytes;
use reqwest::StatusCode;
use reqwest::blocking::{Client, ClientBuilder, Response};
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use reqwest::{Url, redirect};

use super::headers::{ContentRange, length, validator};
use super::paced::Paced;
use super::partial::Partial;
use super::policy::Policy;
use crate::attempt::{innermost, may_pass};
use crate::failure::{Gone, Kind};
use crate::progress::{Progress, Task};

/// The reason why an attempt ended early.
enum AttemptError {
    /// Another attempt may succeed.
    Passing(String),
    /// Another attempt cannot succeed.
    Final(anyhow::Error),
}

impl From<anyhow::Error> for AttemptError {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

/// An HTTP client with its retry policy.
pub(super) struct Http<'a> {
    client: Client,
    policy: Policy,
    progress: &'a dyn Progress,
}

impl<'a> Http<'a> {
    pub(super) fn new(policy: Policy, progress: &'a dyn Progress) -> Result<Self> {
        // reqwest itself honors the proxy variables of the environment.
        let client = ClientBuilder::new()
            .user_agent(concat!("etcd-image/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(policy.silence)
            .timeout(policy.silence) // of each single read
            .redirect(redirects())
            .build();
        let client = client.map_err(|error| {
            let hint =
                "check the system's CA certificates and the proxy variables of the environment";
            Kind::Storage.error(
                format!("starting the HTTP client: {}", innermost(&error)),
                hint,
            )
        })?;
        Ok(Self {
            client,
            policy,
            progress,
        })
    }

    /// Downloads the rest of `partial`. `size` is the length promised for the whole file, if known.
    pub(super) fn download(
        &self,
        url: &str,
        partial: &mut Partial<'_>,
        size: Option<u64>,
    ) -> Result<()> {
        let mut task = self
            .progress
            .task(&format!("downloading {}", last_part(url)), size);
        let mut furthest = partial.len();
        self.persist(url, || {
            let outcome = self.attempt(url, partial, size, &mut *task);
            let headway = partial.len().saturating_sub(furthest) >= self.policy.headway;
            furthest = furthest.max(partial.len());
            (outcome, headway)
        })
    }

    /// Returns a small text, such as a list of digests. An address that starts with HTTPS never leaves HTTPS.
    pub(super) fn text(&self, url: &str, limit: u64) -> Result<String> {
        let text = self.text_if_there(url, limit)?;
        text.ok_or_else(|| refused_by_server(url, StatusCode::NOT_FOUND))
    }

    /// Returns a small text like [`Self::text`], or `None` if the server reports that it does not exist.
    pub(super) fn text_if_there(&self, url: &str, limit: u64) -> Result<Option<String>> {
        let mut text = None;
        self.persist(url, || {
            let read = self.read(url, limit);
            (read.map(|read| text = read), false)
        })?;
        Ok(text)
    }

    fn read(&self, url: &str, limit: u64) -> Result<Option<String>, AttemptError> {
        let response = self.client.get(url).send();
        let response = response.map_err(|error| trouble(url, &error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = Paced::new(accepted(url, response)?, &self.policy)
            .take(limit + 1)
            .read_to_end(&mut bytes);
        read.map_err(|error| AttemptError::Passing(error.to_string()))?;
        if bytes.len() as u64 > limit {
            return Err(AttemptError::Final(no_list(
                url,
                &format!("it is longer than {}", BinaryBytes(limit)),
            )));
        }
        let text = String::from_utf8(bytes).map_err(|_| no_list(url, "it is not text"))?;
        Ok(Some(text))
    }

    /// Repeats `attempt` until it succeeds, fails finally, or fails too often in a row without progress.
    fn persist(
        &self,
        url: &str,
        mut attempt: impl FnMut() -> (Result<(), AttemptError>, bool),
    ) -> Result<()> {
        let mut failures = 0;
        loop {
            let (outcome, headway) = attempt();
            let reason = match outcome {
                Ok(()) => return Ok(()),
                Err(AttemptError::Final(error)) => return Err(error),
                Err(AttemptError::Passing(reason)) => reason,
            };
            failures = if headway { 1 } else { failures + 1 };
            if failures >= self.policy.attempts {
                return Err(gave_up(url, failures, &reason));
            }
            let pause = self.policy.pause_after(failures);
            self.progress
                .note(&format!("{url}: {reason}; trying again in {pause:.0?}"));
            thread::sleep(pause);
        }
    }

    /// Makes one request for the missing bytes.
    fn attempt(
        &self,
        url: &str,
        partial: &mut Partial<'_>,
        size: Option<u64>,
        task: &mut dyn Task,
    ) -> Result<(), AttemptError> {
        if size.is_some_and(|size| partial.len() == size) {
            return Ok(()); // a killed run downloaded everything
        }
        let response = self
            .request(url, partial)
            .map_err(|error| trouble(url, &error))?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && partial.len() > 0 {
            return not_satisfiable(&response, partial);
        }
        let response = accepted(url, response)?;
        let total = start(&response, partial)?;
        check_total(url, total, size)?;
        if let Some(total) = total.or(size) {
            task.total(total);
        }
        let body = Paced::new(response, &self.policy);
        copy(url, body, partial, total.or(size), task)
    }

    fn request(&self, url: &str, partial: &Partial<'_>) -> reqwest::Result<Response> {
        // Requests the bytes unencoded; otherwise digest and offsets would not match.
        let mut request = self.client.get(url).header(ACCEPT_ENCODING, "identity");
        if partial.len() > 0 {
            request = request.header(RANGE, format!("bytes={}-", partial.len()));
            if let Some(validator) = partial.validator() {
                request = request.header(IF_RANGE, validator);
            }
        }
        request.send()
    }
}

/// Returns a successful response, or the server's failure as passing or final.
fn accepted(url: &str, response: Response) -> Result<Response, AttemptError> {
    let status = response.status();
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
        _ if may_pass(status) => Err(AttemptError::Passing(format!("answer {status}"))),
        _ => Err(AttemptError::Final(refused_by_server(url, status))),
    }
}

/// Prepares `partial` for the response's bytes, appended or from the start. Returns the length of the whole file, if known.
fn start(response: &Response, partial: &mut Partial<'_>) -> Result<Option<u64>, AttemptError> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        partial.restart(validator(response.headers()))?;
        return Ok(length(response.headers()));
    }
    let range = ContentRange::of(response.headers());
    match range {
        Some(range) if range.start == Some(partial.len()) => {
            partial.resume();
            Ok(range.total)
        }
        _ => {
            partial.restart(None)?;
            Err(AttemptError::Passing(
                "the server sent a range that was not requested".to_owned(),
            ))
        }
    }
}

/// Handles a server without further bytes: the download is complete, or longer than the server's file.
fn not_satisfiable(response: &Response, partial: &mut Partial<'_>) -> Result<(), AttemptError> {
    let range = ContentRange::of(response.headers());
    if range.is_some_and(|range| range.total == Some(partial.len())) {
        return Ok(());
    }
    partial.restart(None)?;
    Err(AttemptError::Passing(
        "the server has a shorter file than what was downloaded so far".to_owned(),
    ))
}

/// Appends the response's body, up to the length of the whole file.
fn copy(
    url: &str,
    mut body: impl Read,
    partial: &mut Partial<'_>,
    total: Option<u64>,
    task: &mut dyn Task,
) -> Result<(), AttemptError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        task.at(partial.len());
        let read = body.read(&mut buffer);
        let count = read.map_err(|error| AttemptError::Passing(dropped(&error, partial.len())))?;
        if count == 0 {
            return ended(partial.len(), total);
        }
        partial.append(&buffer[..count])?;
        if total.is_some_and(|total| partial.len() > total) {
            check_total(url, Some(partial.len()), total)?;
        }
    }
}

/// Checks whether the connection ended early, that is, before the whole file arrived.
fn ended(length: u64, total: Option<u64>) -> Result<(), AttemptError> {
    match total {
        Some(total) if length < total => Err(AttemptError::Passing(format!(
            "the connection ended after {length} of {total} bytes"
        ))),
        _ => Ok(()),
    }
}

/// Fails if the length differs from the promised one, which no further attempt can change.
fn check_total(url: &str, total: Option<u64>, size: Option<u64>) -> Result<()> {
    match (total, size) {
        (Some(total), Some(size)) if total != size => {
            let what =
                format!("wrong size of {url}: expected {size} bytes, the server has {total}");
            Err(Kind::Verification.error(what,
                "the file was replaced, or a portal answers in its place; open the address in a browser",
            ))
        }
        _ => Ok(()),
    }
}

/// Creates the error for a response that is not the requested small text.
fn no_list(url: &str, why: &str) -> anyhow::Error {
    Kind::Verification.error(
        format!("downloading {url}: {why}"),
        "the file was replaced, or a portal answers in its place; open the address in a browser",
    )
}

/// Follows redirects, but never from HTTPS to HTTP: lists of digests depend on a secure transport.
fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        if is_downgrade(attempt.previous(), attempt.url()) {
            attempt.error("redirected from https to http")
        } else {
            redirect::Policy::default().redirect(attempt)
        }
    })
}

/// Returns whether a redirect leaves HTTPS.
pub(super) fn is_downgrade(previous: &[Url], next: &Url) -> bool {
    let was_secure = previous.iter().any(|url| url.scheme() == "https");
    was_secure && next.scheme() != "https"
}

/// Classifies a failed request; an error in the address itself is final.
fn trouble(url: &str, error: &reqwest::Error) -> AttemptError {
    if error.is_builder() || error.is_redirect() {
        let what = format!("downloading {url}: {}", innermost(error));
        return AttemptError::Final(Kind::Storage.error(what, "check the address in the recipe"));
    }
    AttemptError::Passing(innermost(error))
}

fn dropped(error: &std::io::Error, length: u64) -> String {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    let reason = cause.map_or_else(|| error.to_string(), |cause| innermost(cause));
    format!("the connection failed after {length} bytes ({reason})")
}

fn refused_by_server(url: &str, status: StatusCode) -> anyhow::Error {
    let hint = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            "the server does not have the file: check the recipe or the version"
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "put the proxy's user and password into the proxy variables"
        }
        _ => "open the address in a browser to see what the server wants",
    };
    let failure = Kind::Storage.context(format!("downloading {url}"), hint);
    let answer = format!("answer {status}");
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => anyhow::Error::new(Gone(answer)),
        _ => anyhow::Error::msg(answer),
    }
    .context(failure)
}

fn gave_up(url: &str, failures: u32, reason: &str) -> anyhow::Error {
    let what = format!("downloading {url}: gave up after {failures} attempts: {reason}");
    Kind::Storage.error(
        what,
        "check the network and run the command again: the download resumes where it stopped",
    )
}

fn last_part(url: &str) -> &str {
    url.rsplit('/')
        .next()
        .filter(|part| !part.is_empty())
        .unwrap_or(url)
}

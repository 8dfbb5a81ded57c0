//! The HTTP client for S3. It gives up a request that makes no progress.
//!
//! The library limits the time of a whole request, which would end a slow upload as well as a stalled one.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::busy::Busy;

/// The longest time until a connection is open.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// The number of bytes of a request that count as progress once the connection has taken them.
const PIECE: usize = 64 << 10;
/// The largest length of an answer; those to the requests for parts of an object are much shorter.
const LARGEST: u64 = 64 << 20;
/// How many times as long nothing may move once the connection has taken the whole body of a request: a slow one still has some
/// megabytes of it to send then, and a server may have to put the parts of an object together.
const COMPLETION: u32 = 5;

/// Makes clients that give up a request after this time without a byte that arrives or leaves.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) silence: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let is_plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        // The library wants a shorter time for the services that give credentials.
        let connect = options.get_config_value(&ClientConfigKey::ConnectTimeout);
        let connect = connect.and_then(|text| text.strip_suffix('s')?.parse().ok());
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("etcd-image/", env!("CARGO_PKG_VERSION")))
                .http1_only()
                .connect_timeout(connect.map_or(CONNECT, Duration::from_secs))
                .https_only(is_plain.as_deref() != Some("true"))
        };
        let unusable = |error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        };
        Ok(HttpClient::new(WatchedClient {
            reusing: builder().build().map_err(unusable)?,
            connecting: builder()
                .pool_max_idle_per_host(0)
                .build()
                .map_err(unusable)?,
            silence: self.silence,
            busy: Busy::default(),
        }))
    }
}

#[derive(Debug)]
struct WatchedClient {
    /// Sends the requests that are repeated, over connections that are kept for further ones.
    reusing: reqwest::Client,
    /// Sends each request over a new connection. The server may have closed a kept one, which the client learns only from the loss of
    /// its next request.
    connecting: reqwest::Client,
    silence: Duration,
    busy: Busy,
}

impl HttpService for WatchedClient {
    /// Sends a request and receives the whole answer.
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let method = request.method().clone();
            let pause = self.busy.pause();
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let watch = Arc::new(Watch::new(self.silence));
            let sent = outgoing(request, &watch)?;
            let answer = watch.observe(self.exchange(sent, &watch)).await;
            let answer = answer
                .unwrap_or_else(|stalled| Err(HttpError::new(HttpErrorKind::Timeout, stalled)));
            if let Ok(answer) = &answer {
                self.busy.note(answer.status(), answer.headers());
            }
            answer.map_err(|error| match error.kind() {
                HttpErrorKind::Timeout | HttpErrorKind::Interrupted => unanswered(&method, error),
                _ => error,
            })
        })
    }
}

impl WatchedClient {
    async fn exchange(
        &self,
        request: reqwest::Request,
        watch: &Watch,
    ) -> Result<HttpResponse, HttpError> {
        let http = match is_repeatable(request.method()) {
            true => &self.reusing,
            false => &self.connecting,
        };
        let mut response = http.execute(request).await.map_err(failed)?;
        watch.note();
        must_be_short(response.content_length().unwrap_or(0))?;
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(cut)? {
            watch.note();
            must_be_short((bytes.len() + piece.len()) as u64)?;
            bytes.extend_from_slice(&piece);
        }
        let mut answer = HttpResponse::new(HttpResponseBody::from(bytes));
        *answer.status_mut() = response.status();
        *answer.headers_mut() = mem::take(response.headers_mut());
        Ok(answer)
    }
}

/// Returns whether a request may be sent again. With a `POST` an upload begins or ends, and without an answer it is unknown whether it has.
fn is_repeatable(method: &Method) -> bool {
    method != Method::POST
}

/// Returns the error of a request whose answer was lost so that the library repeats the request if that does no harm. Removing something
/// twice does none, but the library repeats only a removal that has not been sent.
fn unanswered(method: &Method, error: HttpError) -> HttpError {
    if !is_repeatable(method) {
        HttpError::new(HttpErrorKind::Unknown, error)
    } else if method == Method::DELETE {
        HttpError::new(HttpErrorKind::Request, error)
    } else {
        error
    }
}

/// Returns the request with a body that notes its progress.
fn outgoing(request: HttpRequest, watch: &Arc<Watch>) -> Result<reqwest::Request, HttpError> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string().parse::<reqwest::Url>();
    let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    let body = match body.content_length() {
        0 => reqwest::Body::from(Vec::<u8>::new()),
        _ => reqwest::Body::wrap(WatchedBody {
            body,
            rest: Bytes::new(),
            watch: Arc::clone(watch),
        }),
    };
    *request.body_mut() = Some(body);
    Ok(request)
}

/// When a request has made progress, and how long the next one may take.
#[derive(Debug)]
struct Watch {
    /// The longest time without progress, unless the whole body has left.
    silence: Duration,
    last: Mutex<(Instant, Duration)>,
}

impl Watch {
    fn new(silence: Duration) -> Self {
        Self {
            silence,
            last: Mutex::new((Instant::now(), silence)),
        }
    }

    /// Notes progress.
    fn note(&self) {
        self.note_with(self.silence);
    }

    /// Notes that the connection has taken the whole body.
    fn note_end_of_body(&self) {
        self.note_with(self.silence * COMPLETION);
    }

    fn note_with(&self, silence: Duration) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), silence);
    }

    fn last(&self) -> (Instant, Duration) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of some work, or until it has made no progress for too long.
    async fn observe<T>(&self, work: impl Future<Output = T>) -> Result<T, Stalled> {
        let mut work = pin!(work);
        loop {
            let (last, silence) = self.last();
            match timeout_at(last + silence, work.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(_) if self.last() == (last, silence) => return Err(Stalled(silence)),
                Err(_) => {}
            }
        }
    }
}

/// The body of a request, which leaves in small pieces.
struct WatchedBody {
    body: HttpRequestBody,
    /// What is left of the last frame.
    rest: Bytes,
    watch: Arc<Watch>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if !this.is_end_stream() {
            this.watch.note();
        }
        if this.rest.is_empty() {
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => this.rest = frame.into_data().unwrap_or_default(),
                other => return other,
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        if this.is_end_stream() {
            this.watch.note_end_of_body();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        SizeHint::with_exact(rest + body.exact().unwrap_or(body.lower()))
    }
}

/// The error of a request that has made no progress for this time.
#[derive(Debug)]
struct Stalled(Duration);

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server neither sent nor accepted a byte for {:?}",
            self.0
        )
    }
}

impl Error for Stalled {}

/// Refuses an answer that would fill the memory, such as the whole object from a server that ignores the range of a request.
fn must_be_short(length: u64) -> Result<(), HttpError> {
    if length <= LARGEST {
        return Ok(());
    }
    let error = io::Error::other("the answer of the server is longer than 64 MiB");
    Err(HttpError::new(HttpErrorKind::Unknown, error))
}

/// Turns the error of an answer that ended too early into one of the library, which repeats the request.
fn cut(error: reqwest::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Interrupted, error.without_url())
}

/// Turns the error of a request into one of the library, which repeats it if that can help.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else {
        kind_of_cause(&error)
    };
    HttpError::new(kind, error.without_url())
}

/// Returns what kind of error the causes show.
fn kind_of_cause(error: &reqwest::Error) -> HttpErrorKind {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // The server has not read the request.
            if error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted() {
                return HttpErrorKind::Request;
            }
            if error.is_timeout() {
                return HttpErrorKind::Timeout;
            }
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => return HttpErrorKind::Timeout,
            Some(
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof,
            ) => return HttpErrorKind::Interrupted,
            _ => {}
        }
        cause = error.source();
    }
    HttpErrorKind::Unknown
}

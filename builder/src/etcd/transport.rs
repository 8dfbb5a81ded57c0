//! Connections to a member: TCP, TLS with the cluster's CA, HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::body::Body;
use tonic::client::GrpcService;

use super::call_error::CallError;
use super::timeouts::Timeouts;
use crate::date;

/// How long a rejection of our certificate may take on the peer port, at least.
const REJECTION: Duration = Duration::from_millis(200);
/// How many times the handshake's duration it may take. A busy or emulated member needs as long for our certificate as for its own.
const HANDSHAKE_FACTOR: u32 = 4;

/// The bytes of an answer of the peer port that are read.
const LARGEST_HEAD: usize = 4096;

/// An HTTP/2 connection to a member's client port.
pub(super) struct Connected {
    pub(super) channel: Channel,
    /// The certificate that the member presented, in DER form.
    pub(super) certificate: Vec<u8>,
}

/// Sends requests over one connection; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    sender: SendRequest<Body>,
    /// Why the connection ended. A request that ends with it does not know the reason.
    end: Arc<Mutex<Option<CallError>>>,
}

impl Channel {
    /// Returns why the connection ended, if it failed.
    pub(super) fn end(&self) -> Option<CallError> {
        self.end.lock().ok()?.clone()
    }
}

/// Connects for gRPC. The member's certificate must be of the CA and name the address.
pub(super) async fn connect(
    tls: Option<Arc<ClientConfig>>,
    at: SocketAddr,
    timeouts: Timeouts,
) -> Result<Connected, CallError> {
    let Opened {
        stream,
        certificate,
    } = open(tls, at, timeouts).await?;
    let stream = match certificate.is_empty() {
        true => BufReader::new(stream),
        false => accepted(stream, timeouts).await?,
    };
    let mut builder = http2::Builder::new(TokioExecutor::new());
    // A machine that loses its power leaves a connection that never answers. etcd ends connections that ping it more often
    // than every five seconds.
    let builder = builder
        .timer(TokioTimer::new())
        .keep_alive_interval(timeouts.answer * 2)
        .keep_alive_timeout(timeouts.answer);
    let handshake = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| CallError::connection(&error))?;
    let end = Arc::new(Mutex::new(None));
    let channel = Channel {
        sender,
        end: Arc::clone(&end),
    };
    tokio::spawn(async move {
        if let Err(error) = connection.await
            && let Ok(mut end) = end.lock()
        {
            *end = Some(CallError::connection(&error));
        }
    });
    Ok(Connected {
        channel,
        certificate,
    })
}

/// Waits for the first bytes of the member, which etcd's HTTP/2 server sends by itself.
///
/// Without TLS, etcd waits for our first bytes instead, by which it distinguishes HTTP/2 from HTTP/1.
/// With TLS 1.3, a member rejects our certificate after our side of the handshake. Bytes that we sent before reading the
/// rejection would reset the connection and with it the reason.
async fn accepted(
    stream: Box<dyn ByteStream>,
    timeouts: Timeouts,
) -> Result<BufReader<Box<dyn ByteStream>>, CallError> {
    let mut stream = BufReader::new(stream);
    match timeout(timeouts.answer, stream.fill_buf()).await {
        Ok(Ok(_)) => Ok(stream),
        Ok(Err(error)) => Err(CallError::connection(&error)),
        Err(_) => Err(CallError::late(timeouts.answer)),
    }
}

/// What a node presented and answered on the peer port.
pub(super) struct PeerAnswer {
    /// The certificate that it presented, in DER form: empty without TLS.
    pub(super) certificate: Vec<u8>,
    /// The head of its answer, as far as it arrived.
    head: String,
}

impl PeerAnswer {
    /// Returns the time of the node's clock in seconds since 1970, which etcd's HTTP server writes into every answer.
    pub(super) fn time(&self) -> Option<i64> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, time) = headers.find(|(name, _)| name.eq_ignore_ascii_case("date"))?;
        date::of_http(time.trim())
    }
}

/// Asks for etcd's version over HTTP/1, which the peer port answers.
///
/// The HTTP/1 server sends nothing by itself, so that a rejection of our certificate can only be waited for.
pub(super) async fn check_peer_port(
    tls: Option<Arc<ClientConfig>>,
    at: SocketAddr,
    timeouts: Timeouts,
) -> Result<PeerAnswer, CallError> {
    let started = Instant::now();
    let Opened {
        mut stream,
        certificate,
    } = open(tls, at, timeouts).await?;
    let rejection = REJECTION.max(started.elapsed() * HANDSHAKE_FACTOR);
    let exchange = async {
        if let Ok(rejected) = timeout(rejection, stream.read_u8()).await {
            return rejected.map(|_| String::new());
        }
        stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").await?;
        head(&mut stream).await
    };
    let answer = timeout(timeouts.answer, exchange).await;
    match answer {
        Ok(Ok(head)) => Ok(PeerAnswer { certificate, head }),
        Ok(Err(error)) => Err(CallError::connection(&error)),
        Err(_) => Err(CallError::late(timeouts.answer)),
    }
}

/// Reads the head of an answer in HTTP/1, or as much of it as arrives, but at least one byte.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = vec![stream.read_u8().await?];
    while head.len() < LARGEST_HEAD && !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A connection, with TLS or without.
trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A new connection, and the certificate that the member presented: empty without TLS.
struct Opened {
    stream: Box<dyn ByteStream>,
    certificate: Vec<u8>,
}

async fn open(
    tls: Option<Arc<ClientConfig>>,
    at: SocketAddr,
    timeouts: Timeouts,
) -> Result<Opened, CallError> {
    let trouble = |error: io::Error| CallError::connection(&error);
    let stream = timeout(timeouts.connect, TcpStream::connect(at)).await;
    let stream = stream.map_err(|_| CallError::late(timeouts.connect))?;
    let stream = stream.map_err(trouble)?;
    // Without it, a request waits for the acknowledgement of the one before, which the kernel delays by 40 ms.
    stream.set_nodelay(true).map_err(trouble)?;
    let Some(tls) = tls else {
        return Ok(Opened {
            stream: Box::new(stream),
            certificate: Vec::new(),
        });
    };
    let name = ServerName::IpAddress(at.ip().into());
    let handshake = TlsConnector::from(tls).connect(name, stream);
    let connected = timeout(timeouts.handshake, handshake).await;
    let connected = connected.map_err(|_| CallError::late(timeouts.handshake))?;
    let stream = connected.map_err(trouble)?;
    Ok(Opened {
        certificate: presented(&stream),
        stream: Box::new(stream),
    })
}

fn presented(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    chain.first().map_or(Vec::new(), |first| first.to_vec())
}

type HttpResponse = http::Response<hyper::body::Incoming>;

impl GrpcService<Body> for Channel {
    type ResponseBody = hyper::body::Incoming;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<HttpResponse>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_peer_port_tells_the_time() {
        let time = |head: &str| {
            let answer = PeerAnswer {
                certificate: Vec::new(),
                head: head.to_owned(),
            };
            answer.time()
        };
        let lines = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 29 Nov 2026 09:11:02 GMT\r\n\r\n";
        assert_eq!(time(lines), Some(1_795_943_462));
        // The program that answers while etcd waits does not tell it.
        for head in [
            "",
            "HTTP/1.0 503 Service Unavailable\r\n\r\n",
            "HTTP/1.0 200 OK\r\nDate: today\r\n\r\n",
        ] {
            assert_eq!(time(head), None, "{head}");
        }
    }
}

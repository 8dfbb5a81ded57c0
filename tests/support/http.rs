//! Provides a small HTTP/1.1 server on a local port that misbehaves on request.
//!
//! Each connection carries one request. The handler gets the request and its number (from 0) and returns the reply; the
//! server records all requests for the test.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The parts of a request that matter to tests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The first byte requested with `Range: bytes=N-`.
    pub(crate) from: Option<usize>,
    pub(crate) if_range: Option<String>,
}

/// A reply, which may be malformed.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The number of bytes of the body that are sent.
    sent: usize,
    /// The pause after those bytes, before the connection is dropped.
    silence: Duration,
    /// The number of bytes sent at once, and the pause after each such piece.
    pace: Option<(usize, Duration)>,
}

impl Reply {
    /// Returns all of `body` for any request, like a server that does not support ranges.
    pub(crate) fn whole(body: &[u8]) -> Self {
        let headers = vec![("Content-Length", body.len().to_string())];
        Self {
            status: "200 OK",
            headers,
            body: body.to_vec(),
            sent: body.len(),
            silence: Duration::ZERO,
            pace: None,
        }
    }

    /// Returns the requested part of `body` with this `ETag`, like a server that supports ranges and `If-Range`.
    pub(crate) fn file(request: &Request, body: &[u8], etag: &str) -> Self {
        let unchanged = request
            .if_range
            .as_ref()
            .is_none_or(|validator| validator == etag);
        match request.from.filter(|_| unchanged) {
            None => Self::whole(body),
            Some(from) if from >= body.len() => Self::status("416 Range Not Satisfiable")
                .header("Content-Range", &format!("bytes */{}", body.len())),
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Self {
                    status: "206 Partial Content",
                    ..Self::whole(&body[from..])
                }
                .header("Content-Range", &range)
            }
        }
        .header("ETag", etag)
    }

    /// Returns a status line such as `404 Not Found`, without a body.
    pub(crate) fn status(status: &'static str) -> Self {
        Self {
            status,
            ..Self::whole(b"")
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Drops the connection after this many bytes of the body.
    pub(crate) fn drop_after(self, sent: usize) -> Self {
        Self {
            sent: sent.min(self.body.len()),
            ..self
        }
    }

    /// Sends nothing after this many bytes, but keeps the connection open for this long.
    pub(crate) fn stall_after(self, sent: usize, silence: Duration) -> Self {
        Self {
            silence,
            ..self.drop_after(sent)
        }
    }

    /// Sends the body in pieces of this size, with a pause after each.
    pub(crate) fn drip(self, piece: usize, pause: Duration) -> Self {
        Self {
            pace: Some((piece, pause)),
            ..self
        }
    }

    fn send(&self, mut stream: &TcpStream) -> io::Result<()> {
        write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        stream.write_all(b"\r\n")?;
        let (piece, pause) = self
            .pace
            .unwrap_or((self.body.len().max(1), Duration::ZERO));
        for piece in self.body[..self.sent].chunks(piece) {
            stream.write_all(piece)?;
            thread::sleep(pause);
        }
        thread::sleep(self.silence);
        Ok(())
    }
}

/// A running server; its thread ends with the test process.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(
        handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log) = (Arc::new(handler), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                // Some tests have clients that disconnect early.
                thread::spawn(move || serve(&stream, &*handler, &log).ok());
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    #[allow(
        dead_code,
        reason = "the unit tests of `fetch`, which include this file, have no TLS"
    )]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the requests so far, in the order they arrived.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no handler panicked").clone()
    }
}

fn serve(
    stream: &TcpStream,
    handler: &dyn Fn(&Request, usize) -> Reply,
    log: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    let request = read(stream)?;
    let number = {
        let mut log = log.lock().expect("no handler panicked");
        log.push(request.clone());
        log.len() - 1
    };
    handler(&request, number).send(stream)
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut request = Request {
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.from = first_byte(value),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}

/// Returns N for `bytes=N-`.
fn first_byte(range: &str) -> Option<usize> {
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

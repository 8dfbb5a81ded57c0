//! Checks that a request which makes no progress is repeated and given up, and that a slow one is neither.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::super::backend::Store as _;
use super::address::Bucket;
use super::client::{RetryLimits, S3};
use crate::cli::AwsVariables;
use crate::failure::{Kind, explain};

/// A busy machine must not look like a stalled server.
const SILENCE: Duration = Duration::from_secs(2);
/// The whole answer to a request for an object of 10 bytes.
const WHOLE: &str = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\nETag: \"e\"\r\n\
                     Content-Length: 10\r\nConnection: close\r\n\r\n0123456789";

/// What a server does after it has read the head of a request.
#[derive(Clone, Copy)]
enum Behavior {
    /// Sends this without reading the body, and then nothing.
    Stall(&'static str),
    /// Reads the body, sends this, and closes the connection.
    Answer(&'static str),
    /// Reads the body, sends this after three times the longest silence, and closes the connection.
    AnswerLate(&'static str),
    /// Sends the head of this at once and its body byte by byte, five in the longest silence.
    Crawl(&'static str),
}

/// The methods of the requests so far.
type Requests = Arc<Mutex<Vec<String>>>;

/// Starts a server that treats each request as the function says, which gets the number of earlier ones.
fn start(choose: fn(usize) -> Behavior) -> (S3, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let known = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let known = Arc::clone(&known);
            thread::spawn(move || serve(&stream, &known, choose));
        }
    });
    let variables = [
        ("AWS_ENDPOINT_URL", address.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let limits = RetryLimits {
        silence: SILENCE,
        repetitions: 2,
    };
    let bucket = Bucket::parse("lab/run").unwrap();
    let store = S3::open_with(&bucket, &AwsVariables::new(variables), limits);
    (store.unwrap(), requests)
}

fn serve(mut stream: &TcpStream, requests: &Requests, choose: fn(usize) -> Behavior) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first).unwrap();
    while line != "\r\n" {
        line.clear();
        // A client that closes the connection at once has sent nothing.
        if reader.read_line(&mut line).unwrap() == 0 {
            return;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let method = first.split(' ').next().unwrap().to_owned();
    let before = {
        let mut requests = requests.lock().unwrap();
        requests.push(method);
        requests.len() - 1
    };
    match choose(before) {
        Behavior::Stall(text) => {
            stream.write_all(text.as_bytes()).unwrap();
            thread::sleep(Duration::from_mins(2));
        }
        Behavior::Answer(text) => {
            reader.read_exact(&mut vec![0; length]).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        }
        Behavior::AnswerLate(text) => {
            reader.read_exact(&mut vec![0; length]).unwrap();
            thread::sleep(3 * SILENCE);
            stream.write_all(text.as_bytes()).unwrap();
        }
        Behavior::Crawl(text) => {
            let body = text.find("\r\n\r\n").unwrap() + 4;
            stream.write_all(&text.as_bytes()[..body]).unwrap();
            for byte in &text.as_bytes()[body..] {
                stream.write_all(&[*byte]).unwrap();
                thread::sleep(SILENCE / 5);
            }
        }
    }
}

#[track_caller]
fn gives_up<T: std::fmt::Debug>(done: anyhow::Result<T>, doing: &str) {
    let error = done.unwrap_err();
    let why = "the server neither sent nor accepted a byte for 2s";
    assert_eq!(error.to_string(), format!("{doing}: {why}"));
    let hint = "check the network and AWS_ENDPOINT_URL, and run the command again: a build continues where it stopped";
    assert_eq!(explain(&error), (Kind::Storage, hint.to_owned()));
}

#[test]
fn a_request_that_is_never_answered_is_repeated_and_given_up() {
    let (store, requests) = start(|_| Behavior::Stall(""));
    gives_up(store.small("a"), "reading s3://lab/run/a");
    gives_up(store.size("b"), "looking for s3://lab/run/b");
    // More than the connection takes while nobody reads.
    gives_up(
        store.write("c", vec![0; 16 << 20]),
        "writing s3://lab/run/c",
    );
    let three = |method: &'static str| [method; 3];
    let wanted = [three("GET"), three("HEAD"), three("PUT")].concat();
    assert_eq!(*requests.lock().unwrap(), wanted);
}

#[test]
fn an_answer_that_stops_in_the_middle_is_requested_again() {
    const HALF: &str = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\nETag: \"e\"\r\n\
                        Content-Length: 10\r\n\r\n01234";
    let (store, requests) = start(|before| match before {
        0 => Behavior::Stall(HALF),
        _ => Behavior::Answer(WHOLE),
    });
    assert_eq!(store.small("a").unwrap().unwrap(), b"0123456789");
    assert_eq!(*requests.lock().unwrap(), ["GET", "GET"]);
    let (store, requests) = start(|_| Behavior::Stall(HALF));
    gives_up(store.small("a"), "reading s3://lab/run/a");
    assert_eq!(requests.lock().unwrap().len(), 3);
}

/// The answer to a request that writes an object.
const WRITTEN: &str =
    "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn an_object_that_the_server_stops_reading_is_sent_again() {
    let (store, requests) = start(|before| match before {
        0 => Behavior::Stall(""),
        _ => Behavior::Answer(WRITTEN),
    });
    store.write("a", vec![0; 16 << 20]).unwrap();
    assert_eq!(*requests.lock().unwrap(), ["PUT", "PUT"]);
}

/// A slow connection needs time for what it has taken, which this program cannot see; here the server is slow instead.
#[test]
fn an_object_that_has_left_is_not_sent_again_soon() {
    let (store, requests) = start(|_| Behavior::AnswerLate(WRITTEN));
    store.write("a", vec![0; 100 << 10]).unwrap();
    assert_eq!(*requests.lock().unwrap(), ["PUT"]);
}

#[test]
fn a_server_that_is_busy_is_left_alone_for_a_while() {
    const BUSY: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (store, requests) = start(|before| match before {
        0 => Behavior::Answer(BUSY),
        _ => Behavior::Answer(WHOLE),
    });
    let begin = Instant::now();
    assert_eq!(store.small("a").unwrap().unwrap(), b"0123456789");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(*requests.lock().unwrap(), ["GET", "GET"]);
}

/// The server may have begun the upload.
#[test]
fn the_begin_of_an_upload_is_not_repeated() {
    let (store, requests) = start(|_| Behavior::Stall(""));
    gives_up(store.must_accept(), "writing s3://lab/run");
    assert_eq!(*requests.lock().unwrap(), ["POST"]);
}

/// The library by itself repeats only what it knows not to change anything a second time.
#[test]
fn a_removal_that_is_not_answered_is_repeated() {
    const REMOVED: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    let (store, requests) = start(|before| match before {
        0 => Behavior::Stall(""),
        _ => Behavior::Answer(REMOVED),
    });
    store.remove("a").unwrap();
    assert_eq!(*requests.lock().unwrap(), ["DELETE", "DELETE"]);
}

/// The answer to the end of an upload is lost, and the request is repeated.
#[test]
fn an_object_whose_end_is_not_answered_is_looked_for() {
    const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 29\r\nConnection: close\r\n\r\n\
                         <R><UploadId>u</UploadId></R>";
    const FORGOTTEN: &str =
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const FOUND: &str = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\nETag: \"e\"\r\n\
                         Content-Length: 9437184\r\nConnection: close\r\n\r\n";
    let (store, requests) = start(|before| {
        Behavior::Answer(match before {
            0 => BEGUN,
            1 | 2 => WRITTEN,
            3 => "",
            4 => FORGOTTEN,
            _ => FOUND,
        })
    });
    let mut object = store.begin("a");
    object.write_all(&vec![0; 9 << 20]).unwrap();
    object.finish().unwrap();
    let wanted = ["POST", "PUT", "PUT", "POST", "POST", "HEAD"];
    assert_eq!(*requests.lock().unwrap(), wanted);
}

/// A server that ignores the range of a request sends the whole object.
#[test]
fn an_answer_that_would_fill_the_memory_is_not_read() {
    const LONG: &str = "HTTP/1.1 200 OK\r\nLast-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\nETag: \"e\"\r\n\
                        Content-Length: 2147483648\r\n\r\n";
    let (store, requests) = start(|_| Behavior::Stall(LONG));
    let error = store.read("a", 0..10, &mut std::io::sink()).unwrap_err();
    let wanted = "reading s3://lab/run/a: the answer of the server is longer than 64 MiB";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(*requests.lock().unwrap(), ["GET"]);
    // No bytes follow the length of an object.
    assert_eq!(store.size("a").unwrap(), Some(2 << 30));
}

#[test]
fn a_slow_answer_is_no_stalled_one() {
    let (store, requests) = start(|_| Behavior::Crawl(WHOLE));
    assert_eq!(store.small("a").unwrap().unwrap(), b"0123456789");
    assert_eq!(requests.lock().unwrap().len(), 1);
}

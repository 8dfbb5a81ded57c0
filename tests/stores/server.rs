//! Provides a small S3 server in memory, which misbehaves on request.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::mem;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A misbehavior.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Answers with this status line and this error code.
    Answer(&'static str, &'static str),
    /// Drops the connection without an answer.
    Drop,
    /// Drops the connection after this many bytes of the request's body, or of the answer's if that one is shorter.
    Cut(usize),
    /// Does what it is asked for, then drops the connection without an answer.
    Lose,
    /// Does what it is asked for, then changes the first byte of the object.
    Spoil,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    /// Whether its connection has carried no other request before.
    pub(crate) is_first_of_connection: bool,
    range: Option<(usize, usize)>,
    body: Vec<u8>,
}

impl Request {
    /// Returns whether the request is of this method and its target contains this text.
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }
}

type Chooser = dyn Fn(&Request, usize) -> Option<Fault> + Send + Sync;

/// What the server has.
#[derive(Default)]
struct Content {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    /// The number of uploads that have begun.
    begun: usize,
    requests: Vec<Request>,
}

/// A running server; its thread ends with the test process.
pub(crate) struct Server {
    port: u16,
    content: Arc<Mutex<Content>>,
    faults: Arc<Mutex<Box<Chooser>>>,
}

impl Server {
    /// Starts a server with one empty bucket, `lab`.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            content: Arc::default(),
            faults: Arc::new(Mutex::new(Box::new(|_, _| None))),
        };
        let (content, faults) = (server.content.clone(), server.faults.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, faults) = (content.clone(), faults.clone());
                thread::spawn(move || serve(&stream, &content, &faults));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Misbehaves from now on as the function says, which gets each request and the number of requests like it before.
    pub(crate) fn fail(
        &self,
        choose: impl Fn(&Request, usize) -> Option<Fault> + Send + Sync + 'static,
    ) {
        self.content.lock().unwrap().requests.clear();
        *self.faults.lock().unwrap() = Box::new(choose);
    }

    /// Returns the names of all objects, without the bucket.
    pub(crate) fn names(&self) -> Vec<String> {
        let content = self.content.lock().unwrap();
        content
            .objects
            .keys()
            .map(|key| key["/lab/".len()..].to_owned())
            .collect()
    }

    /// Returns an object.
    pub(crate) fn object(&self, name: &str) -> Vec<u8> {
        self.content.lock().unwrap().objects[&format!("/lab/{name}")].clone()
    }

    /// Changes the objects.
    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) {
        change(&mut self.content.lock().unwrap().objects);
    }

    /// Forgets every unfinished upload, as a bucket does that removes them after some days.
    pub(crate) fn forget_uploads(&self) {
        self.content.lock().unwrap().uploads.clear();
    }

    /// Returns the number of unfinished uploads.
    pub(crate) fn unfinished(&self) -> usize {
        self.content.lock().unwrap().uploads.len()
    }

    /// Returns the number of requests like this since the last change of behavior.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let content = self.content.lock().unwrap();
        content
            .requests
            .iter()
            .filter(|it| it.is(method, part))
            .count()
    }
}

fn serve(mut stream: &TcpStream, content: &Mutex<Content>, faults: &Mutex<Box<Chooser>>) {
    let mut reader = BufReader::new(stream);
    let mut is_first = true;
    while let Some((mut request, length)) = read(&mut reader) {
        request.is_first_of_connection = mem::replace(&mut is_first, false);
        let fault = {
            let requests = &mut content.lock().unwrap().requests;
            let same = |it: &&Request| it.method == request.method && it.target == request.target;
            let before = requests.iter().filter(same).count();
            requests.push(request.clone());
            faults.lock().unwrap()(&request, before)
        };
        let cut = match fault {
            Some(Fault::Cut(most)) => most,
            _ => usize::MAX,
        };
        request.body = vec![0; length.min(cut)];
        if reader.read_exact(&mut request.body).is_err() || cut < length {
            return;
        }
        let mut content = content.lock().unwrap();
        let (status, headers, body) = match fault {
            Some(Fault::Drop) => return,
            Some(Fault::Lose) => {
                content.answer(&request);
                return;
            }
            Some(Fault::Answer(status, code)) => (status.to_owned(), String::new(), error(code)),
            Some(Fault::Spoil) => {
                let answer = content.answer(&request);
                for (_, bytes) in content
                    .objects
                    .iter_mut()
                    .filter(|(key, _)| request.target.starts_with(key.as_str()))
                {
                    bytes[0] ^= 1;
                }
                answer
            }
            None | Some(Fault::Cut(_)) => content.answer(&request),
        };
        drop(content);
        let length = match headers.contains("Content-Length") {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n");
        let body = if request.method == "HEAD" {
            &[][..]
        } else {
            &body[..body.len().min(cut)]
        };
        let is_sent = stream.write_all(&[head.as_bytes(), body].concat()).is_ok();
        if !is_sent || cut != usize::MAX {
            return;
        }
    }
}

fn error(code: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>")
        .into_bytes()
}

impl Content {
    /// Does what a request asks for; returns the status, further headers and the body.
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let number = value("partNumber").map(|number| number.parse().unwrap());
        let body = request.body.clone();
        match (request.method.as_str(), value("uploadId"), number) {
            ("GET", ..) if path == "/lab" => {
                let prefix = value("prefix").unwrap_or_default().replace("%2F", "/");
                ok(self.list(&format!("/lab/{prefix}")))
            }
            _ if !path.starts_with("/lab/") => absent("NoSuchBucket"),
            ("GET" | "HEAD", ..) => match self.objects.get(path) {
                Some(bytes) => found(bytes, request),
                None => absent("NoSuchKey"),
            },
            ("PUT", Some(id), Some(number)) => match self.uploads.get_mut(&id) {
                Some(upload) => done(upload.insert(number, body).map(drop)),
                None => absent("NoSuchUpload"),
            },
            ("PUT", ..) => done(self.objects.insert(path.to_owned(), body).map(drop)),
            ("POST", None, _) => self.begin(),
            ("POST", Some(id), _) => match self.uploads.remove(&id) {
                Some(parts) => {
                    let bytes = parts.into_values().flatten().collect();
                    self.objects.insert(path.to_owned(), bytes);
                    ok(COMPLETED.to_owned())
                }
                None => absent("NoSuchUpload"),
            },
            ("DELETE", Some(id), _) => done(self.uploads.remove(&id).map(drop)),
            ("DELETE", None, _) => done(self.objects.remove(path).map(drop)),
            _ => panic!("{} {}", request.method, request.target),
        }
    }

    /// Lists the objects directly below a prefix.
    fn list(&self, prefix: &str) -> String {
        let names = self.objects.keys();
        let inside = names.filter_map(|key| key.strip_prefix(prefix).map(|rest| (key, rest)));
        let listed = inside.filter(|(_, rest)| !rest.contains('/'));
        let listed = listed.map(|(key, _)| {
            let key = &key["/lab/".len()..];
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-26T10:00:00.000Z</LastModified>\
                 <ETag>\"e\"</ETag><Size>1</Size></Contents>"
            )
        });
        let listed: Vec<String> = listed.collect();
        let listed = listed.concat();
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>")
    }

    fn begin(&mut self) -> Answer {
        let id = format!("upload-{}", self.begun);
        self.begun += 1;
        self.uploads.insert(id.clone(), BTreeMap::new());
        ok(format!(
            "<InitiateMultipartUploadResult><Bucket>lab</Bucket><Key>k</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }
}

/// A status, further headers and a body.
type Answer = (String, String, Vec<u8>);

const COMPLETED: &str = "<CompleteMultipartUploadResult><Location>l</Location><Bucket>lab</Bucket><Key>k</Key>\
     <ETag>\"e\"</ETag></CompleteMultipartUploadResult>";

fn ok(body: String) -> Answer {
    (
        "200 OK".to_owned(),
        "ETag: \"e\"\r\n".to_owned(),
        body.into_bytes(),
    )
}

fn done(_: Option<()>) -> Answer {
    ok(String::new())
}

fn absent(code: &str) -> Answer {
    ("404 Not Found".to_owned(), String::new(), error(code))
}

fn found(bytes: &[u8], request: &Request) -> (String, String, Vec<u8>) {
    let modified = "Last-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\nETag: \"e\"\r\n";
    match request.range {
        Some((first, last)) => {
            let last = last.min(bytes.len() - 1);
            let range = format!("Content-Range: bytes {first}-{last}/{}\r\n", bytes.len());
            (
                "206 Partial Content".to_owned(),
                format!("{modified}{range}"),
                bytes[first..=last].to_vec(),
            )
        }
        None if request.method == "HEAD" => (
            "200 OK".to_owned(),
            format!("{modified}Content-Length: {}\r\n", bytes.len()),
            Vec::new(),
        ),
        None => ("200 OK".to_owned(), modified.to_owned(), bytes.to_vec()),
    }
}

/// Reads a request up to its body; returns the length of the body as well.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<(Request, usize)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request {
        method,
        target,
        is_first_of_connection: true,
        range: None,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "range" => {
                let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
                request.range = Some((first.parse().ok()?, last.parse().ok()?));
            }
            _ => {}
        }
    }
    Some((request, length))
}

//! Provides a real registry, Debian's docker-registry, behind a proxy that misbehaves on request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::port::free_port;

/// The directory of programs that `cargo xtask setup` unpacks without installing them.
const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/usr");

/// The directory of the Python package of oras.
const ORAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/oras");

/// A misbehavior.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Answers with this status line, these headers and this body.
    Answer(&'static str, String, String),
    /// Passes on half of the request, then drops both connections.
    Break,
    /// Passes on the request, then drops the connection after this many bytes of the answer.
    Cut(usize),
    /// Passes everything on, but changes the last byte of the answer.
    Spoil,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// The headers as lines, in lower case up to the colon.
    pub(super) headers: String,
    body: Vec<u8>,
}

impl Request {
    /// Returns whether the request is of this method and its target contains this text.
    pub(super) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }
}

type Chooser = dyn FnMut(&Request) -> Option<Fault> + Send;

/// A running registry and its proxy.
pub(super) struct Registry {
    process: Child,
    behind: u16,
    proxy: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    faults: Arc<Mutex<Box<Chooser>>>,
    _folder: TempDir,
}

impl Registry {
    /// Starts an empty registry that lets everybody in.
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// Starts an empty registry that lets in one user, `ada` with the password `hunter2`.
    pub(super) fn with_login() -> Self {
        Self::with("auth:\n  htpasswd: {realm: r, path: FOLDER/users}\n")
    }

    fn with(more: &str) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let shown = folder.path().to_str().unwrap();
        let behind = free_port("127.0.0.1");
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {shown}/data}}\n\
             http: {{addr: \"127.0.0.1:{behind}\", secret: s}}\n{}",
            more.replace("FOLDER", shown)
        );
        std::fs::write(folder.path().join("config.yml"), configuration).unwrap();
        // python3 -c "import crypt; print(crypt.crypt('hunter2', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))"
        let users = "ada:$2b$04$D9xV2iQd5xymdxxNp.BYmu3tj89mB.p6oxYDS1fmx74Han594kkbG\n";
        std::fs::write(folder.path().join("users"), users).unwrap();
        let process = Command::new(program("docker-registry"))
            .arg("serve")
            .arg(folder.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo xtask setup unpacks docker-registry");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut registry = Self {
            process,
            behind,
            proxy: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            faults: Arc::new(Mutex::new(Box::new(|_| None))),
            _folder: folder,
        };
        registry.wait();
        let (requests, faults) = (registry.requests.clone(), registry.faults.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, faults) = (requests.clone(), faults.clone());
                thread::spawn(move || serve(&stream, behind, &requests, &faults));
            }
        });
        registry
    }

    fn wait(&mut self) {
        for _ in 0..2400 {
            let ended = self.process.try_wait().unwrap();
            assert_eq!(ended, None, "docker-registry has ended");
            if TcpStream::connect(("127.0.0.1", self.behind)).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not answer after two minutes");
    }

    /// Returns the address of a repository as `etcd-image` writes it, through the proxy.
    pub(super) fn place(&self, rest: &str) -> String {
        format!("oci://127.0.0.1:{}/{rest}", self.proxy)
    }

    /// Returns the host and port of the proxy.
    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.proxy)
    }

    /// Misbehaves from now on as the function says.
    pub(super) fn fail(&self, choose: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
        self.requests.lock().unwrap().clear();
        *self.faults.lock().unwrap() = Box::new(choose);
    }

    /// Returns the number of requests like this since the last change of behavior.
    pub(super) fn count(&self, is_wanted: impl Fn(&Request) -> bool) -> usize {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .filter(|it| is_wanted(it))
            .count()
    }

    /// Pulls a build into a directory with oras, another author's client, from the registry itself.
    pub(super) fn oras_pull(&self, reference: &str, to: &Path) {
        let pull = "import sys, oras.client\n\
                    oras.client.OrasClient(insecure=True).pull(target=sys.argv[1], outdir=sys.argv[2])\n";
        let output = Command::new("/usr/bin/python3")
            .args([
                "-c",
                pull,
                &format!("127.0.0.1:{}/{reference}", self.behind),
            ])
            .arg(to)
            .env("PYTHONPATH", ORAS)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "cargo xtask setup unpacks oras: {error}"
        );
    }

    /// Runs skopeo, another author's client, on the registry itself. `PLACE` in an argument is the registry.
    pub(super) fn skopeo(&self, arguments: &[&str]) -> String {
        let place = format!("docker://127.0.0.1:{}", self.behind);
        let arguments = arguments.iter().map(|it| it.replace("PLACE", &place));
        let library = format!("{UNPACKED}/lib/{}-linux-gnu", std::env::consts::ARCH);
        let output = Command::new(program("skopeo"))
            .arg("--insecure-policy")
            .args(arguments)
            .env("LD_LIBRARY_PATH", library)
            .output()
            .expect("cargo xtask setup unpacks skopeo");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the path of a program: an unpacked one, or an installed one.
fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(UNPACKED).join("bin").join(name);
    match unpacked.exists() {
        true => unpacked,
        false => name.into(),
    }
}

/// Passes one request on, and its answer back. The connection ends with it.
fn serve(
    mut client: &TcpStream,
    behind: u16,
    requests: &Mutex<Vec<Request>>,
    faults: &Mutex<Box<Chooser>>,
) -> Option<()> {
    let request = read(client)?;
    requests.lock().unwrap().push(request.clone());
    let fault = (faults.lock().unwrap())(&request);
    if let Some(Fault::Answer(status, headers, body)) = fault {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n");
        let answer = format!("{head}Connection: close\r\n\r\n{body}");
        return client.write_all(answer.as_bytes()).ok();
    }
    let mut registry = TcpStream::connect(("127.0.0.1", behind)).ok()?;
    let Request {
        method,
        target,
        headers,
        body,
    } = &request;
    let head = format!("{method} {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    registry.write_all(head.as_bytes()).ok()?;
    if matches!(fault, Some(Fault::Break)) {
        registry.write_all(&body[..body.len() / 2]).ok()?;
        let _ = registry.shutdown(Shutdown::Both);
        return None;
    }
    registry.write_all(body).ok()?;
    let mut answer = Vec::new();
    registry.read_to_end(&mut answer).ok()?;
    match fault {
        Some(Fault::Cut(length)) => answer.truncate(length),
        Some(Fault::Spoil) => *answer.last_mut()? ^= 1,
        _ => {}
    }
    client.write_all(&answer).ok()
}

fn read(client: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next()?,
        target: words.next()?,
        ..Request::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        if name != "connection" {
            request.headers += &[name.as_str(), ": ", value, "\r\n"].concat();
        }
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

//! Runs `overlays/etcd/answer`, with which a waiting node answers the others, and calls it as members and strangers do.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::fixture::write;
use crate::support::tool::{Said, tool, tool_in};

/// The time within which an answer must come on a busy machine. A caller that says nothing is cut off after five seconds.
const SOON: Duration = Duration::from_secs(3);
const REQUEST: &str = r"GET /members HTTP/1.0\r\nHost: a\r\n\r\n";
const WORDS: &str = "etcd-node a 5 -\n";

/// The running program, and certificates of two authorities in its directory.
struct Waiting {
    folder: TempDir,
    host: &'static str,
    port: u16,
    program: Child,
}

impl Waiting {
    /// Starts the program on an address of this machine.
    fn at(host: &'static str) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for authority in ["ca", "foreign"] {
            certify(folder.path(), authority);
        }
        write(&folder.path().join("said"), WORDS.as_bytes());
        let port = free_port(host);
        let program = program(folder.path(), host, port, std::process::id());
        let waiting = Self {
            folder,
            host,
            port,
            program,
        };
        let end = Instant::now() + 10 * SOON;
        while TcpStream::connect((host, port)).is_err() {
            assert!(Instant::now() < end, "the program does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        waiting
    }

    /// Asks as `join` does, with these options that name a certificate.
    fn ask(&self, request: &str, certificate: &str) -> Said {
        let client = self.client(certificate);
        let script = format!("printf '{request}' | timeout 10 {client}");
        tool("sh", &["-c", &script])
    }

    fn client(&self, certificate: &str) -> String {
        let folder = self.folder.path().display();
        let place = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        let certificate = match certificate {
            "" => String::new(),
            name => format!("-cert {folder}/{name}-leaf.crt -key {folder}/{name}-leaf.key"),
        };
        format!(
            "openssl s_client -connect {place} -verify_ip {} -groups X25519 -CAfile {folder}/ca.crt \
             -verify_return_error -quiet {certificate}",
            self.host
        )
    }

    /// Opens a member's connection, sends this and leaves it open.
    fn hold(&self, text: &str) -> (Child, ChildStdin) {
        let mut client = Command::new("sh")
            .args(["-c", &format!("exec {}", self.client("ca"))])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        (client, input)
    }

    #[track_caller]
    fn answers_soon(&self) {
        let start = Instant::now();
        let said = self.ask(REQUEST, "ca");
        assert!(said.text().ends_with(WORDS), "{}", said.words());
        assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn program(folder: &Path, host: &str, port: u16, parent: u32) -> Child {
    let at = |name: &str| folder.join(name);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays/etcd/answer");
    let mut command = Command::new("/usr/bin/python3");
    command.arg("-IS").arg(program);
    command.args([&parent.to_string(), host, &port.to_string()]);
    command.args([
        at("said"),
        at("ca.crt"),
        at("ca-leaf.crt"),
        at("ca-leaf.key"),
    ]);
    command.spawn().unwrap()
}

fn free_port(host: &str) -> u16 {
    let listener = std::net::TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Creates an authority `NAME.crt` and a member's certificate `NAME-leaf.crt`, each with its key.
fn certify(folder: &Path, name: &str) {
    let script = format!(
        "new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
         openssl req -x509 $new -days 9 -subj /CN={name} -addext keyUsage=critical,keyCertSign -keyout {name}.key -out {name}.crt
         openssl req $new -subj /CN=a -keyout {name}-leaf.key -out request
         printf 'subjectAltName=IP:127.0.0.1,IP:::1\\nextendedKeyUsage=serverAuth,clientAuth\\n' >extensions
         openssl x509 -req -in request -days 9 -CA {name}.crt -CAkey {name}.key -CAcreateserial -extfile extensions -out {name}-leaf.crt"
    );
    tool_in(folder, "sh", &["-euc", &script]).done();
}

#[test]
fn a_member_is_answered_while_strangers_and_running_members_hold_connections() {
    let waiting = Waiting::at("127.0.0.1");
    let connect = || TcpStream::connect((waiting.host, waiting.port)).unwrap();
    let idle: Vec<TcpStream> = (0..30).map(|_| connect()).collect();
    let slow: Vec<_> = (0..5).map(|_| waiting.hold("POST /ra")).collect();
    for _ in 0..3 {
        waiting.answers_soon();
    }
    for (mut client, input) in slow {
        client.kill().unwrap();
        client.wait().unwrap();
        drop(input);
    }
    drop(idle);
}

#[test]
fn only_a_certificate_of_the_cluster_opens_the_answer() {
    let waiting = Waiting::at("127.0.0.1");
    for (certificate, refusal) in [("", "certificate required"), ("foreign", "unknown ca")] {
        let said = waiting.ask(REQUEST, certificate);
        assert_eq!(said.text(), "", "{certificate}");
        // `join` tells such an alert apart from silence.
        let alert = format!("alert {refusal}");
        assert!(said.err.contains(&alert), "{}", said.words());
    }
    waiting.answers_soon();
}

#[test]
fn every_other_request_is_refused_at_once() {
    let waiting = Waiting::at("127.0.0.1");
    for request in [
        "POST /raft HTTP/1.1\\r\\nContent-Length: 5\\r\\n\\r\\nabc",
        "GET /raft/stream/message/1 HTTP/1.1\\r\\n\\r\\n",
        "GET /members/1 HTTP/1.1\\r\\n\\r\\n",
        "nothing known\\n",
    ] {
        let start = Instant::now();
        let said = waiting.ask(request, "ca");
        assert_eq!(said.text(), "HTTP/1.0 503 Service Unavailable\r\n\r\n");
        assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    }
}

#[test]
fn the_words_are_read_anew_for_each_answer() {
    let waiting = Waiting::at("::1");
    waiting.answers_soon();
    write(&waiting.folder.path().join("said"), b"etcd-node a 5 7\n");
    let said = waiting.ask(REQUEST, "ca").text();
    assert_eq!(
        said,
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\netcd-node a 5 7\n"
    );
    std::fs::remove_file(waiting.folder.path().join("said")).unwrap();
    let said = waiting.ask(REQUEST, "ca").text();
    assert_eq!(said, "HTTP/1.0 503 Service Unavailable\r\n\r\n");
}

#[test]
fn it_ends_with_its_parent() {
    let waiting = Waiting::at("127.0.0.1");
    // A process that is no parent of it, as after the parent's end.
    let mut orphan = program(
        waiting.folder.path(),
        "127.0.0.1",
        free_port("127.0.0.1"),
        1,
    );
    assert!(orphan.wait().unwrap().success());
}

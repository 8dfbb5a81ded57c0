//! Runs `overlays/etcd/answer`, with which a waiting node answers the others, and calls it as members and strangers do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::fixture::write;
use crate::support::port::free_port;
use crate::support::tool::{Said, tool, tool_in};

/// The time within which an answer must come. A caller that says nothing is cut off after five seconds.
const SOON: Duration = Duration::from_secs(3);
/// The pause before a running member is refused.
const PAUSE: Duration = Duration::from_millis(1500);
/// How often something is tried that may take too long on a busy machine. The program hangs up after five seconds.
const ATTEMPTS: usize = 5;
const REQUEST: &str = r"GET /members HTTP/1.0\r\nHost: a\r\n\r\n";
const WORDS: &str = "etcd-node a 5 -\n";
const REFUSAL: &str = "HTTP/1.0 503 Service Unavailable\r\n\r\n";

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
        let listens = || TcpStream::connect((host, port)).is_ok();
        until(listens, "the program does not listen");
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
        // The client may have ended by itself: the program hangs up after five seconds.
        let _ = input.write_all(text.as_bytes());
        (client, input)
    }

    /// Asks a member's question, and returns whether the answer came soon.
    fn answers_soon(&self) -> bool {
        let start = Instant::now();
        let said = self.ask(REQUEST, "ca").text();
        said.ends_with(WORDS) && start.elapsed() < SOON
    }

    /// Returns whether three answers come soon while strangers and running members hold connections.
    fn answers_soon_beside_others(&self) -> bool {
        let connect = || TcpStream::connect((self.host, self.port)).unwrap();
        let idle: Vec<TcpStream> = (0..30).map(|_| connect()).collect();
        let slow: Vec<_> = (0..5).map(|_| self.hold("POST /ra")).collect();
        let are_soon = (0..3).all(|_| self.answers_soon());
        for (mut client, input) in slow {
            client.kill().unwrap();
            client.wait().unwrap();
            drop(input);
        }
        drop(idle);
        are_soon
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn path() -> String {
    format!("{}/overlays/etcd/answer", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the program's arguments after its parent.
fn arguments(folder: &Path, host: &str, port: u16) -> [String; 7] {
    let at = |name: &str| folder.join(name).display().to_string();
    let files = ["said", "ca.crt", "ca-leaf.crt", "ca-leaf.key"].map(at);
    let [said, authority, certificate, key] = files;
    [
        host.to_owned(),
        port.to_string(),
        said,
        "https".to_owned(),
        authority,
        certificate,
        key,
    ]
}

fn program(folder: &Path, host: &str, port: u16, parent: u32) -> Child {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-IS", &path(), &parent.to_string()]);
    command.args(arguments(folder, host, port)).spawn().unwrap()
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
    assert!((0..ATTEMPTS).any(|_| waiting.answers_soon_beside_others()));
}

#[test]
fn only_a_certificate_of_the_cluster_opens_the_answer() {
    let waiting = Waiting::at("127.0.0.1");
    for (certificate, refusal) in [("", "certificate required"), ("foreign", "unknown ca")] {
        // `join` tells such an alert apart from silence.
        let alert = format!("alert {refusal}");
        let is_refused = |_| {
            let said = waiting.ask(REQUEST, certificate);
            assert_eq!(said.text(), "", "{certificate}");
            said.err.contains(&alert)
        };
        assert!((0..ATTEMPTS).any(is_refused), "{refusal}");
    }
    assert!((0..ATTEMPTS).any(|_| waiting.answers_soon()));
}

#[test]
fn an_insecure_member_answers_whoever_asks() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let said = folder.path().join("said");
    write(&said, WORDS.as_bytes());
    let port = free_port("127.0.0.1");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-IS", &path(), &std::process::id().to_string()]);
    command.args(["127.0.0.1", &port.to_string(), said.to_str().unwrap()]);
    let mut program = command.args(["http", "-", "-", "-"]).spawn().unwrap();
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    until(listens, "the program does not listen");
    // As `join` asks.
    let client = r#"timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && cat <&3' 127.0.0.1"#;
    let asked = tool(
        "sh",
        &["-c", &format!("printf '{REQUEST}' | {client} {port}")],
    );
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(asked.text().ends_with(WORDS), "{}", asked.words());
}

#[test]
fn every_other_request_is_refused_after_a_pause() {
    let waiting = Waiting::at("127.0.0.1");
    let requests = [
        "POST /raft HTTP/1.1\\r\\nContent-Length: 5\\r\\n\\r\\nabc",
        "GET /raft/stream/message/1 HTTP/1.1\\r\\n\\r\\n",
        "GET /members/1 HTTP/1.1\\r\\n\\r\\n",
        "nothing known\\n",
    ];
    let is_refused_in_time = |request: &str| {
        let start = Instant::now();
        let said = waiting.ask(request, "ca").text();
        assert!(!said.contains(WORDS), "{request}");
        said == REFUSAL && (PAUSE..PAUSE + SOON).contains(&start.elapsed())
    };
    let is_refused_in_time = &is_refused_in_time;
    std::thread::scope(|scope| {
        for request in requests {
            scope.spawn(move || {
                assert!(
                    (0..ATTEMPTS).any(|_| is_refused_in_time(request)),
                    "{request}"
                );
            });
        }
    });
}

#[test]
fn the_words_are_read_anew_for_each_answer() {
    let waiting = Waiting::at("::1");
    assert!((0..ATTEMPTS).any(|_| waiting.answers_soon()));
    write(&waiting.folder.path().join("said"), b"etcd-node a 5 7\n");
    let says = |words: &str| (0..ATTEMPTS).any(|_| waiting.ask(REQUEST, "ca").text() == words);
    assert!(says(
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\netcd-node a 5 7\n"
    ));
    std::fs::remove_file(waiting.folder.path().join("said")).unwrap();
    assert!(says(REFUSAL));
}

#[test]
fn it_ends_with_its_parent() {
    let waiting = Waiting::at("127.0.0.1");
    let port = free_port("127.0.0.1");
    let arguments = arguments(waiting.folder.path(), "127.0.0.1", port).join(" ");
    let parent = format!("/usr/bin/python3 -IS {} $$ {arguments} & wait", path());
    let mut parent = Command::new("sh").args(["-c", &parent]).spawn().unwrap();
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    until(listens, "the program does not listen");
    std::thread::sleep(Duration::from_secs(2));
    assert!(listens(), "the program ended while its parent ran");
    parent.kill().unwrap();
    parent.wait().unwrap();
    until(|| !listens(), "the program outlives its parent");
}

#[test]
fn one_address_keeps_a_few_connections_and_takes_none_from_the_others() {
    let waiting = Waiting::at("127.0.0.1");
    // The program hangs up after five seconds, so that an attempt on a busy machine may fail.
    assert!((0..ATTEMPTS).any(|_| waiting.answers_beside_a_crowd()));
}

/// A TLS handshake takes an emulated board a second, and a leader sends messages meanwhile.
#[test]
fn a_slow_question_is_answered_beside_requests_that_are_refused() {
    let waiting = Waiting::at("127.0.0.1");
    assert!((0..ATTEMPTS).any(|_| waiting.answers_beside_refused_requests()));
}

impl Waiting {
    /// Returns whether a member's question, which is not complete yet, survives more of its requests than one address may have.
    fn answers_beside_refused_requests(&self) -> bool {
        let question = r"{ printf 'GET /mem'; sleep 3; printf 'bers HTTP/1.0\r\n\r\n'; }";
        let question = format!("{question} | timeout 10 {}", self.client("ca"));
        std::thread::scope(|scope| {
            let member = scope.spawn(|| tool("sh", &["-c", &question]));
            std::thread::sleep(Duration::from_millis(700));
            let request = |_| {
                std::thread::sleep(Duration::from_millis(50));
                self.hold("POST /raft HTTP/1.1\r\n\r\n")
            };
            let refused: Vec<_> = (0..12).map(request).collect();
            let said = member.join().unwrap();
            for (mut client, input) in refused {
                client.kill().unwrap();
                client.wait().unwrap();
                drop(input);
            }
            said.text().ends_with(WORDS)
        })
    }

    /// Returns whether a member at another address, whose request is not complete yet, survives many connections from one
    /// address, of which only eight stay open.
    fn answers_beside_a_crowd(&self) -> bool {
        let bound = format!("exec {} -bind 127.0.0.2:0", self.client("ca"));
        let mut member = Command::new("sh")
            .args(["-c", &bound])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut request = member.stdin.take().unwrap();
        let begun = request.write_all(b"GET /mem");
        std::thread::sleep(Duration::from_secs(1));
        let connect = |_| TcpStream::connect((self.host, self.port)).unwrap();
        let crowd: Vec<TcpStream> = (0..70).map(connect).collect();
        std::thread::sleep(Duration::from_secs(1));
        let open = crowd.iter().filter(|line| is_open(line)).count();
        let complete = request.write_all(b"bers HTTP/1.0\r\n\r\n");
        let said = member.wait_with_output().unwrap();
        let is_sent = begun.is_ok() && complete.is_ok();
        is_sent && open <= 8 && said.stdout.ends_with(WORDS.as_bytes())
    }
}

fn is_open(mut line: &TcpStream) -> bool {
    line.set_nonblocking(true).unwrap();
    let read = line.read(&mut [0]);
    matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[track_caller]
fn until(done: impl Fn() -> bool, complaint: &str) {
    let end = Instant::now() + 10 * SOON;
    while !done() {
        assert!(Instant::now() < end, "{complaint}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! `[backup] to = "s3://…"`: the node's own program with a server that checks signatures. That server in turn is checked with
//! curl, which signs by itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool_in};

const PROGRAM: &str = "/usr/local/lib/etcd-node/s3";

/// A node, and a server in the same directory.
struct Place {
    folder: TempDir,
    server: Child,
    host: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(folder.path().join("objects")).unwrap();
        let certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out ca.pem -days 2 \
                           -subj /CN=localhost -addext subjectAltName=DNS:localhost";
        let words: Vec<_> = certificate.split_whitespace().collect();
        tool_in(folder.path(), words[0], &words[1..]).done();
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/s3_server.py");
        let mut server = Command::new("python3")
            .args([program, "objects", "ca.pem", "key.pem"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let host = format!("localhost:{}", port.trim());
        let place = Self {
            folder,
            server,
            host,
        };
        fs::write(place.at("snapshot"), vec![7; 300_000]).unwrap();
        place.write_keys("secret/of+test", 0o600);
        place.write_program("backups");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_keys(&self, secret: &str, mode: u32) {
        let text =
            format!("[default]\naws_access_key_id = AKIDTEST\naws_secret_access_key = {secret}\n");
        fs::write(self.at("s3-credentials"), text).unwrap();
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.at("s3-credentials"), permissions).unwrap();
    }

    fn write_program(&self, bucket: &str) {
        let configuration = format!(
            "[backup]\nto = \"s3://{bucket}/etcd\"\nendpoint = \"https://{}\"\nregion = \"eu-central-1\"\nkeep = 2\n",
            self.host
        );
        let owner = fs::metadata(self.folder.path()).unwrap().uid();
        let text = rendered(&configuration, PROGRAM)
            .replace("/var/lib/etcd", self.folder.path().to_str().unwrap())
            .replace("st_uid != 0", &format!("st_uid != {owner}"));
        fs::write(self.at("s3"), text).unwrap();
    }

    /// Sends the snapshot under a name of this second.
    fn send(&self, second: u32) -> Said {
        let name = format!("main-20260101T00000{second}Z.db");
        let script = format!("SSL_CERT_FILE=ca.pem exec python3 -IS s3 snapshot {name}");
        tool_in(self.folder.path(), "sh", &["-c", &script])
    }

    /// Asks for a list with curl, and returns the status.
    fn curl(&self, secret: &str) -> String {
        let url = format!("https://{}/backups?list-type=2&prefix=etcd", self.host);
        let user = format!("AKIDTEST:{secret}");
        let words = [
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--cacert",
            "ca.pem",
        ];
        let signed = [
            "--aws-sigv4",
            "aws:amz:eu-central-1:s3",
            "--user",
            &user,
            &url,
        ];
        tool_in(self.folder.path(), "curl", &[&words[..], &signed].concat()).text()
    }

    fn objects(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("objects")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn snapshots_go_to_a_bucket_and_older_ones_are_removed() {
    let place = Place::new();
    assert_eq!(
        (place.curl("secret/of+test"), place.curl("wrong")),
        ("200".to_owned(), "403".to_owned())
    );
    fs::write(place.at("objects/etcd%main-by-hand.db"), "").unwrap();
    for second in 1..=3 {
        assert_eq!(place.send(second).done().text(), "");
    }
    let kept = [
        "etcd%main-20260101T000002Z.db",
        "etcd%main-20260101T000003Z.db",
        "etcd%main-by-hand.db",
    ];
    assert_eq!(place.objects(), kept);
    let sent = fs::read(place.at("objects").join(kept[1])).unwrap();
    assert_eq!(sent, fs::read(place.at("snapshot")).unwrap());
}

#[test]
fn nothing_is_sent_with_wrong_keys_or_to_another_server() {
    let place = Place::new();
    let refused = |reason: &str| {
        let said = place.send(1);
        assert_eq!((said.code, said.err.trim()), (Some(1), reason));
        assert_eq!(place.objects(), Vec::<String>::new());
    };
    let host = &place.host;
    place.write_keys("wrong", 0o600);
    refused(&format!(
        "{host} says: The request signature does not match. (403)"
    ));
    place.write_keys("secret/of+test", 0o640);
    let keys = place.at("s3-credentials").display().to_string();
    refused(&format!(
        "{keys} must belong to root, with the permissions 0600"
    ));
    fs::remove_file(&keys).unwrap();
    refused(&format!(
        "the keys of the account are missing: neither {keys} nor /etc/etcd-backup/s3-credentials exists"
    ));
    place.write_keys("secret/of+test", 0o600);
    place.write_program("other");
    refused(&format!("{host} says: The bucket does not exist. (404)"));
    place.write_program("backups");
    // The certificate is checked.
    let said = tool_in(
        place.folder.path(),
        "python3",
        &["-IS", "s3", "snapshot", "main-20260101T000001Z.db"],
    );
    let wanted = format!("{host} does not answer: [SSL: CERTIFICATE_VERIFY_FAILED]");
    assert!(said.err.starts_with(&wanted), "{}", said.words());
    assert_eq!(place.objects(), Vec::<String>::new());
}

/// An example of Amazon's documentation ("Signature Calculations for the Authorization Header", GET Bucket).
#[test]
fn a_signature_is_that_of_amazon_s_example() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let text = rendered("[backup]\nto = \"s3://examplebucket\"\n", PROGRAM);
    fs::write(folder.path().join("s3.py"), text).unwrap();
    let script = "
import s3
keys = ('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY')
host = 'examplebucket.s3.amazonaws.com'
headers = s3.signed('GET', host, '/', 'max-keys=2&prefix=J', s3.EMPTY, keys, '20130524T000000Z')
print(headers['authorization'].rpartition('=')[2])
";
    let said = tool_in(folder.path(), "python3", &["-Bc", script]).done();
    let wanted = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\n";
    assert_eq!(said.text(), wanted);
}

#[test]
fn the_backup_sends_to_the_bucket() {
    let text = rendered(
        "[backup]\nto = \"s3://lab/etcd\"\n",
        "/usr/local/lib/etcd-node/backup",
    );
    let wanted = "/usr/bin/python3 -IS /usr/local/lib/etcd-node/s3 \"$PLACE/partial\" \"$name\"";
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("make_room && save && send\n"), "{text}");
    let text = rendered("[backup]\nto = \"s3://lab/etcd\"\n", PROGRAM);
    assert!(
        text.contains("HOST = \"s3.us-east-1.amazonaws.com\"\n"),
        "{text}"
    );
}

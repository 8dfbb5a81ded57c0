//! Provides a real S3 server, moto's, which checks signatures and rights, and other authors' clients: the command line of AWS, and age.
#![expect(clippy::print_stderr, reason = "reports skipped tests")]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::port::free_port;
use crate::support::scene::{Outcome, Scene};
use crate::support::tool::tool;

/// The Python packages that `cargo xtask setup` unpacks.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/aws");

/// Succeeds if the packages run with this Python.
const IS_NEW: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

const REGION: &str = "eu-central-1";

/// Creates a user with every right and a key, then the bucket `lab`, and a role. Prints the user's key and one of the role, which expires, as
/// the services of containers do. The server lets everybody take the first three steps.
const PREPARE: &str = "
import boto3, json, os
iam = boto3.client('iam')
iam.create_user(UserName='ada')
key = iam.create_access_key(UserName='ada')['AccessKey']
rights = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]})
iam.put_user_policy(UserName='ada', PolicyName='p', PolicyDocument=rights)
session = boto3.Session(key['AccessKeyId'], key['SecretAccessKey'])
place = {'LocationConstraint': os.environ['AWS_DEFAULT_REGION']}
session.client('s3').create_bucket(Bucket='lab', CreateBucketConfiguration=place)
iam = session.client('iam')
role = iam.create_role(RoleName='builder', AssumeRolePolicyDocument=rights)['Role']['Arn']
iam.put_role_policy(RoleName='builder', PolicyName='p', PolicyDocument=rights)
given = session.client('sts').assume_role(RoleArn=role, RoleSessionName='build')['Credentials']
given['Token'] = given['SessionToken']
given['Expiration'] = given['Expiration'].isoformat()
print(json.dumps([{name: key[name] for name in ('AccessKeyId', 'SecretAccessKey')}, given]))
";

/// A running server.
pub(super) struct Moto {
    process: Child,
    port: u16,
    folder: TempDir,
    /// The key of a user and that of a role.
    keys: Value,
}

impl Moto {
    /// Starts a server with the empty bucket `lab`. If this machine's Python is too old, prints that the test is skipped.
    pub(super) fn start(test: &str) -> Option<Self> {
        if tool("/usr/bin/python3", &["-c", IS_NEW]).code != Some(0) {
            eprintln!("SKIPPED: {test}: moto needs Python 3.10");
            return None;
        }
        assert!(
            Path::new(PACKAGES).is_dir(),
            "no {PACKAGES}: `cargo xtask setup` unpacks it"
        );
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let port = free_port("127.0.0.1");
        let shown = port.to_string();
        let process = python(folder.path())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &shown])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "3")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            port,
            folder,
            keys: Value::Null,
        };
        server.wait();
        let told = server.client(&["-c", PREPARE], &[("AWS_ACCESS_KEY_ID", "a")]);
        server.keys = serde_json::from_str(&told).unwrap();
        Some(server)
    }

    fn wait(&mut self) {
        for _ in 0..2400 {
            assert_eq!(self.process.try_wait().unwrap(), None, "moto has ended");
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("moto does not answer after two minutes");
    }

    /// Runs a client in Python with these variables; returns what it prints.
    fn client(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = python(self.folder.path())
            .args(arguments)
            .envs([
                ("AWS_SECRET_ACCESS_KEY", "b"),
                ("AWS_DEFAULT_REGION", REGION),
            ])
            .env("AWS_ENDPOINT_URL", self.url())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns a part of the key of the user (0) or of the role (1).
    fn key(&self, of: usize, part: &str) -> &str {
        self.keys[of][part].as_str().unwrap()
    }

    /// Runs the command line of AWS as the user.
    pub(super) fn aws(&self, arguments: &[&str]) -> String {
        let key = [
            ("AWS_ACCESS_KEY_ID", self.key(0, "AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", self.key(0, "SecretAccessKey")),
        ];
        self.client(&[&["-m", "awscli"], arguments].concat(), &key)
    }

    /// Lets the user do nothing but these actions from now on.
    pub(super) fn allow_only(&self, actions: &str) {
        let rights = format!(
            "{{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Allow\", \"Action\": {actions}, \"Resource\": \"*\"}}]}}"
        );
        let line = [
            "--user-name",
            "ada",
            "--policy-name",
            "p",
            "--policy-document",
            &rights,
        ];
        self.aws(&[&["iam", "put-user-policy"], &line[..]].concat());
    }

    /// Runs `etcd-image` with exactly these arguments as the user.
    pub(super) fn run(&self, scene: &Scene, arguments: &[&str]) -> Outcome {
        self.run_with(scene, self.key(0, "SecretAccessKey"), arguments)
    }

    /// Runs `etcd-image` with exactly these arguments and with this as the user's secret key.
    pub(super) fn run_with(&self, scene: &Scene, secret: &str, arguments: &[&str]) -> Outcome {
        let variables = [
            ("AWS_ACCESS_KEY_ID", self.key(0, "AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        self.run_as(scene, &variables, arguments)
    }

    /// Runs `etcd-image` with exactly these arguments as a container that gets its credentials from this address, which returns those of
    /// the role.
    pub(super) fn run_in_container(
        &self,
        scene: &Scene,
        address: &str,
        arguments: &[&str],
    ) -> Outcome {
        scene.file("token", "token");
        let variables = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token"),
        ];
        self.run_as(scene, &variables, arguments)
    }

    fn run_as(&self, scene: &Scene, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
        let place = [("AWS_ENDPOINT_URL", &*self.url()), ("AWS_REGION", REGION)];
        let all = place.iter().chain(variables);
        let all: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
        scene.bare_with_variables(&all, arguments)
    }

    /// Returns the role's credentials as the service of a container does.
    pub(super) fn role(&self) -> String {
        self.keys[1].to_string()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the command that runs Python with the packages and no settings of this user; temporary files go to the directory.
fn python(folder: &Path) -> Command {
    let mut python = Command::new("/usr/bin/python3");
    python
        .arg("-B")
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("PYTHONPATH", PACKAGES)])
        .envs([("HOME", folder), ("TMPDIR", folder)])
        .current_dir(folder);
    python
}

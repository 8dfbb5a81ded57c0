//! A client with the admin certificate beside the images. It uses etcd's JSON gateway, or etcdctl if etcd has no gateway.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Identity};
use serde_json::{Value, json};

use super::root::PROGRAMS;

/// The time after which a member without an answer counts as silent, on a machine with nothing else to do.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// The same on a busy machine, and for a login, in which etcd computes for long on purpose.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type HttpClient = reqwest::blocking::Client;

#[derive(Clone, Debug)]
pub(super) struct LabClient {
    /// `None` for Debian's etcd 3.4, which is built without the gateway, and with authentication, where the gateway refuses a
    /// certificate with a common name.
    http: Option<HttpClient>,
    folder: PathBuf,
    etcdctl: PathBuf,
    timeout: Duration,
}

/// The sender of an answer, with ids in decimal as etcd prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Header {
    pub(super) cluster: String,
    pub(super) member: String,
    pub(super) revision: i64,
}

/// An entry of the member list.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListedMember {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) learner: bool,
    /// The URL at which the other members reach it.
    pub(super) url: String,
}

impl LabClient {
    /// Opens the directory of an image set.
    pub(super) fn open(set: &Path) -> Result<Self> {
        let folder = set.join("client");
        let etcdctl = set.join("etcd1").join(PROGRAMS).join("etcdctl");
        let http = match set.ends_with("old") || set.ends_with("users") {
            true => None,
            false => Some(gateway(&folder)?),
        };
        Ok(Self {
            http,
            folder,
            etcdctl,
            timeout: TIMEOUT,
        })
    }

    /// Returns whether each request starts etcdctl.
    pub(super) fn starts_programs(&self) -> bool {
        self.http.is_none()
    }

    /// Returns the same client for somebody who has waited for this long: each request gets a tenth of that time.
    pub(super) fn after(&self, waited: Duration) -> Self {
        Self {
            timeout: (waited / 10).clamp(TIMEOUT, LONGEST_TIMEOUT),
            ..self.clone()
        }
    }

    /// Writes a key; success means that the cluster has acknowledged the write.
    pub(super) fn put(&self, node: IpAddr, key: &str, value: &str) -> Result<Header> {
        let request = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        header(&self.ask(node, "kv/put", &request, &["put", key, value])?)
    }

    /// Reads the value that the cluster agrees on.
    pub(super) fn get(&self, node: IpAddr, key: &str) -> Result<(Header, Option<String>)> {
        let request = json!({"key": STANDARD.encode(key)});
        let answer = self.ask(node, "kv/range", &request, &["get", key])?;
        let first = &answer["kvs"][0]["value"];
        let value = first.as_str().map(text).transpose()?;
        Ok((header(&answer)?, value))
    }

    /// Returns all keys that begin with `w`, and their values.
    pub(super) fn all(&self, node: IpAddr) -> Result<Vec<(String, String)>> {
        let range = json!({"key": STANDARD.encode("w"), "range_end": STANDARD.encode("x")});
        let answer = self.ask(node, "kv/range", &range, &["get", "w", "x"])?;
        header(&answer)?;
        let pairs = answer["kvs"].as_array().map(Vec::as_slice);
        let pair = |kv: &Value| Ok((field(kv, "key")?, field(kv, "value")?));
        pairs.unwrap_or_default().iter().map(pair).collect()
    }

    /// Returns the member list that the cluster agrees on; etcd 3.4 returns the view of the one member.
    pub(super) fn members(&self, node: IpAddr) -> Result<(Header, Vec<ListedMember>)> {
        let request = json!({"linearizable": true});
        let answer = self.ask(node, "cluster/member/list", &request, &["member", "list"])?;
        let list = answer["members"].as_array().context("no members")?;
        let mut members: Vec<ListedMember> = list.iter().map(member).collect();
        members.sort();
        Ok((header(&answer)?, members))
    }

    /// Returns the hash of a member's keys up to a revision.
    ///
    /// The gateway's `maintenance/hash` is another request: it covers the whole database, with the member list, as of now.
    pub(super) fn hash(&self, node: IpAddr, revision: i64) -> Result<u64> {
        let request = json!({ "revision": revision });
        let words = ["endpoint", "hashkv", "--rev", &revision.to_string()];
        let answer = self.ask(node, "maintenance/hashkv", &request, &words)?;
        let answer = if answer.is_array() {
            &answer[0]["HashKV"]
        } else {
            &answer
        };
        answer["hash"].as_u64().context("no hash")
    }

    /// Sends a request through the gateway or, without one, through etcdctl.
    fn ask(&self, node: IpAddr, path: &str, request: &Value, words: &[&str]) -> Result<Value> {
        let url = url(node);
        let Some(http) = &self.http else {
            return self.command(&url, words);
        };
        let post = http
            .post(format!("{url}/v3/{path}"))
            .timeout(self.timeout)
            .body(request.to_string());
        Ok(serde_json::from_str(&post.send()?.text()?)?)
    }

    /// Returns whether etcd asks for users.
    pub(super) fn has_authentication(&self, node: IpAddr) -> Result<bool> {
        let answer = self.command(&url(node), &["auth", "status"])?;
        header(&answer)?;
        Ok(answer["enabled"] == true)
    }

    /// Saves a snapshot of a member to a file.
    pub(super) fn save(&self, node: IpAddr, file: &Path) -> Result<()> {
        let file = file.to_str().context("the name of the file")?;
        self.run(&url(node), &["snapshot", "save", file]).map(drop)
    }

    fn command(&self, url: &str, words: &[&str]) -> Result<Value> {
        let words = [&["--write-out=json"], words].concat();
        Ok(serde_json::from_slice(&self.run(url, &words)?)?)
    }

    /// Runs etcdctl, and returns its output.
    fn run(&self, url: &str, words: &[&str]) -> Result<Vec<u8>> {
        let file = |name: &str| self.folder.join(name);
        let limit = self.timeout.as_millis();
        let output = Command::new(&self.etcdctl)
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", url])
            .arg(format!("--command-timeout={limit}ms"))
            .arg(format!("--dial-timeout={limit}ms"))
            .arg("--cacert")
            .arg(file("ca.crt"))
            .arg("--cert")
            .arg(file("admin.crt"))
            .arg("--key")
            .arg(file("admin.key"))
            .args(words)
            .output()?;
        if !output.status.success() {
            bail!(
                "etcdctl: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(output.stdout)
    }
}

/// Returns the URL for clients of a node.
pub(super) fn url(node: IpAddr) -> String {
    match node {
        IpAddr::V4(address) => format!("https://{address}:2379"),
        IpAddr::V6(address) => format!("https://[{address}]:2379"),
    }
}

fn gateway(folder: &Path) -> Result<HttpClient> {
    let mut admin = fs_err::read(folder.join("admin.key"))?;
    admin.extend(fs_err::read(folder.join("admin.crt"))?);
    http(&fs_err::read(folder.join("ca.crt"))?, &admin)
}

/// Returns a client of the gateway with this CA, and with this private key and certificate.
pub(super) fn http(authority: &[u8], identity: &[u8]) -> Result<HttpClient> {
    let ca = Certificate::from_pem(authority)?;
    let http = HttpClient::builder()
        .no_proxy()
        .tls_certs_only([ca])
        .identity(Identity::from_pem(identity)?)
        .timeout(LONGEST_TIMEOUT)
        .pool_max_idle_per_host(1);
    Ok(http.build()?)
}

fn header(answer: &Value) -> Result<Header> {
    let header = &answer["header"];
    if header.is_null() {
        bail!("etcd says: {answer}");
    }
    Ok(Header {
        cluster: number(&header["cluster_id"]),
        member: number(&header["member_id"]),
        revision: number(&header["revision"]).parse().unwrap_or(0),
    })
}

fn member(value: &Value) -> ListedMember {
    ListedMember {
        id: number(&value["ID"]),
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        learner: value["isLearner"] == true,
        url: value["peerURLs"][0].as_str().unwrap_or_default().to_owned(),
    }
}

/// Returns a number in decimal: the gateway writes it as a string, etcdctl does not.
fn number(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn field(value: &Value, name: &str) -> Result<String> {
    text(value[name].as_str().unwrap_or_default())
}

fn text(encoded: &str) -> Result<String> {
    Ok(String::from_utf8(STANDARD.decode(encoded)?)?)
}

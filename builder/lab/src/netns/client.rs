//! A client of etcd's JSON gateway with the admin certificate that lies beside the images.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::Client as Http;
use reqwest::{Certificate, Identity};
use serde_json::{Value, json};

/// A member that has not answered by then counts as silent.
const PATIENCE: Duration = Duration::from_millis(1500);

#[derive(Clone, Debug)]
pub(super) struct Client(Http);

/// Who has answered: ids as etcd prints them in decimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Header {
    pub(super) cluster: String,
    pub(super) member: String,
    pub(super) revision: i64,
}

/// An entry of the member list.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) learner: bool,
}

impl Client {
    /// Reads the certificates in a folder `client`.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let ca = Certificate::from_pem(&fs_err::read(folder.join("ca.crt"))?)?;
        let mut admin = fs_err::read(folder.join("admin.key"))?;
        admin.extend(fs_err::read(folder.join("admin.crt"))?);
        let http = Http::builder()
            .no_proxy()
            .tls_certs_only([ca])
            .identity(Identity::from_pem(&admin)?)
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self(http))
    }

    /// Writes; success means that the cluster has acknowledged it.
    pub(super) fn put(&self, node: IpAddr, key: &str, value: &str) -> Result<Header> {
        let request = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        header(&self.post(node, "kv/put", &request)?)
    }

    /// Reads what the cluster agrees on.
    pub(super) fn get(&self, node: IpAddr, key: &str) -> Result<(Header, Option<String>)> {
        let answer = self.post(node, "kv/range", &json!({"key": STANDARD.encode(key)}))?;
        let first = &answer["kvs"][0]["value"];
        let value = first.as_str().map(text).transpose()?;
        Ok((header(&answer)?, value))
    }

    /// All keys that begin with `w`, and their values.
    pub(super) fn all(&self, node: IpAddr) -> Result<Vec<(String, String)>> {
        let range = json!({"key": STANDARD.encode("w"), "range_end": STANDARD.encode("x")});
        let answer = self.post(node, "kv/range", &range)?;
        header(&answer)?;
        let pairs = answer["kvs"].as_array().map(Vec::as_slice);
        let pair = |kv: &Value| Ok((field(kv, "key")?, field(kv, "value")?));
        pairs.unwrap_or_default().iter().map(pair).collect()
    }

    /// The member list as the cluster agrees on it.
    pub(super) fn members(&self, node: IpAddr) -> Result<(Header, Vec<Member>)> {
        let answer = self.post(node, "cluster/member/list", &json!({"linearizable": true}))?;
        let list = answer["members"].as_array().context("no members")?;
        let mut members: Vec<Member> = list.iter().map(member).collect();
        members.sort();
        Ok((header(&answer)?, members))
    }

    /// The hash of a member's data up to a revision.
    pub(super) fn hash(&self, node: IpAddr, revision: i64) -> Result<u64> {
        let answer = self.post(node, "maintenance/hash", &json!({ "revision": revision }))?;
        answer["hash"].as_u64().context("no hash")
    }

    fn post(&self, node: IpAddr, path: &str, request: &Value) -> Result<Value> {
        let host = match node {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let url = format!("https://{host}:2379/v3/{path}");
        let answer = self.0.post(url).body(request.to_string()).send()?;
        Ok(serde_json::from_str(&answer.text()?)?)
    }
}

fn header(answer: &Value) -> Result<Header> {
    let header = &answer["header"];
    let Some(cluster) = header["cluster_id"].as_str() else {
        bail!("etcd says: {answer}");
    };
    let member = header["member_id"].as_str().unwrap_or_default();
    let revision = header["revision"].as_str().unwrap_or("0").parse()?;
    Ok(Header {
        cluster: cluster.to_owned(),
        member: member.to_owned(),
        revision,
    })
}

fn member(value: &Value) -> Member {
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Member {
        id: word("ID"),
        name: word("name"),
        learner: value["isLearner"] == true,
    }
}

fn field(value: &Value, name: &str) -> Result<String> {
    text(value[name].as_str().unwrap_or_default())
}

fn text(encoded: &str) -> Result<String> {
    Ok(String::from_utf8(STANDARD.decode(encoded)?)?)
}

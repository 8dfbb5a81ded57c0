//! A client as Patroni is one: etcd's JSON gateway, a certificate without a common name, and a password.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{HttpClient, http, url};

/// The directory of the certificate in a node's image, which `images` asks for.
const CERTIFICATE: &str = "etc/patroni";
/// The user, and the only prefix that it may write.
const USER: &str = "patroni";
const KEY: &str = "service/leader";

#[derive(Debug)]
pub(super) struct GatewayClient(HttpClient);

impl GatewayClient {
    /// Opens the certificate in a node's image.
    pub(super) fn open(image: &Path) -> Result<Self> {
        let file = |name: &str| fs_err::read(image.join(CERTIFICATE).join(name));
        let identity = [file("client.key")?, file("client.crt")?].concat();
        Ok(Self(http(&file("ca.crt")?, &identity)?))
    }

    /// Logs in through one node, and writes and reads through it.
    pub(super) fn write(&self, node: IpAddr, password: &str, value: &str) -> Result<()> {
        let token = self.log_in(node, password)?;
        let put = json!({"key": STANDARD.encode(KEY), "value": STANDARD.encode(value)});
        self.ask(node, "kv/put", &put, &token)?;
        let found = self.ask(
            node,
            "kv/range",
            &json!({"key": STANDARD.encode(KEY)}),
            &token,
        )?;
        if found["kvs"][0]["value"] != json!(STANDARD.encode(value)) {
            bail!("the gateway reads {found} after `{value}` was written");
        }
        let other = json!({"key": STANDARD.encode("w"), "value": ""});
        match self.ask(node, "kv/put", &other, &token) {
            Ok(answer) => bail!("the user may write any key: {answer}"),
            Err(_) => Ok(()),
        }
    }

    /// Returns a token of the user.
    pub(super) fn log_in(&self, node: IpAddr, password: &str) -> Result<String> {
        let request = json!({"name": USER, "password": password});
        let answer = self.ask(node, "auth/authenticate", &request, "")?;
        let token = answer["token"].as_str().context("no token")?;
        Ok(token.to_owned())
    }

    fn ask(&self, node: IpAddr, path: &str, request: &Value, token: &str) -> Result<Value> {
        let post = self
            .0
            .post(format!("{}/v3/{path}", url(node)))
            .header("Authorization", token)
            .body(request.to_string());
        let answer: Value = serde_json::from_str(&post.send()?.text()?)?;
        if answer["header"].is_null() {
            bail!("etcd says: {answer}");
        }
        Ok(answer)
    }
}

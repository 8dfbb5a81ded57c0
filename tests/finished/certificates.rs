//! Checks that `verify` finds certificates that the clients of etcd or the other members would not accept.

use std::fs;

use crate::support::broken::{Copy, Sound};
use crate::support::tool::tool;

const CA: &str = "/etc/etcd/pki/ca.crt";
const DESCRIPTION: &str = "/usr/local/lib/etcd-node/node.json";

/// Replaces the node's CA by one with the same key and name, and these extensions.
fn change_ca(it: &Copy<'_>, extensions: &str, signer: &[&str]) {
    let file = it.at("extensions");
    let text =
        format!("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n{extensions}\n");
    fs::write(&file, text).unwrap();
    let ca = it.at("etcd-cluster/ca.crt");
    let [ca, file] = [&ca, &file].map(|path| path.to_str().unwrap());
    let words = [
        "x509",
        "-in",
        ca,
        "-clrext",
        "-preserve_dates",
        "-extfile",
        file,
    ];
    let new = tool("openssl", &[&words[..], signer].concat()).done();
    it.write(CA, &new.text());
}

/// Replaces the CA by one that its own key has signed.
fn change_root(it: &Copy<'_>, extensions: &str) {
    let key = it.at("etcd-cluster/ca.key");
    change_ca(it, extensions, &["-signkey", key.to_str().unwrap()]);
}

#[test]
fn a_ca_that_does_not_allow_the_node_s_certificates() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(|it| change_root(it, ""), &[]);
    sound.shows(
        |it| change_root(it, "nameConstraints=critical,permitted;DNS:example.com"),
        &[
            "no client accepts certificate server: the CA's name constraints do not allow one of its names",
            "no client accepts certificate peer: the CA's name constraints do not allow one of its names",
        ],
    );
    sound.shows(
        |it| change_root(it, "extendedKeyUsage=codeSigning"),
        &["the node's CA does not allow both server and client certificates (extended key usage)"],
    );
    sound.shows(
        |it| change_root(it, "1.2.3.4=critical,ASN1:NULL"),
        &["the node's CA has a critical extension that no client knows (1.2.3.4)"],
    );
}

#[test]
fn an_intermediate_ca_without_its_root() {
    let sound = Sound::of("raspios-trixie");
    let (key, root) = (sound.scene.at("root.key"), sound.scene.at("root.crt"));
    let [key, root] = [&key, &root].map(|path| path.to_str().unwrap());
    let new =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root -days 3650";
    let words: Vec<_> = new
        .split(' ')
        .chain(["-keyout", key, "-out", root])
        .collect();
    tool("openssl", &words).done();
    let signer = ["-CA", root, "-CAkey", key, "-set_serial", "7"];
    sound.shows(
        |it| change_ca(it, "", &signer),
        &[
            "certificate ca is not signed by the node's CA",
            "the node's CA has no root: the certificates above it are missing",
        ],
    );
}

#[test]
fn certificates_for_other_hosts_or_another_time() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        |it| {
            it.edit(
                DESCRIPTION,
                "\"client_url\": \"https://192.168.0.50:2379\"",
                "\"client_url\": \"https://192.168.0.51:2379\"",
            );
        },
        &[
            "no client accepts certificate server: it is not valid for `192.168.0.51`",
            "/etc/etcd/etcd.conf.yml does not set `advertise-client-urls` to `https://192.168.0.51:2379`, on which the node's programs rely",
        ],
    );
    let begins = tool(
        "openssl",
        &[
            "x509",
            "-in",
            sound.scene.at("etcd-cluster/ca.crt").to_str().unwrap(),
            "-noout",
            "-startdate",
            "-dateopt",
            "iso_8601",
        ],
    );
    let begins = begins.done().text();
    let (_, date) = begins.split_once('=').unwrap();
    let day = date.get(..10).unwrap();
    sound.shows(
        |it| {
            let text = it.root_text(DESCRIPTION);
            let (_, rest) = text.split_once("\"time\": ").unwrap();
            let (time, _) = rest.split_once(',').unwrap();
            it.edit(
                DESCRIPTION,
                &format!("\"time\": {time}"),
                "\"time\": 1000000000",
            );
        },
        &[
            &format!("the node's CA is not valid before {day}"),
            "no client accepts certificate server: it is not valid yet",
            "no client accepts certificate peer: it is not valid yet",
            "no client accepts certificate client: it is not valid yet",
        ],
    );
}

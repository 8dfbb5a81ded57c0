//! Runs the examples of clients that `build` writes, against real members.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::checker::documents;
use crate::support::members::with_members;
use crate::support::tool::{tool, tool_in};

/// The .proto files of etcd 3.5, which `cargo xtask quick` unpacks.
const PROTOS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/lab/proto/3.5/usr/share/gocode/src"
);
/// The directory of the stand-in for grpcurl, which Debian does not have.
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/checker");

/// Runs the example in Python, whose first call meets a member that has just lost its leader.
const LOST_LEADER: &str = r#"
import io, runpy, sys, urllib.error, urllib.request

real, asked = urllib.request.urlopen, []

def urlopen(message, **options):
    asked.append(message.full_url)
    if len(asked) == 1:
        body = io.BytesIO(b"etcdserver: leader changed")
        raise urllib.error.HTTPError(message.full_url, 503, "Service Unavailable", {}, body)
    return real(message, **options)

urllib.request.urlopen = urlopen
sys.argv[1:] = ["1"]
runpy.run_path("client/client.py")
assert asked[0] != asked[1], asked
"#;

#[test]
fn grpcurl_calls_the_api_of_the_proto_files() {
    with_members(|members| {
        let images = members.scene.at("images");
        members.etcdctl(&["put", "foo", "bar"]).done();
        symlink(PROTOS, images.join("proto")).unwrap();
        let command = format!("PATH={STAND_IN}:$PATH exec sh client/grpcurl.sh");
        let text = tool_in(&images, "sh", &["-c", &command]).done().text();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let (key, value) = (&answer["kvs"][0]["key"], &answer["kvs"][0]["value"]);
        assert_eq!((key, value), (&"Zm9v".into(), &"YmFy".into()), "{text}");
    });
}

#[test]
fn curl_and_python_use_the_json_gateway() {
    with_members(|mut members| {
        let images = members.scene.at("images");
        let text = tool_in(&images, "sh", &["client/curl.sh"]).done().text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("{\"etcdserver\":\"3.5."), "{text}");
        assert!(lines[1].contains("\"revision\":\"2\""), "{text}");
        assert!(lines[2].contains("\"key\":\"Zm9v\""), "{text}");
        assert!(lines[2].contains("\"value\":\"YmFy\""), "{text}");
        assert!(lines[3].contains("\"key\":\"Zm9v\""), "{text}");
        let python = || tool_in(&images, "python3", &["client/client.py", "2"]).done();
        assert_eq!(python().text(), "foo=bar\nfoo=bar\n");
        let others = tool_in(&images, "python3", &["-c", LOST_LEADER]).done();
        assert_eq!(others.text(), "foo=bar\n");
        // A lost member does not matter.
        members.kill(0);
        assert_eq!(python().text(), "foo=bar\nfoo=bar\n");
    });
}

#[test]
fn kubeadm_finds_etcd_and_three_files() {
    with_members(|members| {
        let example = members.scene.at("images/client/kubeadm-etcd.yaml");
        let text = fs::read_to_string(&example).unwrap();
        let external = &documents(&example)[0]["etcd"]["external"];
        let node = members.scene.at("control-plane");
        let mut options = Vec::new();
        for (option, key, source) in [
            ("--cacert", "caFile", "client/ca.crt"),
            ("--cert", "certFile", "client/admin.crt"),
            ("--key", "keyFile", "client/admin.key"),
        ] {
            assert!(text.contains(source), "{text}");
            let path = external[key].as_str().unwrap().trim_start_matches('/');
            let copy = node.join(path);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(members.scene.at("images").join(source), &copy).unwrap();
            options.extend([option.to_owned(), copy.display().to_string()]);
        }
        let endpoints = external["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 3, "{text}");
        for endpoint in endpoints {
            let url = format!("{}/health", endpoint.as_str().unwrap());
            let words = [&options[..], &["-sS".to_owned(), url]].concat();
            let health = tool("curl", &words).done().text();
            assert!(health.contains("\"health\":\"true\""), "{health}");
        }
        // The same file describes the cluster to `init`, which gives the members the names that they have.
        let from = ["init", "--from", "images/client/kubeadm-etcd.yaml"];
        let to = ["--config", "again.toml"];
        members.scene.bare(&[&from[..], &to].concat()).done();
        let plan = members.scene.run("plan", &to).done().stdout;
        assert!(plan.contains("etcd3.img"), "{plan}");
    });
}

//! Debian's Prometheus scrapes real members over mutual TLS, with the files of a build.

use std::fs;

use serde_json::Value;

use crate::support::checker::program;
use crate::support::enclosed::inside;
use crate::support::members::{Members, NAMES, until};
use crate::support::tool::{Running, Said, tool};

/// The setting of the images, and the option with which a member listens as their `etcd.conf.yml` says.
const SETTING: &str = "[etcd]\nmetrics = \"mtls\"\n";
const OPTION: &str = "--listen-metrics-urls=https://0.0.0.0:2381";

/// The options of Prometheus, in the directory of the build.
const OPTIONS: [&str; 4] = [
    "--config.file=images/client/prometheus.yml",
    "--storage.tsdb.path=tmp/prometheus",
    "--web.listen-address=127.0.0.1:9090",
    "--log.level=warn",
];

/// Returns the result of a query, or why Prometheus has none.
fn query(expression: &str) -> Result<Vec<Value>, String> {
    let query = format!("query={expression}");
    let url = "http://127.0.0.1:9090/api/v1/query";
    let said = curl(&["--data-urlencode", &query, url]);
    let answer: Value = serde_json::from_slice(&said.out).map_err(|_| said.words())?;
    let found = answer["data"]["result"].as_array().cloned();
    found.ok_or_else(|| answer.to_string())
}

fn curl(words: &[&str]) -> Said {
    let options = ["--silent", "--show-error", "--max-time", "10"];
    tool("curl", &[&options, words].concat())
}

/// Waits until Prometheus has seen these members up, and the others down.
fn wait_for(up: [bool; 3]) {
    until(|| {
        let found = query("up{job=\"etcd\",cluster=\"main\"}")?;
        let is_up = |name: &str| {
            let mut found = found.iter();
            let member = found.find(|it| it["metric"]["member"] == name);
            member.is_some_and(|it| it["value"][1] == "1")
        };
        match (found.len(), NAMES.map(is_up)) {
            (3, seen) if seen == up => Ok(()),
            _ => Err(format!("{found:?}")),
        }
    });
}

/// Asks for the metrics of the first member with more options of curl.
fn ask(members: &Members, options: &[&str]) -> Said {
    let ca = members.scene.at("images/client/ca.crt");
    let words = ["--cacert", ca.to_str().unwrap()];
    let url = "https://192.168.0.50:2381/metrics";
    curl(&[&words, options, &[url]].concat())
}

#[test]
fn prometheus_scrapes_the_members_and_sees_which_one_is_down() {
    inside(|| {
        let mut members = Members::start_as(SETTING, "3.5", &[OPTION]);
        let client = |name: &str| {
            let path = members.scene.at("images/client").join(name);
            path.to_str().unwrap().to_owned()
        };
        let pair = [client("metrics.crt"), client("metrics.key")];
        until(|| {
            let said = ask(&members, &["--cert", &pair[0], "--key", &pair[1]]).done();
            let has_leader = said.text().contains("\netcd_server_has_leader 1\n");
            has_leader
                .then_some(())
                .ok_or_else(|| "no member leads".to_owned())
        });
        let said = ask(&members, &[]);
        assert_ne!(said.code, Some(0), "a client without a certificate reads");

        let (scene, server) = (members.scene.at(""), program("prometheus"));
        let server = server.to_str().unwrap();
        let _running = Running::start_in(&scene, server, &OPTIONS);
        wait_for([true; 3]);
        every_panel_has_data(&members);
        members.kill(2);
        wait_for([true, true, false]);
    });
}

/// Every query of the dashboard has a result, but for the one of a metric that comes from `cluster status`.
fn every_panel_has_data(members: &Members) {
    let text = fs::read_to_string(members.scene.at("images/client/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    for expression in queries.filter(|it| !it.contains("etcd_image_")) {
        let expression = expression.replace("$cluster", "main");
        until(|| match query(&expression)?.is_empty() {
            true => Err(format!("nothing for {expression}")),
            false => Ok(()),
        });
    }
}

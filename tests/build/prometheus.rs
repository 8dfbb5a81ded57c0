//! The files for Prometheus beside the images, as Prometheus's own checker sees them.

use std::fs;

use crate::support::checker::{metrics, prometheus};
use crate::support::scene::Scene;

#[test]
fn prometheus_accepts_its_configuration_and_the_alerts() {
    for configuration in ["", "[etcd]\nmetrics = \"mtls\"\n"] {
        let scene = Scene::built("raspios-trixie", configuration, &["--nodes", "3"]);
        prometheus("config", &scene.at("images/client/prometheus.yml")).unwrap();
        let alerts = scene.at("images/client/alerts.yml");
        assert_eq!(alerts.exists(), !configuration.is_empty());
        if alerts.exists() {
            prometheus("rules", &alerts).unwrap();
            // The checker sees a mistake in an expression, also through the configuration.
            let text = fs::read_to_string(&alerts).unwrap();
            fs::write(&alerts, text.replacen("expr: up", "expr: sum(up", 1)).unwrap();
            let verdict = prometheus("rules", &alerts).unwrap_err();
            assert!(verdict.contains("unclosed left parenthesis"), "{verdict}");
            prometheus("config", &scene.at("images/client/prometheus.yml")).unwrap_err();
        }
    }
}

#[test]
fn a_metric_without_a_value_is_seen() {
    let scene = Scene::with("raspios-trixie");
    scene.file(
        "good.prom",
        "# HELP a_ratio A.\n# TYPE a_ratio gauge\na_ratio 1\n",
    );
    metrics(&scene.at("good.prom")).unwrap();
    scene.file(
        "bad.prom",
        "# HELP a_ratio A.\n# TYPE a_ratio gauge\na_ratio\n",
    );
    let verdict = metrics(&scene.at("bad.prom")).unwrap_err();
    assert!(verdict.contains("error while linting"), "{verdict}");
}

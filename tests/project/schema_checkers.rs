//! Checks that the checkers of examples in YAML reject known-bad input, like those of `checkers.rs`.

use serde_json::{Value, json};

use crate::support::checker;

#[test]
fn objects_and_workflows_that_break_their_schemas_are_rejected() {
    let pod = json!({ "restartPolicy": "Never", "volumes": [], "containers": [{ "name": "a", "image": "a" }] });
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "a" },
        "spec": { "completions": 8, "template": { "spec": pod } },
    });
    let workflow = json!({
        "on": "push",
        "jobs": { "a": { "runs-on": "linux", "steps": [{ "run": "true" }] } },
    });
    checker::kubernetes(std::slice::from_ref(&job)).unwrap();
    checker::workflow(&workflow).unwrap();
    let spoiled = |sound: &Value, place: &str, value: Value| {
        let mut spoiled = sound.clone();
        *spoiled.pointer_mut(place).unwrap() = value;
        spoiled
    };
    for (place, value, words) in [
        ("/spec/completions", json!("8"), "'8' is not of type"),
        (
            "/spec/template/spec/volumes",
            json!([{ "name": "a", "emptyDri": {} }]),
            "('emptyDri' was unexpected)",
        ),
    ] {
        let verdict = checker::kubernetes(&[spoiled(&job, place, value)]);
        assert!(verdict.unwrap_err().contains(words), "{words}");
    }
    let verdict = checker::workflow(&spoiled(&workflow, "/jobs/a/steps", json!(7)));
    assert!(verdict.unwrap_err().contains("is not valid under any"));
}

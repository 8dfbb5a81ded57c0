//! The examples of `builder/examples/` and the JSON schema.

use serde_json::{Value, json};

use super::*;

/// Returns where a value breaks a schema, as far as ours have rules: types, names of keys, choices and ranges.
fn faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = choices.iter().any(|it| faults(it, value, at).is_empty());
        return (!fits)
            .then(|| format!("{at}: fits no choice"))
            .into_iter()
            .collect();
    }
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    if schema["type"] != kind {
        return vec![format!("{at}: {kind}, not {}", schema["type"])];
    }
    let mut found = Vec::new();
    let names = schema["enum"].as_array();
    if names.is_some_and(|names| !names.contains(value)) {
        found.push(format!("{at}: {value} is not among the names"));
    }
    let is_below = |limit: &str| {
        schema[limit]
            .as_u64()
            .is_some_and(|it| value.as_u64() < Some(it))
    };
    let is_above = |limit: &str| {
        schema[limit]
            .as_u64()
            .is_some_and(|it| value.as_u64() > Some(it))
    };
    if is_below("minimum") || is_above("maximum") {
        found.push(format!("{at}: {value} is out of range"));
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(faults(&schema["items"], item, &format!("{at}[]")));
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false) | Value::Null) => found.push(format!("{at}: unknown")),
            (Value::Null, any) => found.extend(faults(any, inner, &at)),
            (known, _) => found.extend(faults(known, inner, &at)),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            found.push(format!("{at}: no {name}"));
        }
    }
    found
}

#[test]
fn every_example_follows_the_schema() {
    let (folder, schema) = (
        concat!(env!("CARGO_MANIFEST_DIR"), "/builder/examples"),
        schema(),
    );
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let value: Value = toml::from_str(&text).unwrap();
            assert_eq!(
                faults(&schema, &value, ""),
                Vec::<String>::new(),
                "{}",
                path.display()
            );
            count += 1;
        }
    }
    assert_eq!(count, 5);
}

#[test]
fn what_breaks_the_schema_is_seen() {
    let schema = schema();
    for (value, wanted) in [
        (json!({ "netwrok": {} }), ".netwrok: unknown"),
        (
            json!({ "network": { "dns": "1.1.1.1" } }),
            ".network.dns: string, not \"array\"",
        ),
        (
            json!({ "network": { "prefix": 129 } }),
            ".network.prefix: 129 is out of range",
        ),
        (
            json!({ "pki": { "key": "dsa" } }),
            ".pki.key: \"dsa\" is not among the names",
        ),
        (json!({ "node": [{ "name": "a" }] }), ".node[]: no address"),
        (
            json!({ "etcd": { "quota": true } }),
            ".etcd.quota: fits no choice",
        ),
    ] {
        assert_eq!(faults(&schema, &value, ""), [wanted]);
    }
}

//! The JSON schema for editors, and the description of each setting, both generated from the table of settings.

use serde_json::{Value, json};

use super::etcd_flags;
use super::section::{Given, OPEN, Section, Setting, ValueKind};
use super::settings::SECTIONS;
use super::sizes;

/// Returns a JSON schema (draft 7) of `cluster.toml`.
pub fn schema() -> Value {
    let top = SECTIONS
        .iter()
        .filter(|section| !section.path().contains('.'));
    let properties = top.map(|section| (section.path().to_owned(), section_schema(section)));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "cluster.toml of etcd-image",
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<Value>(),
    })
}

fn section_schema(section: &Section) -> Value {
    let settings = section.settings.iter();
    let mut properties: serde_json::Map<_, _> = settings
        .map(|setting| (setting.name.to_owned(), setting_schema(setting)))
        .collect();
    for inner in SECTIONS {
        if let Some(name) = section.name_of_inner(inner) {
            properties.insert(name.to_owned(), section_schema(inner));
        }
    }
    let required = section
        .settings
        .iter()
        .filter(|setting| matches!(setting.given, Given::Required(_)));
    let required: Vec<_> = required.map(|setting| setting.name).collect();
    let table = match section.header {
        OPEN => {
            let any: Vec<_> = properties.values().collect();
            json!({ "type": "object", "additionalProperties": any.first() })
        }
        _ => json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "required": required,
        }),
    };
    let mut schema = match section.is_list() {
        true => json!({ "type": "array", "items": table }),
        false => table,
    };
    if !section.doc.is_empty() {
        schema["description"] = section.doc.trim().into();
    }
    schema
}

fn setting_schema(setting: &Setting) -> Value {
    let mut schema = kind_schema(&setting.kind);
    schema["description"] = setting.description().into();
    if let Given::Default(toml) = setting.given {
        let table: toml::Table =
            toml::from_str(&format!("value = {toml}")).expect("every default is TOML");
        schema["default"] = json!(table["value"]);
    }
    schema
}

fn kind_schema(kind: &ValueKind) -> Value {
    match kind {
        ValueKind::Text(_) => json!({ "type": "string" }),
        ValueKind::Choice(_, names) => json!({ "type": "string", "enum": names() }),
        ValueKind::Switch => json!({ "type": "boolean" }),
        ValueKind::Integer(range, _) => {
            json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
        }
        ValueKind::Size(range) => json!({ "anyOf": [
            { "type": "integer", "minimum": range.start(), "maximum": range.end() },
            { "type": "string", "pattern": "^[0-9]+ *(MiB|GiB)$" },
        ] }),
        ValueKind::List(of) => json!({ "type": "array", "items": kind_schema(of) }),
        ValueKind::EtcdFlags => {
            let flags = etcd_flags::TYPES.iter().flat_map(|(keys, _, kind)| {
                let schema = json!({ "type": kind });
                keys.split_whitespace()
                    .map(move |key| (key.to_owned(), schema.clone()))
            });
            let flags: Value = flags.collect();
            json!({ "type": "object", "additionalProperties": false, "properties": flags })
        }
    }
}

impl Setting {
    /// Returns the documentation of the setting, with the values that it accepts.
    pub(super) fn description(&self) -> String {
        let doc = self.doc.trim();
        match &self.kind {
            ValueKind::Choice(_, names) => match names().split_last() {
                Some((last, others)) => format!("{doc} One of {} or {last}.", others.join(", ")),
                None => doc.to_owned(),
            },
            ValueKind::Integer(range, _) => {
                format!("{doc} From {} to {}.", range.start(), range.end())
            }
            ValueKind::Size(range) => {
                let (least, most) = (sizes::text(*range.start()), sizes::text(*range.end()));
                format!("{doc} From {least} to {most}.")
            }
            _ => doc.to_owned(),
        }
    }
}

//! Every table without its settings, and every setting with a value of another type.

use super::*;
use section::{Given, OPEN, Section, Setting, ValueKind};

fn sections() -> impl Iterator<Item = &'static Section> {
    let sections = settings::SECTIONS.iter();
    sections.filter(|section| section.header != OPEN)
}

/// Returns a value that the setting cannot have.
fn of_another_type(setting: &Setting) -> &'static str {
    match setting.kind {
        ValueKind::Text(_)
        | ValueKind::Choice(..)
        | ValueKind::Switch
        | ValueKind::List(_)
        | ValueKind::EtcdFlags => "5",
        ValueKind::Integer(..) | ValueKind::Size(_) => "true",
    }
}

#[test]
fn a_table_without_a_required_setting_is_a_complaint() {
    for section in sections() {
        let complaints = complaints_or_none(&format!("{}\n", section.header));
        let settings = section.settings.iter();
        for setting in settings.filter(|it| matches!(it.given, Given::Required(_))) {
            let wanted = format!(
                "lab/cluster.toml:1: {} has no `{}`",
                section.header, setting.name
            );
            assert!(complaints.contains(&wanted), "{wanted}: {complaints:#?}");
        }
    }
}

#[test]
fn a_setting_of_another_type_is_a_complaint() {
    for section in sections() {
        for setting in section.settings {
            let value = of_another_type(setting);
            let text = format!("{}\n{} = {value}\n", section.header, setting.name);
            let complaints = complaints_or_none(&text);
            let wanted = format!("lab/cluster.toml:2: `{}` must be ", setting.name);
            assert!(
                complaints.iter().any(|it| it.starts_with(&wanted)),
                "{text}{complaints:#?}"
            );
        }
    }
}

/// Returns the complaints about a file; none if it is good.
fn complaints_or_none(text: &str) -> Vec<String> {
    let read = resolve(&input(text));
    read.err()
        .map_or_else(Vec::new, |refused| refused.complaints)
}

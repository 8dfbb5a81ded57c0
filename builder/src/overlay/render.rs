//! Renders templates from one node's values and other templates. Unknown names are errors.

use std::io::Write as _;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::source::Overlays;

/// Renders strings and conditions against one node's values.
pub(super) struct Renderer<'a> {
    environment: Environment<'a>,
    values: Value,
}

impl Renderer<'_> {
    pub(super) fn new(values: &serde_json::Value, overlays: &Overlays) -> Self {
        Self::with(Value::from(minijinja::value::Serde(values)), overlays)
    }

    fn with(values: Value, overlays: &Overlays) -> Self {
        let mut environment = Environment::new();
        let (known, overlays) = (values.clone(), overlays.clone());
        // `file("etcd/join")` renders another overlay's template.
        environment.add_function("file", move |state: &State<'_, '_>, name: &str| {
            let text = overlays.text("", name).map_err(|error| {
                minijinja::Error::new(ErrorKind::TemplateNotFound, format!("{error:#}"))
            })?;
            state.env().render_str(&text, &known)
        });
        environment.add_function("packed", |text: &str| packed(text).map_err(unpackable));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax());
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_formatter(as_node_files_write_it);
        Self {
            environment,
            values,
        }
    }

    /// Returns the text with every `{{ name }}` replaced.
    pub(super) fn text(&self, template: &str) -> Result<String> {
        Ok(self.environment.render_str(template, &self.values)?)
    }

    /// Returns a renderer for each item of a list, which texts then know as `each`.
    pub(super) fn for_each(&self, list: &str) -> Result<Vec<Self>> {
        let list = self.environment.compile_expression(list)?;
        let items = list.eval(&self.values)?;
        let with = |each: Value| Self {
            environment: self.environment.clone(),
            values: minijinja::context! { each, ..self.values.clone() },
        };
        Ok(items.try_iter()?.map(with).collect())
    }

    /// Returns whether a `when` condition holds; a missing one always holds.
    pub(super) fn holds(&self, when: Option<&str>) -> Result<bool> {
        let Some(expression) = when else {
            return Ok(true);
        };
        let value = self
            .environment
            .compile_expression(expression)?
            .eval(&self.values)?;
        Ok(value.is_true())
    }
}

/// Writes booleans as `true` and `false`, as in shell, YAML, TOML and JSON; minijinja's default format is Python's.
fn as_node_files_write_it(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    match bool::try_from(value.clone()) {
        Ok(switch) => Ok(out.write_str(if switch { "true" } else { "false" })?),
        Err(_) => minijinja::escape_formatter(out, state, value),
    }
}

/// Returns the syntax of Jinja, with the final newline of a template kept.
fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true);
    syntax.build().unwrap_or_default()
}

/// Encodes a text as base64 of gzip, which cloud-init accepts on the kernel command line. The result is reproducible.
fn packed(text: &str) -> std::io::Result<String> {
    let plain = GzBuilder::new().operating_system(255);
    let mut packer = plain.write(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes())?;
    Ok(STANDARD.encode(packer.finish()?))
}

fn unpackable(error: std::io::Error) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, "packing").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the part of a Wi-Fi profile between the name of its network and its address.
    fn wifi_profile(psk: Option<&str>, hidden: bool, wpa3: bool) -> String {
        let overlays = Overlays::default();
        let each = minijinja::context! { ssid_bytes => "104;105;", psk, hidden, wpa3, suffix => "", uuid => "x", priority => 100 };
        let wifi = minijinja::context! { networks => [each.clone()] };
        let network = minijinja::context! { interface => "wlan0", wifi, prefix => 24, gateway => (), dns => (), search => (), routes => (), on_link => false, dhcp => false, mtu => () };
        let node = minijinja::context! { address => "10.0.0.2", previous => () };
        let values = minijinja::context! {
            network, node, each, connection_uuid => "x", ipv6 => false,
            cluster => minijinja::context! { domain => "lan" },
        };
        let template = overlays.text("network", "nmconnection").unwrap();
        let profile = Renderer::with(values, &overlays).text(&template).unwrap();
        let (_, rest) = profile.split_once("ssid=104;105;\n").unwrap();
        rest.split_once("[ipv4]\n").unwrap().0.to_owned()
    }

    #[test]
    fn wifi_profiles_match_the_network() {
        for (profile, expected) in [
            (
                wifi_profile(Some("secret"), false, false),
                "\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=secret\n\n",
            ),
            (
                wifi_profile(Some("secret"), true, true),
                "hidden=true\n\n[wifi-security]\nkey-mgmt=sae\npsk=secret\n\n",
            ),
            (wifi_profile(None, false, false), "\n"),
            (wifi_profile(None, true, false), "hidden=true\n\n"),
        ] {
            assert_eq!(profile, expected);
        }
    }

    #[test]
    fn switches_are_rendered_as_the_shell_compares_them() {
        let overlays = Overlays::default();
        for (wipe, line) in [(true, "\nWIPE=true\n"), (false, "\nWIPE=false\n")] {
            let appliance = minijinja::context! {
                data_place => "card", data_start => 16384, wipe_data => wipe,
            };
            let paths = minijinja::context! { data => "/var/lib/etcd" };
            let renderer = Renderer::with(minijinja::context! { appliance, paths }, &overlays);
            let program = renderer
                .text(&overlays.text("appliance", "data").unwrap())
                .unwrap();
            assert!(program.contains(line), "{program}");
            assert!(program.contains("[ \"$WIPE\" = true ]"), "{program}");
        }
    }
}

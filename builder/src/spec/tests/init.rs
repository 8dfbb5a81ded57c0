//! Tests of what the table of settings generates: the template of `init`, the JSON schema and `builder/SETTINGS.md`.

use super::section::{Given, Setting};
use super::*;

/// Returns the reference in Markdown, as `builder/SETTINGS.md` contains it.
fn markdown() -> String {
    let row = |setting: &Setting| {
        let default = match setting.given {
            Given::Default(toml) => format!("`{toml}`"),
            Given::Optional(_) => "–".to_owned(),
            Given::Required(_) => "required".to_owned(),
        };
        format!(
            "| `{}` | {default} | {} |",
            setting.name,
            setting.description()
        )
    };
    let mut lines = Vec::new();
    for section in settings::SECTIONS {
        lines.push(format!("\n**`{}`**{}\n", section.header, section.doc));
        lines.push("| setting | default | meaning |\n|---|---|---|".to_owned());
        lines.extend(section.settings.iter().map(row));
    }
    lines.join("\n") + "\n"
}

/// Checks that the file is equivalent to `--nodes` alone.
#[track_caller]
fn means_the_defaults(text: &str, nodes: u32) {
    let mut cluster = resolve(&input(text)).unwrap();
    // The template writes the version down, so that another program means the same.
    cluster.etcd.is_default = true;
    assert_eq!(cluster, resolve(&numbered(nodes)).unwrap());
}

/// Enables the optional settings: lines that begin with `#` and no space. `# ` begins a comment.
fn switched_on(template: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with([' ', ':']) => {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    template.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_is_the_default_cluster() {
    for nodes in [1, 3, 99] {
        means_the_defaults(&template(nodes), nodes);
        let is_bare = |line: &&str| !line.starts_with('#');
        let bare: Vec<_> = template(nodes)
            .lines()
            .filter(is_bare)
            .map(str::to_owned)
            .collect();
        means_the_defaults(&bare.join("\n"), nodes);
    }
}

#[test]
fn every_key_is_in_the_template_and_works() {
    // A file has one of `content`, `source` and `link`; a unit has a section [Install] in its `content`. `endpoint` is that of
    // a bucket. Only a new CA has a name. With users, a client's certificate does not have the name of a node.
    let text = switched_on(&template(3))
        .replace("eth0", "wlan0")
        .replace("\nenabled = false", "\nenabled = true")
        .replace("\nto = \"data\"", "\nto = \"s3://bucket/etcd\"")
        .replace("\ncontent = \"Welcome", "\n#content = \"Welcome")
        .replace("\nsource = \"app.service", "\n#source = \"app.service")
        .replace("\nlink = ", "\n#link = ")
        .replace("\nca = ", "\n#ca = ")
        .replace("\ncommon-name = \"{name}\"", "\ncommon-name = \"app\"");
    let cluster = resolve(&input(&text)).unwrap();
    assert_eq!(cluster.network.wifi.unwrap().country, "DE");
    let file = ExtraContent::File(b"welcome".to_vec());
    assert_eq!(cluster.files[0].content, file);
    for section in settings::SECTIONS {
        assert!(
            text.contains(&format!("\n{}\n", section.header)),
            "{}",
            section.header
        );
        for setting in section
            .settings
            .iter()
            .filter(|setting| !["link", "ca"].contains(&setting.name))
        {
            assert!(
                text.contains(&format!("\n{} = ", setting.name)),
                "{}",
                setting.name
            );
        }
    }
}

#[test]
fn the_template_fits_a_terminal() {
    for line in template(1).lines().filter(|line| line.starts_with("# ")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn init_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.toml");
    init(&path, 3).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), template(3));
    let error = init(&path, 5).unwrap_err();
    let failure: &crate::failure::Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, crate::failure::Kind::Usage);
    assert_eq!(
        failure.message,
        format!("{} exists already", path.display())
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), template(3));
    for nodes in [0, 100] {
        let other = folder.path().join("other.toml");
        assert!(init(&other, nodes).is_err());
        assert!(!other.exists());
    }
}

#[test]
fn the_document_has_the_reference_of_today() {
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/builder/SETTINGS.md"));
    let (_, after) = document
        .split_once("<!-- settings -->\n")
        .expect("the reference's start");
    let (found, _) = after
        .split_once("<!-- /settings -->")
        .expect("the reference's end");
    let wanted = markdown();
    assert!(
        found == wanted,
        "put this between the comments `settings` of builder/SETTINGS.md:\n{wanted}<!-- end -->"
    );
}

#[test]
fn the_schema_describes_every_setting() {
    let schema = schema();
    for section in settings::SECTIONS {
        let path = format!(
            "/properties/{}",
            section.path().replace('.', "/properties/")
        );
        let mut table = schema.pointer(&path).unwrap();
        if section.is_list() {
            table = &table["items"];
        }
        if section.header == section::OPEN {
            assert_eq!(table["additionalProperties"]["type"], "array");
            continue;
        }
        assert_eq!(table["additionalProperties"], false, "{path}");
        for setting in section.settings {
            let described = &table["properties"][setting.name];
            assert_eq!(
                described["description"],
                setting.description(),
                "{}",
                setting.name
            );
        }
    }
}

#[test]
fn the_schema_has_ranges_choices_and_defaults() {
    let schema = schema();
    let properties = |table: &str| schema["properties"][table]["properties"].clone();
    let mut watchdog = properties("appliance")["watchdog"].clone();
    watchdog.as_object_mut().unwrap().remove("description");
    let wanted =
        serde_json::json!({ "type": "integer", "minimum": 0, "maximum": 15, "default": 15 });
    assert_eq!(watchdog, wanted);
    assert_eq!(
        properties("pki")["key"]["enum"],
        serde_json::json!(["ecdsa-p256", "rsa-2048", "rsa-4096"])
    );
    assert_eq!(
        properties("etcd")["extra"]["properties"]["max-wals"]["type"],
        "integer"
    );
    assert_eq!(
        properties("network")["wifi"]["required"],
        serde_json::json!(["ssid", "password", "country"])
    );
}

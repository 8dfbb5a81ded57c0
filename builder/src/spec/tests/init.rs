//! The template that `init` writes.

use super::*;

/// The template without a file means what `--nodes` alone means.
#[track_caller]
fn means_the_defaults(text: &str, nodes: u32) {
    let cluster = resolve(&input(text)).unwrap();
    assert_eq!(cluster, resolve(&numbered(nodes)).unwrap());
}

/// Lines that begin with `#` and no space are settings switched off; `# ` begins prose.
fn switched_on(template: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
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
    let text = switched_on(&template(3))
        .replace("eth0", "wlan0")
        .replace("\"issue\"", "\"motd\"");
    let cluster = resolve(&input(&text)).unwrap();
    assert_eq!(cluster.network.wifi.unwrap().country, "DE");
    assert_eq!(cluster.files.len(), 2);
    for (table, keys) in schema::TABLES {
        assert!(text.contains(table), "{table}");
        for key in keys.iter().filter(|key| **key != "wifi") {
            assert!(text.contains(&format!("\n{key} = ")), "{key} of {table}");
        }
    }
    assert!(text.contains("\n[hosts]\n"));
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

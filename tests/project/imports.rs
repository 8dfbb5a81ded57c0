//! Checks that imports go one way, both between the modules of the product and between the files of each module.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::source::{Source, files};

/// The modules in the order of `builder/ARCHITECTURE.md`: each may use earlier ones and the files next to the modules.
const ORDER: &[&str] = &[
    "cli",
    "spec",
    "fleet",
    "inventory",
    "recipe",
    "lock",
    "store",
    "fetch",
    "inspect",
    "description",
    "check",
    "pki",
    "snapshot",
    "overlay",
    "plan",
    "compressed",
    "apply",
    "etcd",
    "cluster",
    "boot",
    "report",
    "publication",
    "merge",
    "diff",
    "flash",
    "run",
    "commands",
];

#[test]
fn a_module_uses_only_modules_before_it() {
    let mut wrong = Vec::new();
    for (name, text) in files(&["builder/src"], "rs") {
        let place = name.trim_start_matches("builder/src/");
        if let (Some((module, _)), false) = (place.split_once('/'), is_test(place)) {
            let later = later(module, &text).into_iter();
            wrong.extend(later.map(|used| format!("{name} uses {used}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The crate's root, which calls the modules, and the program.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

#[test]
fn a_file_beside_the_modules_uses_no_module() {
    let mut wrong = Vec::new();
    for (name, text) in files(&["builder/src"], "rs") {
        let place = name.trim_start_matches("builder/src/");
        if !place.contains('/') && !ROOTS.contains(&place) {
            let used = modules_of(&text).into_iter();
            wrong.extend(used.map(|used| format!("{name} uses {used}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Returns the modules that a source names.
fn modules_of(text: &str) -> Vec<String> {
    let source = Source::parse(text);
    let named = source.modules().into_iter();
    let used = named.filter(|name| ORDER.contains(name));
    used.map(str::to_owned).collect()
}

#[test]
fn a_helper_that_uses_a_module_is_seen() {
    assert_eq!(modules_of("use crate::{hex, pki::Certs};"), ["pki"]);
    assert_eq!(modules_of("use crate::failure::Kind;"), [""; 0]);
}

/// Returns whether only a test build compiles a file.
fn is_test(place: &str) -> bool {
    place.contains("/tests/") || place.ends_with("tests.rs")
}

/// Returns the modules after `module` that a source of it names.
fn later(module: &str, text: &str) -> Vec<String> {
    let position = |name: &str| ORDER.iter().position(|known| *known == name);
    let own = position(module).unwrap_or_else(|| panic!("`{module}` has no place in the order"));
    let source = Source::parse(text);
    let used = source.modules().into_iter();
    used.filter(|name| position(name).is_some_and(|place| place > own))
        .map(str::to_owned)
        .collect()
}

#[test]
fn an_import_of_a_later_module_is_seen() {
    let cases = [
        (
            "spec",
            "use crate::plan::Plan; use crate::cli::Args;",
            &["plan"][..],
        ),
        (
            "plan",
            "use crate::{apply, overlay, report::Manifest};",
            &["apply", "report"],
        ),
        (
            "pki",
            "// crate::report\nfn f() { let out = crate::apply::Output; }",
            &["apply"],
        ),
        (
            "pki",
            "fn f() { println!(\"{}\", crate::apply::name()); }",
            &["apply"],
        ),
        (
            "pki",
            "#[cfg(test)]\nuse crate::cli::X;\nuse crate::apply::Y;",
            &["apply"],
        ),
        (
            "pki",
            "#[cfg(test)]\nmod tests { use crate::apply::Y; }",
            &[],
        ),
        (
            "report",
            "use crate::{cli, spec};\nuse crate::failure::Kind;",
            &[],
        ),
    ];
    for (module, source, wanted) in cases {
        assert_eq!(later(module, source), wanted, "{source}");
    }
}

#[test]
fn no_two_files_use_each_other() {
    for (crate_name, root) in [
        ("etcd-image", "builder/src/"),
        ("diskimg", "builder/diskimg/src/"),
    ] {
        let sources = files(&[root], "rs").into_iter();
        let product = sources.map(|(name, text)| (name[root.len()..].to_owned(), text));
        let tree = Tree::new(product.filter(|(name, _)| !is_test(name)));
        assert_eq!(tree.circles(), Vec::<String>::new(), "in {crate_name}");
    }
}

#[test]
fn a_circle_is_seen() {
    let sources = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B;"),
        ("b/mod.rs", "mod inner; pub use inner::B;"),
        ("b/inner.rs", "use super::super::a::A;"),
    ];
    let own = sources.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(Tree::new(own).circles(), ["a.rs -> b/inner.rs -> a.rs"]);
}

/// The files of a crate, by module path (`plan::edit`).
struct Tree {
    sources: BTreeMap<Vec<String>, (String, Source)>,
}

impl Tree {
    fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let parse = |(name, text): (String, String)| {
            let stem = name.trim_end_matches(".rs");
            let stem = stem
                .strip_suffix("mod")
                .unwrap_or(stem)
                .trim_end_matches('/');
            let path = stem
                .split('/')
                .filter(|part| !["", "lib", "main"].contains(part));
            (
                path.map(str::to_owned).collect(),
                (name, Source::parse(&text)),
            )
        };
        // `main.rs` is a separate crate.
        let library = files.into_iter().filter(|(name, _)| name != "main.rs");
        Self {
            sources: library.map(parse).collect(),
        }
    }

    /// Returns the module that defines `path`, as written in module `from`, or `None` if it belongs to another crate.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut at = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop()?;
            }
            child if self.sources.get(&at)?.1.children.contains_key(child) => {
                at.push(child.to_owned());
            }
            _ => return None,
        }
        rest = &rest[1..];
        while let Some((next, others)) = rest.split_first() {
            let (_, source) = self.sources.get(&at)?;
            if next == "super" {
                at.pop()?;
            } else if source.children.contains_key(next) {
                at.push(next.clone());
            } else if let Some(behind) = source.reexports.get(next).filter(|behind| *behind != path)
            {
                return self.resolve(&at, behind).or(Some(at));
            } else {
                break;
            }
            rest = others;
        }
        Some(at)
    }

    fn used(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let (_, source) = &self.sources[module];
        let named = source.paths.iter().filter(|named| named.path.len() > 1);
        let found = named.filter_map(|named| self.resolve(module, &named.path));
        found
            .filter(|used| used != module && self.sources.contains_key(used))
            .collect()
    }

    /// Returns each import cycle between files once, beginning with its first file.
    ///
    /// A directory's `mod.rs` and its children may name each other: this is how the directory exports them.
    fn circles(&self) -> Vec<String> {
        let uses: BTreeMap<_, _> = self
            .sources
            .keys()
            .map(|module| {
                let used = self.used(module);
                (
                    module,
                    used.into_iter()
                        .filter(|used| !related(module, used))
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        let mut circles = BTreeSet::new();
        for module in self.sources.keys() {
            self.walk(&uses, &mut vec![module.clone()], &mut circles);
        }
        circles.into_iter().collect()
    }

    /// Follows the imports of the last file through files after the first one, and records paths that return to the first.
    fn walk(
        &self,
        uses: &BTreeMap<&Vec<String>, Vec<Vec<String>>>,
        way: &mut Vec<Vec<String>>,
        circles: &mut BTreeSet<String>,
    ) {
        // Longer cycles would not be any clearer to the reader.
        if way.len() > 4 {
            return;
        }
        for next in &uses[&way[way.len() - 1]] {
            if *next == way[0] {
                let names = way
                    .iter()
                    .chain([next])
                    .map(|module| self.sources[module].0.as_str());
                circles.insert(names.collect::<Vec<_>>().join(" -> "));
            } else if *next > way[0] && !way.contains(next) {
                way.push(next.clone());
                self.walk(uses, way, circles);
                way.pop();
            }
        }
    }
}

/// Returns whether one of two modules contains the other; the crate root, which contains all modules, does not count.
fn related(one: &[String], other: &[String]) -> bool {
    !one.is_empty() && !other.is_empty() && (one.starts_with(other) || other.starts_with(one))
}

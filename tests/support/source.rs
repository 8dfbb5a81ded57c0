//! Reads the project's own source files: their text, and the modules that the product's code in them names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ImplItem, Item, ItemImpl, ItemMod, ItemUse, Macro, UseTree};

/// Returns the files with this extension below these directories: their path from the top, and their text.
pub(crate) fn files(directories: &[&str], extension: &str) -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in directories {
        collect(&top.join(directory), &mut found);
    }
    found.sort();
    let wanted = found
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == extension));
    let named = wanted.map(|path| {
        let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            found.push(path);
        } else if !path.ends_with("target") {
            collect(&path, found);
        }
    }
}

/// Returns the words of a text that could be identifiers.
fn identifiers(text: &str) -> impl Iterator<Item = String> {
    let is_other = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    let words = text.split(is_other).filter(|word| !word.is_empty());
    words.map(str::to_owned)
}

/// A source file as the compiler sees it, without the code that only tests compile.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Every path that the code names, whether imported or written out, with its `cfg` conditions.
    pub(crate) paths: Vec<Named>,
    /// The names that this file re-exports: the last segment or alias, and the path behind it.
    pub(crate) reexports: BTreeMap<String, Vec<String>>,
    /// The child modules that the file declares, with the `cfg` conditions on their declarations.
    pub(crate) children: BTreeMap<String, String>,
    /// Every identifier in the code, as often as it stands there.
    pub(crate) words: Vec<String>,
    /// The names of functions, types and constants that the file defines, without those that a trait prescribes.
    pub(crate) definitions: Vec<String>,
    guards: Vec<String>,
}

/// A path in the code.
#[derive(Debug)]
pub(crate) struct Named {
    /// The segments of the path, e.g. `crate`, `plan`, `Plan`.
    pub(crate) path: Vec<String>,
    /// The conditions of every `cfg` attribute around it.
    pub(crate) guards: String,
}

impl Source {
    /// Parses a source file.
    pub(crate) fn parse(text: &str) -> Self {
        let file = syn::parse_file(text).unwrap();
        let mut source = Self::default();
        source.guarded(&file.attrs, |source| visit::visit_file(source, &file));
        source
    }

    /// Returns the first segment after `crate` of every path that begins with `crate`.
    pub(crate) fn modules(&self) -> BTreeSet<&str> {
        let named = self.paths.iter();
        let from_root =
            named.filter(|named| named.path.first().is_some_and(|first| first == "crate"));
        from_root
            .filter_map(|named| named.path.get(1).map(String::as_str))
            .collect()
    }

    /// Visits the item with these attributes, unless only tests compile it.
    fn guarded(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let conditions: Vec<String> = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .map(|attribute| attribute.parse_args::<TokenStream>().unwrap().to_string())
            .collect();
        if conditions.iter().any(|condition| condition == "test") {
            return;
        }
        let outer = self.guards.len();
        self.guards.extend(conditions);
        visit(self);
        self.guards.truncate(outer);
    }

    fn name(&mut self, path: Vec<String>) {
        let guards = self.guards.join(" ");
        self.paths.push(Named { path, guards });
    }

    /// Records every path of a `use` declaration, one per leaf; a leaf `self` stands for the path before it.
    fn import(&mut self, tree: &UseTree, before: &[String], public: bool) {
        let join = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &join(&path.ident), public),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, public);
                }
            }
            UseTree::Name(name) if name.ident == "self" => self.leaf(before.to_vec(), None, public),
            UseTree::Name(name) => self.leaf(join(&name.ident), None, public),
            UseTree::Rename(rename) => {
                self.words.push(rename.ident.to_string());
                self.leaf(join(&rename.ident), Some(rename.rename.to_string()), public);
            }
            UseTree::Glob(_) => self.leaf(before.to_vec(), None, public),
        }
    }

    fn leaf(&mut self, path: Vec<String>, alias: Option<String>, public: bool) {
        if let (true, Some(last)) = (public, path.last()) {
            let name = alias.unwrap_or_else(|| last.clone());
            self.reexports.insert(name, path.clone());
        }
        self.name(path);
    }

    /// Records every identifier and every `crate::name` among the tokens of a macro, since macros are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                // Such as `"{NAME}"`, or the name of a function in an attribute.
                TokenTree::Literal(literal) => self.words.extend(identifiers(&literal.to_string())),
                TokenTree::Ident(name) => {
                    self.words.push(name.to_string());
                    if let (true, Some(TokenTree::Ident(module))) =
                        (name == "crate", tokens.get(index + 3))
                    {
                        self.name(vec!["crate".to_owned(), module.to_string()]);
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &Vec::new(),
        };
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) if !item.attrs.iter().any(|it| it.path().is_ident("test")) => {
                Some(&item.sig.ident)
            }
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        self.guarded(attributes, |source| {
            source.definitions.extend(name.map(ToString::to_string));
            visit::visit_item(source, item);
        });
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if item.trait_.is_none() {
            for member in &item.items {
                if let ImplItem::Fn(function) = member {
                    let name = function.sig.ident.to_string();
                    self.guarded(&function.attrs, |source| source.definitions.push(name));
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_ident(&mut self, name: &'ast Ident) {
        self.words.push(name.to_string());
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.guarded(&function.attrs, |source| {
            visit::visit_impl_item_fn(source, function);
        });
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        self.guarded(&local.attrs, |source| visit::visit_local(source, local));
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        self.guarded(&call.attrs, |source| visit::visit_expr_call(source, call));
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        self.guarded(&block.attrs, |source| {
            visit::visit_expr_block(source, block);
        });
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() {
            self.children
                .insert(module.ident.to_string(), self.guards.join(" "));
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        self.name(segments.map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.tokens(invocation.tokens.clone());
    }
}

//! The settings of cluster.toml. These tables are their only source: the parser, the template of `init`, the JSON schema
//! and `builder/SETTINGS.md` are all derived from them.

use std::array::IntoIter;
use std::iter::Flatten;

use super::section::Section;

/// Builds the tables of settings; the doc comments become the descriptions that users read.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])* $header:literal {
            $($(#[doc = $doc:literal])+ $name:literal: $kind:expr, $given:expr;)*
        }
    )*) => {
        /// The tables of this file, in the order of the template.
        pub(super) const SECTIONS: &[Section] = &[$(
            Section {
                header: $header,
                doc: concat!($($about,)*),
                settings: &[$(
                    Setting { name: $name, kind: $kind, given: $given, doc: concat!($($doc,)+) },
                )*],
            },
        )*];
    };
}

mod access;
mod cluster;
mod machine;

/// Tables of several files.
#[derive(Clone, Copy)]
pub(super) struct Sections([&'static [Section]; 3]);

/// All tables, in the order of the template.
pub(super) const SECTIONS: Sections =
    Sections([cluster::SECTIONS, access::SECTIONS, machine::SECTIONS]);

impl Sections {
    pub(super) fn iter(self) -> <Self as IntoIterator>::IntoIter {
        self.0.into_iter().flatten()
    }
}

impl IntoIterator for Sections {
    type Item = &'static Section;
    type IntoIter = Flatten<IntoIter<&'static [Section], 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Section {
    /// Returns the keys of the table, including those of inner tables.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        let settings = self.settings.iter().map(|setting| setting.name);
        let inner = SECTIONS
            .iter()
            .filter_map(|inner| self.name_of_inner(inner));
        settings.chain(inner).collect()
    }
}

/// Returns the default of a text setting.
#[cfg(test)]
pub(crate) fn default_text(path: &str, name: &str) -> &'static str {
    let section = SECTIONS.iter().find(|section| section.path() == path);
    section.expect("there is such a table").default_text(name)
}

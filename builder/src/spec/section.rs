//! What describes a table of cluster.toml: its settings, and the values and the default of each.

use std::ops::RangeInclusive;

/// A table of cluster.toml.
pub(super) struct Section {
    /// The header as written in the file, for example `[network.wifi]` or `[[node]]`.
    pub(super) header: &'static str,
    /// Description of the table. Like [`Setting::doc`], each line begins with a space.
    pub(super) doc: &'static str,
    pub(super) settings: &'static [Setting],
}

/// A key of a table.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) given: Given,
    pub(super) doc: &'static str,
}

/// A function that checks a text and returns what is wrong with it.
pub(super) type TextCheck = fn(&str) -> Result<(), String>;

/// The values that a setting accepts.
pub(super) enum ValueKind {
    Text(TextCheck),
    /// One of several names; the first field says what they name.
    Choice(&'static str, fn() -> Vec<&'static str>),
    Switch,
    /// An integer in a range; its unit follows the number in complaints.
    Integer(RangeInclusive<u32>, &'static str),
    /// A number of bytes in a range, as an integer or as text with a unit.
    Size(RangeInclusive<u64>),
    List(&'static ValueKind),
    /// Settings of etcd itself (`etcd_flags`).
    EtcdFlags,
}

/// What applies if the file does not contain the setting. All values are written in TOML.
pub(super) enum Given {
    Default(&'static str),
    /// There is no default; the value is an example.
    Optional(&'static str),
    /// The table is incomplete without the setting; the value is an example.
    Required(&'static str),
}

/// Every key of this table is accepted: the only setting describes all of them, and its name is an example.
pub(super) const OPEN: &str = "[hosts]";

impl Section {
    /// Returns the dotted path of the table, for example `network.wifi`.
    pub(super) fn path(&self) -> &'static str {
        self.header.trim_matches(['[', ']'])
    }

    /// Returns whether the file may contain the table several times.
    pub(super) fn is_list(&self) -> bool {
        self.header.starts_with("[[")
    }

    /// Returns the key of a table inside this one.
    pub(super) fn name_of_inner(&self, inner: &'static Self) -> Option<&'static str> {
        inner.path().strip_prefix(self.path())?.strip_prefix('.')
    }

    /// Returns the default of a text setting.
    ///
    /// # Panics
    /// If the table has no such default.
    pub(super) fn default_text(&self, name: &str) -> &'static str {
        let mut settings = self.settings.iter();
        match settings
            .find(|setting| setting.name == name)
            .map(|setting| &setting.given)
        {
            Some(Given::Default(toml)) => toml.trim_matches('"'),
            _ => panic!("{}.{name} has no default", self.path()),
        }
    }
}

impl ValueKind {
    /// Returns the name of the type in complaints.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Choice(..) => "a string",
            Self::Switch => "true or false",
            Self::Integer(..) => "an integer",
            Self::Size(_) => "a size",
            Self::List(Self::Integer(..)) => "a list of integers",
            Self::List(_) => "a list of strings",
            Self::EtcdFlags => "a table",
        }
    }
}

impl Given {
    /// Returns the default or example as TOML.
    pub(super) fn toml(&self) -> &'static str {
        match self {
            Self::Default(toml) | Self::Optional(toml) | Self::Required(toml) => toml,
        }
    }
}

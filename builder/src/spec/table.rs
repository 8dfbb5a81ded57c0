//! A checked table of cluster.toml: values and defaults by name.

use super::complaints::{Complaints, Place, Placed};
use super::section::{OPEN, Section};

/// A table with its values and defaults.
pub(super) struct Table {
    pub(super) section: &'static Section,
    /// The line of the header, or [`Place::Default`] if no file contains the table.
    pub(super) place: Place,
    /// The values in the order of the file, followed by the defaults.
    pub(super) values: Vec<(String, Placed<SettingValue>)>,
}

/// A value of the right kind.
pub(super) enum SettingValue {
    Text(String),
    Switch(bool),
    Integer(u64),
    List(Vec<Placed<SettingValue>>),
    EtcdFlags(Vec<(String, toml::Value)>),
}

impl Table {
    fn get(&self, name: &str) -> Option<&Placed<SettingValue>> {
        let known = self
            .section
            .settings
            .iter()
            .any(|setting| setting.name == name);
        debug_assert!(
            known || self.section.header == OPEN,
            "{name} in {}",
            self.section.header
        );
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    fn default(&self, name: &str) -> &Placed<SettingValue> {
        self.get(name).expect("the setting has a default")
    }

    /// Returns whether the file contains the table.
    pub(super) fn is_written(&self) -> bool {
        self.place.is_written()
    }

    /// Returns whether the file contains the setting.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.place.is_written())
    }

    /// Returns whether the file contains the setting with another value than its default.
    fn is_changed(&self, name: &str) -> bool {
        let same = |value: &Placed<SettingValue>| {
            let default = self.section.default_of(name);
            default.is_some_and(|default| default.value.is_same(&value.value))
        };
        self.has(name) && !self.get(name).is_some_and(same)
    }

    /// Complains about a setting that has no effect with another one, if its value is not the default.
    pub(super) fn refuse_useless(&self, setting: &str, other: &str, log: &mut Complaints) {
        if self.is_changed(setting) {
            let message = format!("`{setting}` has no effect with {other}; remove it");
            log.add(self.place_of(setting), message);
        }
    }

    /// Returns the place of a setting, or that of the table if the setting is absent.
    pub(super) fn place_of(&self, name: &str) -> Place {
        self.get(name).map_or(self.place, |value| value.place)
    }

    /// Returns a text that may be absent.
    pub(super) fn optional(&self, name: &str) -> Option<Placed<&str>> {
        let value = self.get(name)?;
        value.value.text().map(|text| value.with(text))
    }

    /// Returns a text that has a default.
    pub(super) fn text(&self, name: &str) -> Placed<&str> {
        self.optional(name)
            .expect("the setting is a text with a default")
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        matches!(self.default(name).value, SettingValue::Switch(true))
    }

    pub(super) fn size(&self, name: &str) -> Placed<u64> {
        let value = self.default(name);
        value.with(value.value.integer().expect("the setting is a number"))
    }

    /// Returns an integer whose range ends below 2³².
    pub(super) fn integer(&self, name: &str) -> Placed<u32> {
        let number = self.optional_integer(name);
        number.expect("the setting is a number with a default")
    }

    /// Returns an integer that may be absent.
    pub(super) fn optional_integer(&self, name: &str) -> Option<Placed<u32>> {
        let value = self.get(name)?;
        let number = value.value.integer()?;
        Some(value.with(u32::try_from(number).expect("the number is in its range")))
    }

    /// Returns a list of texts, which is empty if the setting is absent.
    pub(super) fn texts(&self, name: &str) -> Vec<Placed<&str>> {
        let items = self.items(name);
        items
            .filter_map(|item| item.value.text().map(|text| item.with(text)))
            .collect()
    }

    /// Returns a text that may be absent, without its place.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        Some(self.optional(name)?.value.to_owned())
    }

    /// Returns a list of texts without their places.
    pub(super) fn owned_texts(&self, name: &str) -> Vec<String> {
        let texts = self.texts(name).into_iter();
        texts.map(|text| text.value.to_owned()).collect()
    }

    /// Returns permission bits, which are written in octal digits; 0 for others, about which there is a complaint.
    pub(super) fn mode(&self, name: &str) -> u16 {
        u16::from_str_radix(self.text(name).value, 8).unwrap_or(0)
    }

    pub(super) fn integers(&self, name: &str) -> Placed<Vec<u64>> {
        let items = self.items(name);
        self.default(name)
            .with(items.filter_map(|item| item.value.integer()).collect())
    }

    fn items(&self, name: &str) -> impl Iterator<Item = &Placed<SettingValue>> {
        let list = self.get(name).map(|value| &value.value);
        list.into_iter().flat_map(|value| match value {
            SettingValue::List(items) => items.as_slice(),
            _ => &[],
        })
    }

    pub(super) fn etcd_flags(&self, name: &str) -> Vec<(String, toml::Value)> {
        match self.get(name).map(|value| &value.value) {
            Some(SettingValue::EtcdFlags(flags)) => flags.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns the keys in the order of the file.
    pub(super) fn keys(&self) -> impl Iterator<Item = Placed<&str>> {
        self.values
            .iter()
            .map(|(key, value)| value.with(key.as_str()))
    }
}

impl SettingValue {
    /// Returns whether the values are the same, wherever they were written.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Switch(one), Self::Switch(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::List(one), Self::List(other)) => {
                let mut pairs = one.iter().zip(other);
                one.len() == other.len()
                    && pairs.all(|(one, other)| one.value.is_same(&other.value))
            }
            _ => false,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn integer(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

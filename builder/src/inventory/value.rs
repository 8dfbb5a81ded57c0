//! A value of a YAML file, with the keys of its tables in the order of the file.

use std::fmt::{self, Display, Formatter};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Debug)]
pub(super) enum InventoryValue {
    /// A text, a number, a Boolean value or `null`, as text.
    Scalar(String),
    List(Vec<InventoryValue>),
    Table(Vec<(String, InventoryValue)>),
}

impl InventoryValue {
    /// Returns the entries of a table.
    pub(super) fn table(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the entry of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.table()?.iter();
        entries
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Returns the items of a list, or nothing.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Returns a value that is neither a table nor a list.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// Items of a list are separated by spaces.
impl Display for InventoryValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let separator = |index| if index > 0 { " " } else { "" };
        match self {
            Self::Scalar(text) => f.write_str(text),
            Self::List(items) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| write!(f, "{}{item}", separator(index)))
            }
            Self::Table(entries) => {
                let mut entries = entries.iter().enumerate();
                entries.try_for_each(|(index, (name, value))| {
                    write!(f, "{}{name}={value}", separator(index))
                })
            }
        }
    }
}

impl<'de> Deserialize<'de> for InventoryValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = InventoryValue;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar("null".to_owned()))
    }

    fn visit_none<E>(self) -> Result<InventoryValue, E> {
        Ok(InventoryValue::Scalar("null".to_owned()))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<InventoryValue, D::Error> {
        InventoryValue::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<InventoryValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(InventoryValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InventoryValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(InventoryValue::Table(entries))
    }
}

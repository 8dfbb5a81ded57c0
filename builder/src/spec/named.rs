//! Values of settings that have one of several names.

/// A value with a name in `cluster.toml`.
pub trait Named: Copy + PartialEq + 'static {
    /// The names and their values; other names of the same value follow its own.
    const NAMES: &'static [(&'static str, Self)];

    /// Returns all names.
    fn names() -> Vec<&'static str> {
        Self::NAMES.iter().map(|(name, _)| *name).collect()
    }

    /// Returns the value with this name.
    fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// Returns the name of the value.
    fn name(self) -> &'static str {
        let mut names = Self::NAMES.iter();
        names
            .find(|(_, value)| *value == self)
            .map_or("", |(name, _)| name)
    }
}

//! Complaints about the input, collected and reported together, each with its place.

use std::fmt::Write as _;

use toml::de::DeValue;

use super::input::Input;
use crate::failure::Kind;

/// The origin of a value. The order of the variants is the order in which complaints are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// An option, e.g. `--nodes`.
    Option(&'static str),
    /// A default that conflicts with written settings: the table and the setting.
    Default(&'static str, &'static str),
    /// A line of the configuration file, counted from 1.
    Line(usize),
    /// The row of a fleet.
    Row,
}

impl Place {
    /// Returns whether the user wrote the value into a file.
    pub(super) fn is_written(self) -> bool {
        matches!(self, Self::Line(_) | Self::Row)
    }
}

/// A value and its origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

impl<T> Placed<T> {
    pub(super) fn new(place: Place, value: T) -> Self {
        Self { place, value }
    }

    /// Returns another value with the same place.
    pub(super) fn with<U>(&self, value: U) -> Placed<U> {
        Placed::new(self.place, value)
    }
}

/// The complaints so far.
#[derive(Default)]
pub(super) struct Complaints {
    file: String,
    row: String,
    found: Vec<(Place, String)>,
    /// What the input lacks as a whole, and the next step.
    lacks: Vec<(String, &'static str)>,
}

impl Complaints {
    /// Returns an empty collection for an input, whose files complaints name as the user did.
    pub(super) fn about(input: &Input) -> Self {
        let file = input.config.as_ref();
        let file = file.map(|config| config.path.display().to_string());
        let row = input.row.as_ref().map(|row| row.place.clone());
        Self {
            file: file.unwrap_or_default(),
            row: row.unwrap_or_default(),
            found: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// Adds a complaint. Control characters are escaped, because the complaint is printed on a terminal.
    pub(super) fn add(&mut self, place: Place, message: impl Into<String>) {
        self.found.push((place, escaped(&message.into())));
    }

    /// Adds a complaint about something that the input lacks as a whole, and what to do about it.
    pub(super) fn add_lack(&mut self, message: &str, advice: &'static str) {
        self.lacks.push((escaped(message), advice));
    }

    /// Adds a complaint if a check failed, and returns the value otherwise.
    pub(super) fn check<T>(&mut self, place: Place, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|message| self.add(place, message)).ok()
    }

    /// Returns the complaints without their places.
    pub(super) fn messages(self) -> Vec<String> {
        let found = self.found.into_iter();
        found.map(|(_, message)| message).collect()
    }

    /// Returns an error with all complaints, if there are any.
    pub(super) fn settle(&mut self) -> Result<(), Invalid> {
        if self.found.is_empty() && self.lacks.is_empty() {
            return Ok(());
        }
        let advice = match (self.lacks.as_slice(), self.found.is_empty()) {
            ([(_, advice)], true) => Some(*advice),
            _ => None,
        };
        let lacks = std::mem::take(&mut self.lacks).into_iter();
        let lacks = lacks.map(|(message, advice)| format!("{message}: {advice}"));
        self.found.sort_by_key(|(place, _)| *place);
        let found = std::mem::take(&mut self.found).into_iter();
        let complaints =
            found.map(|(place, message)| format!("{}: {message}", self.located(place)));
        Err(Invalid {
            complaints: lacks.chain(complaints).collect(),
            advice,
        })
    }

    /// Returns the place as complaints name it.
    pub(super) fn located(&self, place: Place) -> String {
        match place {
            Place::Option(option) => option.to_owned(),
            Place::Default(table, name) => format!("default of {table}.{name}"),
            Place::Line(line) => format!("{}:{line}", self.file),
            Place::Row => self.row.clone(),
        }
    }
}

fn escaped(message: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    };
    message.chars().map(escape).collect()
}

/// Returns the complaint about a value of the wrong type, without the value, which may be a secret.
pub(super) fn wrong_type(label: &str, wanted: &str, found: &DeValue<'_>) -> String {
    let article = match found {
        DeValue::Integer(_) | DeValue::Array(_) => "an",
        _ => "a",
    };
    format!(
        "{label} must be {wanted}, not {article} {}",
        found.type_str()
    )
}

/// The error of an invalid configuration: every complaint, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// One line per complaint, beginning with its place; never empty.
    pub complaints: Vec<String>,
    /// The next step, with which the only complaint ends; `None` if there are several, or if it is to correct the input.
    pub advice: Option<&'static str>,
}

/// [`Invalid`] does not implement `std::error::Error`, so that `?` keeps the kind and the hint.
impl From<Invalid> for anyhow::Error {
    fn from(invalid: Invalid) -> Self {
        let count = invalid.complaints.len();
        if let ([only], Some(advice)) = (invalid.complaints.as_slice(), invalid.advice) {
            let message = only.strip_suffix(advice).unwrap_or(only);
            return Kind::Usage.error(message.trim_end_matches(": "), advice);
        }
        if let [only] = invalid.complaints.as_slice() {
            return Kind::Usage.error(only, "correct it and run again; nothing was written");
        }
        let mut message = format!("{count} things to correct");
        for complaint in &invalid.complaints {
            // Writing into a string cannot fail.
            let _ = write!(message, "\n  {complaint}");
        }
        Kind::Usage.error(message, "correct them and run again; nothing was written")
    }
}

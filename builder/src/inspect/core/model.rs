//! The model assertion of an Ubuntu Core image: which system it is and what may be done to it. Pure: text in, fields out.
//!
//! An assertion consists of headers, an empty line and the signature. A header is one `key: value` line, or a key with an
//! indented list below it.

use crate::printable::printable;
use crate::recipe::Grade;

/// The fields that decide how an image is handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model {
    /// The brand and its name for the model: `canonical/ubuntu-core-24-pi-arm64`.
    pub(super) name: String,
    pub(super) architecture: String,
    /// Name of the base snap; Core 16 has none.
    pub(super) base: Option<String>,
    pub(super) grade: Grade,
    /// Name of the gadget snap.
    pub(super) gadget: Option<String>,
    /// Whether the model requires encrypted data.
    pub(super) encrypted: bool,
}

impl Model {
    /// Parses a model assertion. Returns `None` if the text is not one or its grade is unknown.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let headers: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        let value = |key: &str| {
            let prefix = format!("{key}: ");
            headers.iter().find_map(|line| line.strip_prefix(&prefix))
        };
        if value("type") != Some("model") {
            return None;
        }
        Some(Self {
            name: printable(&format!("{}/{}", value("brand-id")?, value("model")?)),
            architecture: printable(value("architecture")?),
            base: value("base").map(printable),
            grade: match value("grade") {
                // Same as snapd (asserts, `assembleModel`): a model that lists its snaps is signed unless it names a grade.
                None if headers.contains(&"snaps:") => Grade::Signed,
                None => Grade::None,
                Some("dangerous") => Grade::Dangerous,
                Some("signed") => Grade::Signed,
                Some("secured") => Grade::Secured,
                Some(_) => return None,
            },
            gadget: gadget(&headers).or(value("gadget")).map(str::to_owned),
            encrypted: value("storage-safety") == Some("encrypted"),
        })
    }
}

/// Returns the snap of type `gadget` in the list of snaps. Core 16 and 18 name it in its own header, possibly with a track.
fn gadget<'t>(headers: &[&'t str]) -> Option<&'t str> {
    let snaps: Vec<&[&str]> = headers.split(|line| line.trim() == "-").collect();
    let of_type = |snap: &&&[&str]| snap.iter().any(|line| line.trim() == "type: gadget");
    let gadget = snaps.iter().find(of_type)?;
    gadget
        .iter()
        .find_map(|line| line.trim().strip_prefix("name: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "type: model\nauthority-id: canonical\nbrand-id: canonical\nmodel: ubuntu-core-24-pi-arm64-dangerous\n\
        architecture: arm64\nbase: core24\ngrade: dangerous\nsnaps:\n  -\n    default-channel: 24/stable\n    name: pi\n    type: gadget\n  -\n    \
        name: pi-kernel\n    type: kernel\ntimestamp: 2024-04-01T00:00:00Z\n\nAcLBUgQAAQoABgUCgrade: secured\n";

    #[test]
    fn the_headers_are_read_and_the_signature_is_not() {
        let model = Model::parse(TEXT).unwrap();
        let wanted = Model {
            name: "canonical/ubuntu-core-24-pi-arm64-dangerous".to_owned(),
            architecture: "arm64".to_owned(),
            base: Some("core24".to_owned()),
            grade: Grade::Dangerous,
            gadget: Some("pi".to_owned()),
            encrypted: false,
        };
        assert_eq!(model, wanted);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn damaged_assertions() {
        crate::mutated::survives_texts("assertions", &[TEXT], |text| {
            let _ = Model::parse(text);
        });
    }

    #[test]
    fn each_field_counts() {
        let with = |from: &str, to: &str| {
            assert!(TEXT.contains(from), "{from}");
            Model::parse(&TEXT.replacen(from, to, 1))
        };
        assert_eq!(with("type: model", "type: account"), None);
        assert_eq!(with("grade: dangerous", "grade: reckless"), None);
        assert_eq!(with("architecture: arm64\n", ""), None);
        let grade = |to| with("grade: dangerous\n", to).unwrap().grade;
        assert_eq!(grade(""), Grade::Signed, "as snapd has it");
        assert_eq!(grade("grade: signed\n"), Grade::Signed);
        assert_eq!(grade("grade: secured\n"), Grade::Secured);
        assert_eq!(with("base: core24\n", "").unwrap().base, None);
        let safe = with("timestamp:", "storage-safety: encrypted\ntimestamp:").unwrap();
        assert!(safe.encrypted);
        let old = with("snaps:\n  -\n", "gadget: pi3\n").unwrap();
        assert_eq!(old.gadget.as_deref(), Some("pi"), "the list wins");
        let old = with("grade: dangerous\nsnaps:\n", "").unwrap();
        assert_eq!(old.grade, Grade::None, "before there were grades");
    }
}

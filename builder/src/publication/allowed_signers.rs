//! The file `allowed_signers` of ssh-keygen(1): who may sign, with which key, until when.

use anyhow::Result;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, PrimitiveDateTime};

use crate::date::date;
use crate::ssh_patterns::in_list;

/// One line of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AllowedSigner {
    /// Who signs, as written.
    pub(super) principals: String,
    key: KeyData,
    /// A list of patterns of the purposes of signatures; every purpose if it is absent.
    namespaces: Option<String>,
    /// Seconds since 1970 from which the key is valid.
    after: Option<i64>,
    /// Seconds since 1970 until which the key is valid.
    before: Option<i64>,
}

impl AllowedSigner {
    /// Parses the lines of a file. Lines about certificate authorities are skipped: certificates are not supported.
    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let mut signers = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let signer = Self::parse(line);
            signers.extend(signer.map_err(|why| format!("line {}: {why}", number + 1))?);
        }
        Ok(signers)
    }

    /// Returns whether the line is about this key.
    pub(super) fn is_about(&self, key: &KeyData) -> bool {
        self.key == *key
    }

    /// Returns why the key may not make a signature for this purpose at this time, or `None` if it may.
    pub(super) fn objection(&self, namespace: &str, now: i64) -> Option<String> {
        let who = &self.principals;
        if let Some(list) = self
            .namespaces
            .as_ref()
            .filter(|list| !in_list(list, namespace))
        {
            return Some(format!(
                "the key of {who} is allowed for the purpose `{list}`, not for `{namespace}`"
            ));
        }
        if let Some(after) = self.after.filter(|after| now < *after) {
            return Some(format!(
                "the key of {who} is valid only from {}",
                date(after)
            ));
        }
        let before = self.before.filter(|before| now >= *before)?;
        Some(format!("the key of {who} was valid until {}", date(before)))
    }

    fn parse(line: &str) -> Result<Option<Self>, String> {
        let (principals, rest) = word(line);
        let mut signer = Self {
            principals: principals.trim_matches('"').to_owned(),
            key: KeyData::Ed25519(ssh_key::public::Ed25519PublicKey([0; 32])),
            namespaces: None,
            after: None,
            before: None,
        };
        if let Ok(key) = PublicKey::from_openssh(rest) {
            signer.key = key.key_data().clone();
            return Ok(Some(signer));
        }
        let (options, key) = word(rest);
        for option in split(options) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "cert-authority" => return Ok(None),
                "namespaces" => signer.namespaces = Some(value.to_owned()),
                "valid-after" => signer.after = Some(seconds(value)?),
                "valid-before" => signer.before = Some(seconds(value)?),
                _ => return Err(format!("neither a key nor an option: `{option}`")),
            }
        }
        let key = PublicKey::from_openssh(key).map_err(|error| format!("no key: {error}"))?;
        signer.key = key.key_data().clone();
        Ok(Some(signer))
    }
}

/// Returns the first word of a line, which may contain quoted spaces, and the rest.
fn word(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = line.find(|letter: char| {
        quoted ^= letter == '"';
        letter.is_whitespace() && !quoted
    });
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    (word, rest.trim_start())
}

/// Splits options at commas that are not quoted.
fn split(options: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    options.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without a `Z`, in UTC.
fn seconds(text: &str) -> Result<i64, String> {
    const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
    const MINUTE: &[BorrowedFormatItem<'_>] =
        format_description!("[year][month][day][hour][minute]");
    const SECOND: &[BorrowedFormatItem<'_>] =
        format_description!("[year][month][day][hour][minute][second]");
    let digits = text.trim_end_matches('Z');
    let time = match digits.len() {
        8 => Date::parse(digits, DAY).map(Date::midnight),
        12 => PrimitiveDateTime::parse(digits, MINUTE),
        _ => PrimitiveDateTime::parse(digits, SECOND),
    };
    let time = time.map_err(|error| format!("no time: `{text}`: {error}"))?;
    Ok(time.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me";

    fn parsed(line: &str) -> Result<Vec<AllowedSigner>, String> {
        AllowedSigner::parse_all(line)
    }

    /// Returns the objection to the only line of a file, which is about the key.
    fn objection(options: &str, namespace: &str, now: i64) -> Option<String> {
        let signers = parsed(&format!("# who\n\nada@example {options} {KEY}\n")).unwrap();
        let [signer] = &*signers else {
            panic!("{signers:?}")
        };
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert!(signer.is_about(key.key_data()));
        signer.objection(namespace, now)
    }

    #[test]
    fn options_limit_purpose_and_time() {
        // 20 November 2026.
        let now = 1_795_132_800;
        for allowed in [
            "",
            "namespaces=\"git,file\"",
            "namespaces=\"*\"",
            "namespaces=\"!git,fi?e*\"",
            "valid-after=\"20261120\",valid-before=\"20261121Z\"",
        ] {
            assert_eq!(objection(allowed, "file", now), None, "{allowed}");
        }
        for (options, reason) in [
            (
                "namespaces=\"git\"",
                "is allowed for the purpose `git`, not for `file`",
            ),
            (
                "namespaces=\"*,!fi*\"",
                "is allowed for the purpose `*,!fi*`, not for `file`",
            ),
            ("valid-after=\"20261121\"", "is valid only from 2026-11-21"),
            (
                "valid-before=\"202611192359\"",
                "was valid until 2026-11-19",
            ),
        ] {
            let wanted = format!("the key of ada@example {reason}");
            assert_eq!(objection(options, "file", now), Some(wanted));
        }
        let authority = parsed(&format!("ada@example cert-authority {KEY}"));
        assert_eq!(authority, Ok(vec![]));
    }

    #[test]
    fn a_mistake_is_reported_with_its_line() {
        let unknown = parsed(&format!("{KEY}\n"));
        assert!(unknown.is_err_and(|why| why.starts_with("line 1: neither a key nor an option")));
        let when = parsed(&format!("ada valid-after=\"soon\" {KEY}"));
        assert!(when.is_err_and(|why| why.starts_with("line 1: no time: `soon`: ")));
    }
}

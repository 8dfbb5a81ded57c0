//! The options before a key in `authorized_keys`, by the rules of sshd (`auth-options.c`), which ignores the whole line if
//! one option is wrong.

use time::{Date, Month};

use crate::date::DAY;

/// Options without a value; those in [`SWITCHES`] may also follow `no-`.
const FLAGS: &str = "cert-authority restrict verify-required no-touch-required no-verify-required";
const SWITCHES: &str = "agent-forwarding port-forwarding pty user-rc x11-forwarding";
/// Options with a value in double quotes.
const VALUES: &str =
    "command environment expiry-time from permitlisten permitopen principals tunnel";
/// Options that may occur only once in a line.
const ONCE: &str = "command from principals";

/// Checks a list of options separated by commas. The error never contains the written text.
pub(super) fn check(options: &str) -> Result<(), &'static str> {
    each_option(options, &mut |_, _| ())
}

/// Returns whether a valid list has an `expiry-time` before this moment, in seconds since 1970, in every time zone.
pub(super) fn have_expired(options: &str, now: i64) -> bool {
    let mut is_past = false;
    let read = each_option(options, &mut |name, value| {
        is_past |= name == "expiry-time" && seconds(value).is_some_and(|until| until < now);
    });
    read.is_ok() && is_past
}

/// Reads a list of options, and calls `each` with every one that has a value.
fn each_option(options: &str, each: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str> {
    let mut seen = Vec::new();
    let mut rest = options;
    loop {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.to_ascii_lowercase();
        let is_switch = has(SWITCHES, name.strip_prefix("no-").unwrap_or(&name));
        rest = match after.strip_prefix('=') {
            None if is_switch || has(FLAGS, &name) => after,
            None if has(VALUES, &name) => return Err("one of them needs a value"),
            Some(text) if has(VALUES, &name) => {
                let (value, after) = split_quoted(text)?;
                if !is_sound(&name, value) {
                    return Err("a value is not one that its option takes");
                }
                each(&name, value);
                after
            }
            // Sshd skips superfluous commas.
            None if name.is_empty() => after,
            _ => return Err("it does not know one of them"),
        };
        if has(ONCE, &name) && seen.contains(&name) {
            return Err("one of them is listed twice");
        }
        seen.push(name);
        rest = match rest.strip_prefix(',') {
            Some(more) => more,
            None if rest.is_empty() => break,
            None => return Err("they are not separated by commas"),
        };
    }
    let given = |name: &str| seen.iter().any(|known| known == name);
    if given("principals") && !given("cert-authority") {
        return Err("`principals` is for the key of a CA, after `cert-authority`");
    }
    Ok(())
}

fn has(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// Returns whether the option takes the value.
fn is_sound(option: &str, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = |text: &str| text == "*" || text.parse::<u16>().is_ok_and(|port| port > 0);
    match option {
        "permitopen" => host_and_port(value).is_some_and(|(_, given)| port(given)),
        "permitlisten" => port(host_and_port(value).map_or(value, |(_, given)| given)),
        "environment" => value.split_once('=').is_some_and(|(name, _)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty() && name.chars().all(plain)
        }),
        "tunnel" => value == "any" || value.split(':').all(|it| it == "any" || digits(it)),
        "expiry-time" => is_time(value.strip_suffix('Z').unwrap_or(value)),
        _ => true,
    }
}

/// Returns host and port of `host:port` or `[host]:port`.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':'),
    }
}

/// Returns whether the text is a time as `YYYYMMDD`, also followed by `HHMM` or `HHMMSS`.
fn is_time(text: &str) -> bool {
    let within = |at: usize, most: u32, least: u32| {
        let part = text.get(at..at + 2).map(str::parse::<u32>);
        part.is_none_or(|number| number.is_ok_and(|number| (least..=most).contains(&number)))
    };
    let plain = [8, 12, 14].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain && within(4, 12, 1) && within(6, 31, 1) && within(8, 23, 0) && within(10, 59, 0)
}

/// The difference between the local time of the last time zone (UTC-12) and UTC, in seconds.
const LAST_ZONE: i64 = 12 * 3600;

/// Returns the seconds since 1970 of a time without a zone or in UTC (`Z`). Without a zone, it is the latest possible moment.
fn seconds(text: &str) -> Option<i64> {
    let (digits, zone) = match text.strip_suffix('Z') {
        Some(digits) => (digits, 0),
        None => (text, LAST_ZONE),
    };
    let part = |range: std::ops::Range<usize>| match digits.get(range) {
        Some(part) => part.parse::<i64>().ok(),
        None => Some(0),
    };
    let month = Month::try_from(u8::try_from(part(4..6)?).ok()?).ok()?;
    let first = Date::from_calendar_date(i32::try_from(part(0..4)?).ok()?, month, 1).ok()?;
    // Like the C library, this takes February 30 for a day in March.
    let day = part(6..8)? - 1;
    let clock = part(8..10)? * 3600 + part(10..12)? * 60 + part(12..14)?;
    Some(first.midnight().assume_utc().unix_timestamp() + day * DAY + clock + zone)
}

/// Returns a value in double quotes and the text after it.
fn split_quoted(text: &str) -> Result<(&str, &str), &'static str> {
    let text = text
        .strip_prefix('"')
        .ok_or("a value must be in double quotes, as in from=\"10.0.0.1\"")?;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == '"' && !escaped {
            return Ok((&text[..at], &text[at + 1..]));
        }
        escaped = c == '\\' && !escaped;
    }
    Err("a double quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::pairs;
    use super::{check, have_expired};

    #[test]
    fn an_expiry_time_in_the_past_is_known() {
        // 2026-11-27 12:00:00 UTC.
        let now = 1_795_780_800;
        for (options, is_past) in [
            ("", false),
            ("restrict", false),
            ("expiry-time=\"20240229\"", true),
            ("expiry-time=\"20261127115959Z\"", true),
            ("expiry-time=\"20261127120000Z\"", false),
            ("expiry-time=\"202611262359\"", true),
            ("expiry-time=\"20261127\"", false),
            ("command=\"expiry-time=\\\"19990101\\\"\",no-pty", false),
            ("expiry-time=\"20300101\",EXPIRY-TIME=\"20200101\"", true),
        ] {
            assert_eq!(have_expired(options, now), is_past, "{options}");
        }
    }

    #[test]
    fn options_are_accepted_as_sshd_does() {
        for options in [
            "no-pty",
            "PTY",
            "restrict,port-forwarding",
            "cert-authority,principals=\"a,b\"",
            "from=\"10.0.0.0/8\",command=\"echo \\\"a, b\\\"\",no-X11-forwarding",
            "permitopen=\"a:1\",permitopen=\"b:2\"",
        ] {
            assert_eq!(check(options), Ok(()), "{options}");
        }
        for (options, wanted) in pairs(
            r#"
            from=10.0.0.1 → a value must be in double quotes, as in from="10.0.0.1"
            nopty → it does not know one of them
            no-restrict → it does not know one of them
            no-pty,no-dance → it does not know one of them
            principals="a" → `principals` is for the key of a CA, after `cert-authority`
            permitopen="nowhere" → a value is not one that its option takes
            pty="yes" → it does not know one of them
            command → one of them needs a value
            command="a → a double quote is not closed
            from="a",from="b" → one of them is listed twice
            from="a"no-pty → they are not separated by commas
            "#,
        ) {
            assert_eq!(check(options), Err(wanted), "{options}");
        }
    }
}

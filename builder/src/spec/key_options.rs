//! The options before a key in `authorized_keys`, by the rules of sshd (`auth-options.c`), which ignores the whole line if
//! one option is wrong.

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
                let (value, after) = quoted(text)?;
                if !is_sound(&name, value) {
                    return Err("a value is not one that its option takes");
                }
                after
            }
            // Sshd skips superfluous commas.
            None if name.is_empty() => after,
            _ => return Err("it does not know one of them"),
        };
        if has(ONCE, &name) && seen.contains(&name) {
            return Err("one of them is there twice");
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
        "permitopen" => place(value).is_some_and(|(_, given)| port(given)),
        "permitlisten" => port(place(value).map_or(value, |(_, given)| given)),
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
fn place(text: &str) -> Option<(&str, &str)> {
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

/// Returns a value in double quotes and the text after it.
fn quoted(text: &str) -> Result<(&str, &str), &'static str> {
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
    use super::check;

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
        for (options, wanted) in [
            (
                "from=10.0.0.1",
                "a value must be in double quotes, as in from=\"10.0.0.1\"",
            ),
            ("nopty", "it does not know one of them"),
            ("no-restrict", "it does not know one of them"),
            ("no-pty,no-dance", "it does not know one of them"),
            (
                "principals=\"a\"",
                "`principals` is for the key of a CA, after `cert-authority`",
            ),
            (
                "permitopen=\"nowhere\"",
                "a value is not one that its option takes",
            ),
            ("pty=\"yes\"", "it does not know one of them"),
            ("command", "one of them needs a value"),
            ("command=\"a", "a double quote is not closed"),
            ("from=\"a\",from=\"b\"", "one of them is there twice"),
            ("from=\"a\"no-pty", "they are not separated by commas"),
        ] {
            assert_eq!(check(options), Err(wanted), "{options}");
        }
    }
}

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
            Some(value) if has(VALUES, &name) => after_quotes(value)?,
            _ => return Err("it does not know one of them"),
        };
        if has(ONCE, &name) && seen.contains(&name) {
            return Err("one of them is there twice");
        }
        seen.push(name);
        rest = match rest.strip_prefix(',') {
            Some(more) => more,
            None if rest.is_empty() => return Ok(()),
            None => return Err("they are not separated by commas"),
        };
    }
}

fn has(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// Returns the text after a value in double quotes.
fn after_quotes(text: &str) -> Result<&str, &'static str> {
    let text = text
        .strip_prefix('"')
        .ok_or("a value must be in double quotes, as in from=\"10.0.0.1\"")?;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == '"' && !escaped {
            return Ok(&text[at + 1..]);
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
            ("no-pty,", "it does not know one of them"),
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

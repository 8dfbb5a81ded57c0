//! SSH public keys in `authorized_keys` format (sshd(8)): options, type, base64 and comment.

use std::path::Path;

use ssh_key::{Algorithm, PublicKey};

use super::key_options;

/// Returns the lines of a key file that are neither empty nor comments.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// Returns the line with its parts separated by one space, if it is a key that current OpenSSH accepts.
///
/// The error never contains the written text, which may be a private key pasted by mistake.
pub(super) fn checked(line: &str) -> Result<String, String> {
    let (options, key) = parsed(line)?;
    Ok(match options {
        "" => key,
        options => format!("{options} {key}"),
    })
}

/// Refuses a line whose comment contains another key, which sshd ignores: two lines were joined.
pub(super) fn refuse_two(line: &str) -> Result<(), String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_key = |pair: &&[&str]| {
        let kinds = ["ssh-", "ecdsa-", "sk-"];
        pair[1].starts_with("AAAA") && kinds.iter().any(|kind| pair[0].starts_with(kind))
    };
    match words.windows(2).filter(is_key).count() {
        0 | 1 => Ok(()),
        _ => Err("that line has two keys, of which sshd accepts the first; \
                  give each as an entry of its own"
            .to_owned()),
    }
}

/// Does the same as [`checked`] for the key of a CA, without options: sshd's `TrustedUserCAKeys` skips a line that has any.
pub(super) fn checked_bare(line: &str) -> Result<String, String> {
    match parsed(line)? {
        ("", key) => Ok(key),
        _ => Err("the key of a CA takes no options before it; \
             give its `.pub` file's line as it is"
            .to_owned()),
    }
}

/// Returns whether the options of a valid line end its use before this moment, in seconds since 1970.
pub(super) fn has_expired(line: &str, now: i64) -> bool {
    parsed(line).is_ok_and(|(options, _)| key_options::have_expired(options, now))
}

/// Marks of other formats of keys, and the advice for each.
const OTHER_FORMATS: [(&str, &str); 5] = [
    (
        "PRIVATE KEY",
        "that is a private key; give its public half, the file that ends in .pub",
    ),
    (
        "PuTTY-User-Key-File",
        "that is a private key of PuTTY; give the line that `puttygen -L FILE` prints",
    ),
    (
        "---- BEGIN SSH2 PUBLIC KEY",
        "that key is in the format of RFC 4716; convert it with ssh-keygen -i -f FILE",
    ),
    (
        "-----BEGIN RSA PUBLIC KEY",
        "that key is in PEM format; convert it with ssh-keygen -i -m PEM -f FILE",
    ),
    (
        "-----BEGIN PUBLIC KEY",
        "that key is in PEM format; convert it with ssh-keygen -i -m PKCS8 -f FILE",
    ),
];

/// Returns the options and the key of a line. Like sshd, it first tries the line as a key without options.
fn parsed(line: &str) -> Result<(&str, String), String> {
    let line = line.trim();
    if let Some((_, advice)) = OTHER_FORMATS.iter().find(|(mark, _)| line.contains(mark)) {
        return Err((*advice).to_owned());
    }
    if line.contains(['\n', '\r']) {
        return Err("a public key is one line; give several keys as several entries".to_owned());
    }
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err("a public key must not contain control characters".to_owned());
    }
    if let Some(key) = bare(line)? {
        return Ok(("", key));
    }
    let (options, rest) = line.split_at(end_of_options(line));
    let key = bare(rest)?.ok_or_else(|| no_key(line))?;
    key_options::check(options)
        .map_err(|reason| format!("sshd does not accept the options before the key: {reason}"))?;
    Ok((options, key))
}

/// The places of published keys: addresses, and accounts as `ssh-import-id` writes them.
const PUBLISHED: [&str; 4] = ["http://", "https://", "gh:", "lp:"];

/// Returns what to do about a text that is no key.
fn no_key(line: &str) -> &'static str {
    if PUBLISHED.iter().any(|start| line.starts_with(start)) {
        "that says where keys are; give the keys, as `curl https://github.com/NAME.keys` prints them"
    } else if is_path(line) {
        "that is the path of a file; give the line in it"
    } else {
        "that is not an SSH public key, a line such as `ssh-ed25519 AAAA… you@laptop`"
    }
}

fn is_path(line: &str) -> bool {
    let is_public = Path::new(line).extension().is_some_and(|it| it == "pub");
    !line.contains([' ', '\t']) && (line.starts_with(['/', '~']) || is_public)
}

/// Parses a key of type, base64 and comment, separated by any number of spaces and tabs.
fn bare(text: &str) -> Result<Option<String>, String> {
    let words: Vec<_> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    if words
        .first()
        .is_some_and(|kind| kind.ends_with("-cert-v01@openssh.com"))
    {
        return Err(
            "that is a certificate; give the public key itself, the file without `-cert`"
                .to_owned(),
        );
    }
    let line = words.join(" ");
    let Ok(key) = PublicKey::from_openssh(&line) else {
        return Ok(None);
    };
    match key.algorithm() {
        Algorithm::Dsa => {
            Err("DSA keys are no longer accepted by OpenSSH; use an Ed25519 key".to_owned())
        }
        Algorithm::Other(_) => Err("the type of that SSH public key is not known".to_owned()),
        _ => Ok(Some(line)),
    }
}

/// Returns the end of the options: the first space or tab outside quotes.
fn end_of_options(line: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => return at,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::pairs;
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn keys_with_comments_and_options_are_taken_as_they_are() {
        for line in [
            KEY.to_owned(),
            format!("{KEY} user@example.com"),
            format!("{KEY} a comment of several words"),
            format!("no-pty {KEY}"),
            format!("cert-authority,principals=\"a,b\" {KEY} ca"),
            format!("from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\"\" {KEY} x"),
        ] {
            assert_eq!(checked(&format!("  {line} \n")), Ok(line));
        }
    }

    #[test]
    fn spaces_and_tabs_separate_as_for_sshd() {
        let (kind, base64) = KEY.split_once(' ').unwrap();
        for line in [
            format!("{kind}\t{base64}\tme"),
            format!("{kind}  {base64}   me"),
        ] {
            assert_eq!(checked(&line), Ok(format!("{KEY} me")));
            assert_eq!(
                checked(&format!("no-pty \t {line}")),
                Ok(format!("no-pty {KEY} me"))
            );
        }
    }

    #[test]
    fn other_formats_name_the_step_to_take() {
        for (line, wanted) in pairs(
            "
            ssh-ed25519-cert-v01@openssh.com AAAA me → that is a certificate; give the public key itself, the file without `-cert`
            ---- BEGIN SSH2 PUBLIC KEY ---- → that key is in the format of RFC 4716; convert it with ssh-keygen -i -f FILE
            PuTTY-User-Key-File-3: ssh-ed25519 → that is a private key of PuTTY; give the line that `puttygen -L FILE` prints
            -----BEGIN RSA PUBLIC KEY----- → that key is in PEM format; convert it with ssh-keygen -i -m PEM -f FILE
            -----BEGIN PUBLIC KEY----- → that key is in PEM format; convert it with ssh-keygen -i -m PKCS8 -f FILE
            ",
        ) {
            assert_eq!(checked(line), Err(wanted.to_owned()));
        }
        for path in ["~/.ssh/id_ed25519.pub", "id_ed25519.pub"] {
            let wanted = "that is the path of a file; give the line in it";
            assert_eq!(checked(path), Err(wanted.to_owned()));
        }
        for place in ["gh:ada", "https://github.com/ada.keys"] {
            let wanted = "that says where keys are; give the keys, as `curl https://github.com/NAME.keys` prints them";
            assert_eq!(checked(place), Err(wanted.to_owned()));
        }
    }

    #[test]
    fn two_keys_on_a_line_are_noticed() {
        for (line, is_one) in [
            (format!("{KEY} me ssh-ed25519 key"), true),
            (format!("no-pty {KEY}"), true),
            (format!("{KEY} {KEY}"), false),
            (format!("{KEY} me {KEY} you"), false),
        ] {
            assert_eq!(refuse_two(&line).is_ok(), is_one, "{line}");
        }
    }

    #[test]
    fn the_key_of_a_ca_takes_a_comment_and_no_options() {
        let line = format!("{KEY} user-ca");
        assert_eq!(checked_bare(&line), Ok(line));
        for options in ["cert-authority", "cert-authority,principals=\"a b\""] {
            let message = checked_bare(&format!("{options} {KEY}")).unwrap_err();
            assert!(message.contains("takes no options"), "{message}");
        }
    }

    #[test]
    fn other_texts_are_refused_and_not_repeated() {
        let (half, _) = KEY.split_at(40);
        let other_type = KEY.replacen("ssh-ed25519", "ssh-rsa", 1);
        let two = format!("{KEY}\n{KEY}");
        for text in [
            "",
            "id_ed25519.pub",
            "ssh-ed25519",
            half,
            &other_type,
            &two,
            "no-pty",
            "\"open",
        ] {
            let message = checked(text).unwrap_err();
            assert!(text.len() < 12 || !message.contains(text), "{message}");
        }
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----";
        let message = "that is a private key; give its public half, the file that ends in .pub";
        assert_eq!(checked(private), Err(message.to_owned()));
    }
}

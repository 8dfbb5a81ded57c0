//! SSH public keys in `authorized_keys` format (sshd(8)): options, type, base64, comment.

use ssh_key::{Algorithm, PublicKey};

/// The lines of a key file that are not empty and not comments.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The line without surrounding space, if it is a key that OpenSSH of today accepts.
///
/// What was written never appears in the message: it may be a private key pasted by mistake.
pub(super) fn checked(line: &str) -> Result<String, String> {
    let line = line.trim();
    if line.contains("PRIVATE KEY") {
        return Err(
            "that is a private key; give its public half, the file that ends in .pub".to_owned(),
        );
    }
    if line.contains(['\n', '\r']) {
        return Err("a public key is one line; give several keys as several entries".to_owned());
    }
    let key = PublicKey::from_openssh(line)
        .or_else(|_| PublicKey::from_openssh(without_options(line)))
        .map_err(
            |_| "that is not an SSH public key, a line such as `ssh-ed25519 AAAA… you@laptop`",
        )?;
    match key.algorithm() {
        Algorithm::Dsa => {
            Err("DSA keys are no longer accepted by OpenSSH; use an Ed25519 key".to_owned())
        }
        Algorithm::Other(_) => Err("the type of that SSH public key is not known".to_owned()),
        _ => Ok(line.to_owned()),
    }
}

/// The same for the key of a CA: sshd's `TrustedUserCAKeys` takes keys alone, and would skip a line with options.
pub(super) fn checked_bare(line: &str) -> Result<String, String> {
    let line = checked(line)?;
    match PublicKey::from_openssh(&line) {
        Ok(_) => Ok(line),
        Err(_) => Err("the key of a CA takes no options before it; \
             give its `.pub` file's line as it is"
            .to_owned()),
    }
}

/// What follows the first space outside of quotes: options may hold spaces, but only quoted.
fn without_options(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => return line[at..].trim_start(),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    ""
}

#[cfg(test)]
mod tests {
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

//! The options with which systemd starts sshd: those of `/etc/default/ssh` (`sshd(8)`).

use anyhow::Result;

use super::sshd_listen::unit_text;
use super::tree::Tree;
use super::unit::values;

const OPTIONS: &str = "/etc/default/ssh";

/// Returns the ports that options give to sshd, which then ignores `Port`; none if there are no such options.
pub(super) fn ports(root: &mut Tree<'_>) -> Result<Vec<String>> {
    let unit = unit_text(root)?;
    // A later file may set the options again.
    let last = values(&unit, "EnvironmentFile").pop();
    let mut commands = values(&unit, "ExecStart").into_iter();
    let is_read = last.is_some_and(|path| path.trim_start_matches('-') == OPTIONS)
        && commands.any(|command| command.contains("$SSHD_OPTS"));
    if !is_read {
        return Ok(Vec::new());
    }
    let text = root.text(OPTIONS)?.unwrap_or_default();
    Ok(ports_in(&text))
}

/// Returns the ports in the last line that sets the options.
fn ports_in(text: &str) -> Vec<String> {
    let mut last_first = text.lines().rev();
    let options = last_first.find_map(|line| line.trim().strip_prefix("SSHD_OPTS="));
    let options = options.unwrap_or_default().trim_matches(['"', '\'']);
    let mut words = options.split_whitespace();
    let mut ports = Vec::new();
    while let Some(word) = words.next() {
        let port = match word.strip_prefix("-p") {
            Some("") => words.next().unwrap_or_default(),
            Some(port) => port,
            None => continue,
        };
        if port.parse::<u16>().is_ok() {
            ports.push(port.to_owned());
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::ports_in;

    #[test]
    fn the_last_line_gives_the_ports() {
        let cases: [(&str, &[&str]); 6] = [
            ("SSHD_OPTS=\n", &[]),
            ("# SSHD_OPTS=\"-p 2222\"\n", &[]),
            ("SSHD_OPTS=-o LogLevel=DEBUG\n", &[]),
            ("SSHD_OPTS=\"-p 2222\"\n", &["2222"]),
            ("SSHD_OPTS='-4 -p22 -p 2222'\n", &["22", "2222"]),
            ("SSHD_OPTS=-p 2222\nSSHD_OPTS=-p 2223\n", &["2223"]),
        ];
        for (text, ports) in cases {
            assert_eq!(ports_in(text), ports, "{text}");
        }
    }
}

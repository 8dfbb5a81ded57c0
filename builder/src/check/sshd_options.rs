//! The options with which systemd starts sshd: those of `/etc/default/ssh` (`sshd(8)`).

use anyhow::Result;

use super::sshd_listen::unit_text;
use super::tree::Tree;
use super::unit::values;

const OPTIONS: &str = "/etc/default/ssh";

/// Options without a value. One word may hold several of them, and an option with a value after them (`getopt(3)`).
const SWITCHES: &str = "46DGQRTVdeiqrt";

/// Returns the ports at which sshd listens by its options and by `Port` of its configuration; none if they do not tell.
pub(super) fn ports(configured: &[String], root: &mut Tree<'_>) -> Result<Vec<String>> {
    let unit = unit_text(root)?;
    // A later file may set the options again.
    let last = values(&unit, "EnvironmentFile").pop();
    let mut commands = values(&unit, "ExecStart").into_iter();
    let is_read = last.is_some_and(|path| path.trim_start_matches('-') == OPTIONS)
        && commands.any(|command| command.contains("$SSHD_OPTS"));
    if !is_read {
        return Ok(configured.to_vec());
    }
    let text = root.text(OPTIONS)?.unwrap_or_default();
    Ok(ports_in(&text, configured))
}

/// Returns the ports in the last line that sets the options, and the configured ones unless `-p` replaces them.
fn ports_in(text: &str, configured: &[String]) -> Vec<String> {
    let mut last_first = text.lines().rev();
    let options = last_first.find_map(|line| line.trim().strip_prefix("SSHD_OPTS="));
    let options = options.unwrap_or_default().trim_matches(['"', '\'']);
    let mut words = options.split_whitespace();
    let (mut ports, mut is_replaced) = (Vec::new(), false);
    while let Some(word) = words.next() {
        let option = word.strip_prefix('-').unwrap_or_default();
        let mut letters = option
            .trim_start_matches(|letter: char| SWITCHES.contains(letter))
            .chars();
        let letter = letters.next();
        let value = match (letter, letters.as_str()) {
            (None, _) => continue,
            (Some(_), "") => words.next().unwrap_or_default(),
            (Some(_), rest) => rest,
        };
        match letter {
            Some('p') => {
                ports.push(value);
                is_replaced = true;
            }
            Some('o') => {
                let (keyword, value) = value.split_once('=').unwrap_or((value, ""));
                match keyword.to_lowercase().as_str() {
                    "port" if !is_replaced => ports.push(value),
                    // An address may have a port of its own.
                    "listenaddress" => return Vec::new(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let numbers = ports
        .into_iter()
        .filter(|port: &&str| port.parse::<u16>().is_ok());
    let mut all: Vec<String> = numbers.map(str::to_owned).collect();
    if !is_replaced {
        all.extend_from_slice(configured);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::ports_in;

    #[test]
    fn the_last_line_gives_the_ports() {
        let configured = ["22".to_owned()];
        let cases: [(&str, &[&str]); 11] = [
            ("SSHD_OPTS=\n", &["22"]),
            ("# SSHD_OPTS=\"-p 2222\"\n", &["22"]),
            ("SSHD_OPTS=-o LogLevel=DEBUG\n", &["22"]),
            ("SSHD_OPTS=\"-p 2222\"\n", &["2222"]),
            ("SSHD_OPTS='-4 -p22 -p 2222'\n", &["22", "2222"]),
            ("SSHD_OPTS=-p 2222\nSSHD_OPTS=-p 2223\n", &["2223"]),
            ("SSHD_OPTS=-4p2222 -u0\n", &["2222"]),
            ("SSHD_OPTS=-o Port=2222\n", &["2222", "22"]),
            ("SSHD_OPTS=-oport=2222 -p 2223\n", &["2222", "2223"]),
            ("SSHD_OPTS=-p 2223 -o Port=2222\n", &["2223"]),
            ("SSHD_OPTS=-p 2223 -o ListenAddress=::\n", &[]),
        ];
        for (text, ports) in cases {
            assert_eq!(ports_in(text, &configured), ports, "{text}");
        }
    }
}

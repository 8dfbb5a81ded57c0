//! An OpenSSH client configuration.

use super::lines::{self, lines};
use super::{Host, Listing, Variable};

/// The keywords with a meaning for nodes, and Ansible's names for their values.
const KEYWORDS: &[(&str, &str)] = &[
    ("hostname", "ansible_host"),
    ("user", "ansible_user"),
    ("port", "ansible_port"),
    ("identityfile", "ansible_ssh_private_key_file"),
];

/// Reads every `Host` block whose name has no wildcard. Values of a block with wildcards hold for the names that it matches
/// completely (`Host *`); other wildcards and `Match` blocks are left out.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let mut listing = Listing::default();
    // The machines that the current block describes; `None` for all of them.
    let mut block: Option<Vec<String>> = None;
    let mut skipping = false;
    let mut entries: Vec<(Option<Vec<String>>, Variable)> = Vec::new();
    for (number, line) in lines(text) {
        let line = line.replacen('=', " ", usize::from(keyword_with_equals(line)));
        let words =
            lines::split(&line).ok_or_else(|| format!(":{number}: a quote is not closed"))?;
        let Some((keyword, values)) = words.split_first() else {
            continue;
        };
        match keyword.to_ascii_lowercase().as_str() {
            "host" => {
                let plain = |name: &&String| !name.contains(['*', '?', '!']);
                let names: Vec<String> = values.iter().filter(plain).cloned().collect();
                let everybody = values.len() == 1 && values[0] == "*";
                skipping = names.is_empty() && !everybody;
                if skipping {
                    listing
                        .notes
                        .push(format!("line {number}: a pattern names no machine"));
                }
                for name in &names {
                    if !listing.hosts.iter().any(|host| host.name == *name) {
                        listing.hosts.push(Host::new(name, &[]));
                    }
                }
                block = (!everybody).then_some(names);
            }
            "match" => {
                skipping = true;
                listing
                    .notes
                    .push(format!("line {number}: a `Match` block"));
            }
            _ if skipping => (),
            lower => {
                let known = KEYWORDS.iter().find(|(word, _)| *word == lower);
                let name = known.map_or(lower, |(_, name)| name);
                let value = values.first().map_or("", String::as_str);
                let variable = Variable::new(name, value).shown_as(keyword);
                entries.push((block.clone(), variable));
            }
        }
    }
    assign(&mut listing.hosts, &entries);
    Ok(listing)
}

/// In ssh's files, the first value that applies to a machine counts. `None` stands for all machines.
fn assign(hosts: &mut [Host], entries: &[(Option<Vec<String>>, Variable)]) {
    for host in hosts {
        for (block, variable) in entries {
            let applies = block
                .as_ref()
                .is_none_or(|names| names.contains(&host.name));
            let is_new = !host.variables.iter().any(|it| it.name == variable.name);
            if applies && is_new {
                host.variables.push(variable.clone());
            }
        }
    }
}

/// Returns whether a line is of the form `Keyword=value`, which ssh accepts as well.
fn keyword_with_equals(line: &str) -> bool {
    let end = line.find(|it: char| !it.is_ascii_alphanumeric());
    end.is_some_and(|end| line[end..].trim_start().starts_with('='))
}

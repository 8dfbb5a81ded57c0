//! An OpenSSH client configuration.

use super::lines::{self, lines};
use super::{Host, Listing, Variable, hosts};

/// The keywords with a meaning for nodes, and Ansible's names for their values.
const KEYWORDS: &[(&str, &str)] = &[
    ("hostname", "ansible_host"),
    ("user", "ansible_user"),
    ("port", "ansible_port"),
    ("identityfile", "ansible_ssh_private_key_file"),
];

/// Reads every `Host` block whose name has no wildcard. Values of a block with wildcards hold for the names that it matches
/// completely (`Host *`); other wildcards and `Match` blocks are left out. If names contain `etcd`, only those machines count.
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
    let (all, aliases) = without_aliases(listing.hosts);
    let named = all.into_iter().map(|host| {
        let is_etcd = host.name.contains("etcd");
        (host, is_etcd)
    });
    let chosen = hosts::of_etcd(named.collect());
    listing.notes.extend(chosen.notes);
    listing.notes.extend(aliases);
    Ok(Listing {
        hosts: chosen.hosts,
        ..listing
    })
}

/// Removes further names of one address, and returns a note about each.
fn without_aliases(all: Vec<Host>) -> (Vec<Host>, Vec<String>) {
    let address = |host: &Host| {
        let found = host.variables.iter().find(|it| it.name == "ansible_host");
        found
            .map(|it| it.value.clone())
            .filter(|it| !it.contains('%'))
    };
    let (mut kept, mut notes) = (Vec::<Host>::new(), Vec::new());
    for host in all {
        let same = |known: &&Host| address(&host).is_some() && address(known) == address(&host);
        match kept.iter().find(same) {
            Some(known) => notes.push(format!("{}, a further name of {}", host.name, known.name)),
            None => kept.push(host),
        }
    }
    (kept, notes)
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

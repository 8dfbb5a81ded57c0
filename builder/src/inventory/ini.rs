//! An Ansible inventory in INI format.

use super::ansible::Inventory;
use super::lines::{self, lines};
use super::{Listing, Variable};

/// The kinds of sections: `[group]`, `[group:vars]` and `[group:children]`.
enum SectionKind {
    Hosts,
    Variables,
    Children,
}

/// Reads an inventory. Lines before the first section belong to no group.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let mut inventory = Inventory::default();
    let (mut group, mut part) = ("ungrouped".to_owned(), SectionKind::Hosts);
    for (number, line) in lines(text) {
        let wrong = |what: &str| format!(":{number}: {what}");
        if let Some(header) = line.strip_prefix('[') {
            let (header, _) = header
                .split_once(']')
                .ok_or_else(|| wrong("this section header has no `]`"))?;
            let (name, kind) = header.split_once(':').unwrap_or((header, ""));
            name.trim().clone_into(&mut group);
            part = match kind.trim() {
                "" => SectionKind::Hosts,
                "vars" => SectionKind::Variables,
                "children" => SectionKind::Children,
                _ => {
                    return Err(wrong(
                        "a section is [group], [group:vars] or [group:children]",
                    ));
                }
            };
            continue;
        }
        match part {
            SectionKind::Children => {
                let (child, _comment) = line.split_once('#').unwrap_or((line, ""));
                inventory.add_child(&group, child.trim());
            }
            SectionKind::Variables => {
                let (name, value) = line
                    .split_once('=')
                    .ok_or_else(|| wrong("a variable is NAME=VALUE"))?;
                inventory.add_variable(&group, Variable::new(name.trim(), plain(value)));
            }
            SectionKind::Hosts => {
                let words = lines::split(line).ok_or_else(|| wrong("a quote is not closed"))?;
                let Some((pattern, variables)) = words.split_first() else {
                    continue;
                };
                let variables: Option<Vec<Variable>> = variables
                    .iter()
                    .map(|word| word.split_once('='))
                    .map(|pair| pair.map(|(name, value)| Variable::new(name, value)))
                    .collect();
                let variables = variables.ok_or_else(|| {
                    wrong("a machine's line is its name, then NAME=VALUE without spaces around `=`")
                })?;
                if pattern.contains(['=', ',', '/', '{']) {
                    return Err(wrong(&format!("`{pattern}` is not the name of a machine")));
                }
                inventory.add_hosts(&group, pattern, &variables);
            }
        }
    }
    Ok(inventory.listing())
}

/// Returns a value without white space and quotes around it.
fn plain(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return inner;
        }
    }
    value
}

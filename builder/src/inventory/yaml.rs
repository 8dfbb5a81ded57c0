//! An Ansible inventory in YAML format, and the values of any YAML file.

use super::value::InventoryValue;

use super::ansible::Inventory;
use super::{Listing, Variable};

/// Groups below groups that are followed. Ansible's own inventories have three.
const DEEPEST: usize = 16;

/// The key of the machines' variables in what `ansible-inventory --list` prints.
const META: &str = "_meta";

/// Reads an inventory: groups with `hosts`, `vars` and `children`. JSON is YAML, too.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let root = parse(text)?;
    let groups = root.table().ok_or(": it has no groups")?;
    let mut inventory = Inventory::default();
    for (name, group) in groups.iter().filter(|(name, _)| name != META) {
        add_group(&mut inventory, name, group, 0)?;
    }
    let described = root.get(META).and_then(|meta| meta.get("hostvars"));
    for (host, variables) in entries(described) {
        inventory.describe(host, variables.map(scalars).unwrap_or_default());
    }
    Ok(inventory.listing())
}

/// Parses the first document of a file. An error begins with its place.
pub(super) fn parse(text: &str) -> Result<InventoryValue, String> {
    serde_saphyr::from_str(text).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        // The library ends some messages with advice for programmers.
        let end = [", set ", "; use "].iter().filter_map(|it| first.find(it));
        let end = end.min().unwrap_or(first.len());
        format!(": it is not valid YAML: {}", &first[..end])
    })
}

fn add_group(
    inventory: &mut Inventory,
    name: &str,
    group: &InventoryValue,
    depth: usize,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!(": the group `{name}` is nested too deeply"));
    }
    for (host, variables) in entries(group.get("hosts")) {
        let variables = variables.map(scalars).unwrap_or_default();
        inventory.add_hosts(name, host, &variables);
    }
    for variable in group.get("vars").map(scalars).unwrap_or_default() {
        inventory.add_variable(name, variable);
    }
    for (child, below) in entries(group.get("children")) {
        inventory.add_child(name, child);
        if let Some(below) = below {
            add_group(inventory, child, below, depth + 1)?;
        }
    }
    Ok(())
}

/// Returns the names in a table with their values, or those of a list, which have none.
fn entries(value: Option<&InventoryValue>) -> Vec<(&str, Option<&InventoryValue>)> {
    match value {
        Some(InventoryValue::Table(entries)) => entries
            .iter()
            .map(|(name, value)| (name.as_str(), Some(value)))
            .collect(),
        Some(InventoryValue::List(items)) => items
            .iter()
            .filter_map(|item| Some((item.scalar()?, None)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the variables of a table; a list becomes its values, separated by spaces.
fn scalars(value: &InventoryValue) -> Vec<Variable> {
    let table = value.table().unwrap_or_default();
    table
        .iter()
        .map(|(name, value)| Variable::new(name, &value.to_string()))
        .collect()
}

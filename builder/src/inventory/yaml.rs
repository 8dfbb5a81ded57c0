//! An Ansible inventory in YAML format, and the values of any YAML file.

use super::value::InventoryValue;

use super::ansible::Inventory;
use super::{Listing, Variable, lines};

/// Groups below groups that are followed. Ansible's own inventories have three.
const DEEPEST: usize = 16;

/// Reads an inventory: groups with `hosts`, `vars` and `children`.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let root = parse(text)?;
    let groups = root.table().ok_or(": it has no groups")?;
    let mut inventory = Inventory::default();
    for (name, group) in groups {
        add_group(&mut inventory, name, group, 0)?;
    }
    Ok(inventory.listing())
}

/// Parses the first document of a file. An error begins with its place.
pub(super) fn parse(text: &str) -> Result<InventoryValue, String> {
    serde_saphyr::from_str(text).map_err(|error| {
        let text = error.to_string();
        format!(
            ": it is not valid YAML: {}",
            text.lines().next().unwrap_or_default()
        )
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
    let part = |key: &str| group.get(key).and_then(InventoryValue::table);
    for (host, variables) in part("hosts").into_iter().flatten() {
        let variables = variables.table().map(scalars).unwrap_or_default();
        for host in lines::expand(host) {
            inventory.add_host(name, &host, variables.clone());
        }
    }
    for variable in part("vars").map(scalars).unwrap_or_default() {
        inventory.add_variable(name, variable);
    }
    for (child, below) in part("children").into_iter().flatten() {
        inventory.add_child(name, child);
        add_group(inventory, child, below, depth + 1)?;
    }
    Ok(())
}

/// Returns the variables of a table; a list becomes its values, separated by spaces.
fn scalars(table: &[(String, InventoryValue)]) -> Vec<Variable> {
    table
        .iter()
        .map(|(name, value)| Variable::new(name, &value.to_string()))
        .collect()
}

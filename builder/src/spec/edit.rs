//! Changes the nodes in the text of a `cluster.toml`, and keeps everything else: comments, order and spelling.

use std::net::IpAddr;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::names;
use crate::failure::Kind;

/// A change of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEdit {
    /// Append a node.
    Add(NewNode),
    /// Put a node in the place of another one.
    Replace {
        /// The former node.
        old: String,
        /// The node in its place.
        new: NewNode,
    },
    /// Remove a node.
    Remove(String),
}

impl NodeEdit {
    /// Returns the node that the change adds, if it adds one.
    pub fn new_node(&self) -> Option<&NewNode> {
        match self {
            Self::Add(new) | Self::Replace { new, .. } => Some(new),
            Self::Remove(_) => None,
        }
    }
}

/// A node that a change adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

impl NewNode {
    /// Refuses a name that no node can have.
    pub fn check_name(name: &str) -> anyhow::Result<()> {
        let hint = "use lower-case letters, digits and `-`, as in `etcd4`";
        names::host_label(name).map_err(|what| Kind::Usage.error(what, hint))
    }
}

/// Returns the text after a change that is not made yet, or `None` if the text already contains it. A text without
/// `[[node]]` describes a cluster that `--nodes` made; its nodes are then `known`.
pub fn edit_nodes(
    text: &str,
    known: &[NewNode],
    edit: &NodeEdit,
) -> anyhow::Result<Option<String>> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let message = error.message().replace('\n', " ");
        Kind::Usage.error(format!("cluster.toml: {message}"), CORRECT)
    })?;
    let root = document.as_table_mut();
    if !root.contains_key("node") {
        let mut tables = ArrayOfTables::new();
        for node in known {
            tables.push(node_table(node, None));
        }
        root.insert("node", Item::ArrayOfTables(tables));
    }
    let Some(Item::ArrayOfTables(nodes)) = root.get_mut("node") else {
        let message = "cluster.toml: the nodes are not tables of their own";
        return Err(Kind::Usage.error(message, "write each node as a [[node]] table"));
    };
    let mut orphaned = None;
    let is_changed = match edit {
        NodeEdit::Add(new) => add_node(nodes, new),
        NodeEdit::Replace { old, new } => replace(nodes, old, new),
        NodeEdit::Remove(name) => remove(nodes, name, &mut orphaned),
    };
    if let Some(comments) = orphaned {
        let rest = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(comments + &rest);
    }
    Ok(is_changed.then(|| document.to_string()))
}

fn add_node(nodes: &mut ArrayOfTables, new: &NewNode) -> bool {
    let is_new = position(nodes, &new.name).is_none();
    if is_new {
        forget(nodes, &new.name);
        nodes.push(node_table(new, None));
    }
    is_new
}

/// Removes the statement that a node has replaced one of this name, which becomes a node again.
fn forget(nodes: &mut ArrayOfTables, name: &str) {
    for node in nodes.iter_mut() {
        if node.get("replaces").and_then(Item::as_str) == Some(name) {
            node.remove("replaces");
        }
    }
}

fn replace(nodes: &mut ArrayOfTables, old: &str, new: &NewNode) -> bool {
    let at = position(nodes, old);
    if at.is_none() && position(nodes, &new.name).is_some() {
        return false;
    }
    forget(nodes, &new.name);
    let Some(node) = at.and_then(|at| nodes.get_mut(at)) else {
        nodes.push(node_table(new, Some(old)));
        return true;
    };
    set(node, "name", &new.name);
    set(node, "address", &new.address.to_string());
    set(node, "replaces", old);
    node.remove("previous-address");
    true
}

/// Removes a node with the comment directly above it. What an empty line separates from it stays; after the last node, that
/// becomes the end of the text.
fn remove(nodes: &mut ArrayOfTables, name: &str, orphaned: &mut Option<String>) -> bool {
    let Some(at) = position(nodes, name) else {
        return false;
    };
    let above = |node: &Table| {
        let prefix = node.decor().prefix().and_then(|prefix| prefix.as_str());
        prefix.unwrap_or_default().to_owned()
    };
    let own = nodes.get(at).map(above).unwrap_or_default();
    let separate = own.rfind("\n\n").map(|end| own[..=end].to_owned());
    nodes.remove(at);
    let separate = separate.filter(|text| !text.trim().is_empty());
    match (nodes.get_mut(at), separate) {
        (Some(next), Some(separate)) => {
            let prefix = separate + &above(next);
            next.decor_mut().set_prefix(prefix);
        }
        (None, separate) => *orphaned = separate,
        (Some(_), None) => {}
    }
    true
}

/// Returns the place of the node with this name.
fn position(nodes: &ArrayOfTables, name: &str) -> Option<usize> {
    let is_named = |node: &Table| node.get("name").and_then(Item::as_str) == Some(name);
    nodes.iter().position(is_named)
}

fn node_table(node: &NewNode, replaces: Option<&str>) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    set(&mut table, "name", &node.name);
    set(&mut table, "address", &node.address.to_string());
    if let Some(old) = replaces {
        set(&mut table, "replaces", old);
    }
    table
}

/// Sets a value; a comment behind the previous one stays.
fn set(table: &mut Table, key: &str, text: &str) {
    let mut value = Value::from(text);
    if let Some(before) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = before.decor().clone();
    }
    // Inserting it would lose the comments above the key.
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(value),
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

const CORRECT: &str = "correct the file; nothing was changed";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Our cluster.
[cluster]
name = 'home' # single quotes

# The members:

# In the cellar.
[[node]]
name = \"a\"
address = \"10.0.0.1\"   # static

# In the attic.
[[node]]
name = \"b\"  # warm
address = \"10.0.0.2\"
board = \"pi4\"
previous-address = \"10.0.9.2\"

# The end.
[ssh]
user = \"ada\"
";

    fn node(name: &str, host: u8) -> NewNode {
        NewNode {
            name: name.to_owned(),
            address: [10, 0, 0, host].into(),
        }
    }

    fn edited(text: &str, edit: &NodeEdit) -> Option<String> {
        edit_nodes(text, &[node("x", 8), node("y", 9)], edit).unwrap()
    }

    #[test]
    fn a_node_is_added_behind_the_last_one() {
        let add = NodeEdit::Add(node("c", 3));
        let wanted = TEXT.replace(
            "\n# The end.",
            "\n[[node]]\nname = \"c\"\naddress = \"10.0.0.3\"\n\n# The end.",
        );
        let text = edited(TEXT, &add).unwrap();
        assert_eq!(text, wanted);
        assert_eq!(edited(&text, &add), None, "it is there already");
    }

    #[test]
    fn a_node_takes_the_place_of_another_one() {
        let new = node("c", 3);
        let replace = NodeEdit::Replace {
            old: "b".to_owned(),
            new,
        };
        let wanted = TEXT
            .replace("name = \"b\"  # warm", "name = \"c\"  # warm")
            .replace("10.0.0.2", "10.0.0.3")
            .replace("previous-address = \"10.0.9.2\"\n", "replaces = \"b\"\n");
        let text = edited(TEXT, &replace).unwrap();
        assert_eq!(text, wanted);
        assert_eq!(edited(&text, &replace), None, "it is there already");
    }

    #[test]
    fn the_comments_inside_a_replaced_node_stay() {
        let text =
            "[[node]]\n# Its label.\nname = \"a\"\n# By the router.\naddress = \"10.0.0.1\"\n";
        let replace = NodeEdit::Replace {
            old: "a".to_owned(),
            new: node("b", 2),
        };
        let wanted = text
            .replace("\"a\"", "\"b\"")
            .replace("10.0.0.1", "10.0.0.2");
        assert_eq!(
            edited(text, &replace).unwrap(),
            wanted + "replaces = \"a\"\n"
        );
    }

    #[test]
    fn a_replaced_node_can_become_a_node_again() {
        let text = "[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nreplaces = \"a\"\n";
        let bare = text.replace("replaces = \"a\"\n", "");
        let again = edited(text, &NodeEdit::Add(node("a", 1))).unwrap();
        assert_eq!(
            again,
            bare.clone() + "\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n"
        );
        let back = NodeEdit::Replace {
            old: "b".to_owned(),
            new: node("a", 1),
        };
        let wanted = "[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\nreplaces = \"b\"\n";
        assert_eq!(edited(text, &back).unwrap(), wanted);
    }

    #[test]
    fn a_node_is_removed_with_its_own_comment_only() {
        let remove = |name: &str| NodeEdit::Remove(name.to_owned());
        let without_a = edited(TEXT, &remove("a")).unwrap();
        let gone =
            "# In the cellar.\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"   # static\n\n";
        assert_eq!(without_a, TEXT.replace(gone, ""));
        let without_b = edited(TEXT, &remove("b")).unwrap();
        assert!(!without_b.contains("attic") && without_b.contains("# The end.\n[ssh]"));
        assert_eq!(edited(TEXT, &remove("z")), None);
    }

    #[test]
    fn nodes_that_an_option_made_are_written_down() {
        let text = edited("[cluster]\nname = \"home\"\n", &NodeEdit::Add(node("z", 7))).unwrap();
        let table = |name: &str, host: u8| {
            format!("\n[[node]]\nname = \"{name}\"\naddress = \"10.0.0.{host}\"\n")
        };
        let nodes = [("x", 8), ("y", 9), ("z", 7)].map(|(name, host)| table(name, host));
        assert_eq!(
            text,
            format!("[cluster]\nname = \"home\"\n{}", nodes.concat())
        );
    }

    #[test]
    fn other_forms_are_refused() {
        let error = edit_nodes(
            "node = [{name = \"a\"}]\n",
            &[],
            &NodeEdit::Remove("a".into()),
        );
        let wanted = "cluster.toml: the nodes are not tables of their own";
        assert_eq!(error.unwrap_err().to_string(), wanted);
        let error = edit_nodes("node = \n", &[], &NodeEdit::Remove("a".into()));
        assert!(error.unwrap_err().to_string().starts_with("cluster.toml: "));
    }
}

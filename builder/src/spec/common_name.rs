//! Common names of certificates, in which `{name}` stands for the name of the node and `{domain}` for its domain.

/// The longest common name that a certificate can contain (RFC 5280, `ub-common-name`).
const LONGEST: usize = 64;

const ADMINISTRATOR: &str = "etcd takes it for its administrator; `role = \"admin\"` in [[certificate]] gives that certificate";

/// Returns the common name for one node.
pub(super) fn fill(template: &str, node: &str, domain: &str) -> String {
    let template = match domain {
        "" => &template.replace(".{domain}", ""),
        _ => template,
    };
    template.replace("{name}", node).replace("{domain}", domain)
}

/// Checks a common name that may be empty. State files are named after it.
pub(super) fn check(text: &str) -> Result<(), String> {
    let filled = fill(text, "n", "d");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._@ ".contains(c);
    let reason = if filled.len() > LONGEST {
        "it must have at most 64 characters"
    } else if !filled.chars().all(allowed) {
        "only letters, digits, `-`, `.`, `_`, `@`, blanks, `{name}` and `{domain}` are allowed"
    } else if filled.trim() != filled || filled.starts_with('.') {
        "it must not begin or end with a blank, or begin with `.`"
    } else if text == "root" {
        ADMINISTRATOR
    } else {
        return Ok(());
    };
    Err(format!("`{text}` is not a common name: {reason}"))
}

/// Checks a common name of a node's own certificate, which etcd needs for its members.
pub(super) fn check_given(text: &str) -> Result<(), String> {
    match text {
        "" => {
            Err("the common name must not be empty: etcd takes it for the member's user".to_owned())
        }
        text => check(text),
    }
}

/// Checks a common name as every node fills it.
pub(super) fn check_filled<'a>(
    template: &str,
    nodes: impl IntoIterator<Item = &'a str>,
    domain: &str,
) -> Result<(), String> {
    let mut names = nodes.into_iter().map(|node| fill(template, node, domain));
    // A name that is written as `root`, or a node of that name, has a complaint already.
    let by_domain = template.contains("{domain}");
    match names.find(|name| name.len() > LONGEST || (by_domain && name == "root")) {
        Some(name) if name == "root" => {
            Err(format!("`{template}` becomes `root`: {ADMINISTRATOR}"))
        }
        Some(name) => Err(format!(
            "the common name `{name}` is longer than {LONGEST} characters"
        )),
        None => Ok(()),
    }
}

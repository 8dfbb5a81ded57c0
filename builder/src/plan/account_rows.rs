//! The rows of account files, whose fields are separated by colons.

/// Parses the rows of an account file.
pub(super) fn account_rows(file: &[u8]) -> Vec<Vec<String>> {
    decoded(file)
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

/// Returns one character for each byte. Comments may be in any encoding, and their bytes must not change.
fn decoded(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Returns the bytes of a table whose fields are [`decoded`].
pub(super) fn encoded(table: &[Vec<String>]) -> Vec<u8> {
    let text: String = table.iter().map(|row| row.join(":") + "\n").collect();
    let mut bytes = Vec::new();
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes
}

/// Returns a row with these fields.
pub(super) fn row(fields: &[&str]) -> Vec<String> {
    let field = |field: &&str| decoded(field.as_bytes());
    fields.iter().map(field).collect()
}

/// Returns the row of a user or group.
pub(super) fn row_of<'t>(table: &'t mut [Vec<String>], name: &str) -> Option<&'t mut Vec<String>> {
    let mut rows = table.iter_mut();
    rows.find(|row| row.first().is_some_and(|found| found == name))
}

/// Returns the number of a user or group.
pub(super) fn id_of(table: &[Vec<String>], name: &str) -> Option<u32> {
    let row = table
        .iter()
        .find(|row| row.first().is_some_and(|n| n == name))?;
    row.get(2)?.parse().ok()
}

/// Returns whether a row has this number.
pub(super) fn has_id(table: &[Vec<String>], id: u32) -> bool {
    name_with_id(table, id).is_some()
}

/// Returns the name in the row with this number.
pub(super) fn name_with_id(table: &[Vec<String>], id: u32) -> Option<String> {
    let id = id.to_string();
    let row = table
        .iter()
        .find(|row| row.get(2).is_some_and(|i| *i == id))?;
    row.first().cloned()
}

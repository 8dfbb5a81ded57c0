//! The known name that is nearest to an unknown one.

/// The largest number of names that advice lists; no table of cluster.toml has more keys.
const MOST_LISTED: usize = 24;

/// Returns the advice for a name that is not among the known ones.
pub(crate) fn advice(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.len() > MOST_LISTED => format!(
            "known are {} and {} more",
            known[..MOST_LISTED].join(", "),
            known.len() - MOST_LISTED
        ),
        None => format!("known are {}", known.join(", ")),
    }
}

/// Returns the nearest known name if it is close and no other is equally near.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().copied().min_by_key(|known| distance(known))?;
    let equally_near = known
        .iter()
        .filter(|known| distance(known) == distance(near));
    let alone = equally_near.count() == 1;
    (alone && distance(near) <= near.len().max(3) / 3).then_some(near)
}

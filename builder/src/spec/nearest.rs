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
        None => match known {
            [only] => format!("the only one is {only}"),
            _ => format!("known are {}", known.join(", ")),
        },
    }
}

/// Returns the nearest known name if it is close and no other is equally near. A name with another number is never returned:
/// whoever writes `pi2` does not mean `pi3`.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().copied().min_by_key(|known| distance(known))?;
    let equally_near = known
        .iter()
        .filter(|known| distance(known) == distance(near));
    let alone = equally_near.count() == 1;
    let same_number = digits(near).is_empty() || digits(near) == digits(&name);
    (alone && same_number && distance(near) <= near.len() / 3).then_some(near)
}

fn digits(name: &str) -> String {
    name.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_corrected() {
        for (name, known, wanted) in [
            ("rpi4", ["pi3", "pi4"], Some("pi4")),
            ("pi2", ["pi3", "cm4"], None),
            ("1d", ["1h", "24h"], None),
            ("48h", ["8h", "24h"], None),
            ("dhcp4", ["dhcp", "dns"], Some("dhcp")),
            ("sha512", ["sha256", "url"], None),
        ] {
            assert_eq!(nearest(name, &known), wanted, "{name}");
        }
    }
}

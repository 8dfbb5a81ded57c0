//! Patterns of OpenSSH (`ssh_config(5)`, PATTERNS): `*` stands for any text and `?` for one character.

/// Returns whether a list of patterns (`ssh_config(5)`, PATTERNS) contains the name; `!` excludes.
pub(crate) fn in_list(list: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if is_like(pattern, name) => return false,
            Some(_) => {}
            None => found |= is_like(pattern, name),
        }
    }
    found
}

/// Returns whether a pattern with `*` and `?` matches the whole name.
pub(crate) fn is_like(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[here] => {
                (at, here) = (at + 1, here + 1);
            }
            _ => {
                let Some((pattern_at, name_at)) = star else {
                    return false;
                };
                star = Some((pattern_at, name_at + 1));
                (at, here) = (pattern_at + 1, name_at + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_are_patterns() {
        for (pattern, matches) in [
            ("file", true),
            ("*", true),
            ("f*e", true),
            ("*i*", true),
            ("f*l*", true),
            ("????", true),
            ("???", false),
            ("file?", false),
            ("f*g", false),
            ("", false),
        ] {
            assert_eq!(is_like(pattern, "file"), matches, "{pattern}");
        }
    }

    #[test]
    fn one_pattern_of_a_list_is_enough_unless_another_excludes() {
        for (list, contains) in [
            ("git,file", true),
            ("git,f*", true),
            ("git", false),
            ("*,!file", false),
            ("!git,*", true),
            ("!git", false),
            ("", false),
        ] {
            assert_eq!(in_list(list, "file"), contains, "{list}");
        }
    }
}

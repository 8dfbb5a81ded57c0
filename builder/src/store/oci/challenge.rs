//! What a registry asks for when it refuses a request without a login (RFC 9110, section 11; the token specification of distribution).

use std::collections::BTreeSet;

/// A request for a login.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token, which another server gives.
    Bearer {
        /// The address of that server.
        realm: String,
        /// What the token is for, as parameters of that address.
        parameters: Vec<(String, String)>,
    },
}

impl Challenge {
    /// Parses the value of the header `WWW-Authenticate`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut all = parameters(rest);
        let at = all.iter().position(|(name, _)| name == "realm")?;
        let (_, realm) = all.swap_remove(at);
        all.retain(|(name, _)| name == "service" || name == "scope");
        all.sort_unstable();
        Some(Self::Bearer {
            realm,
            parameters: all,
        })
    }

    /// Adds the right to push to a repository. A registry asks for what the request needs, which may only read, and some refuse later
    /// ones without asking again.
    pub(super) fn pushing_to(self, repository: &str) -> Self {
        let Self::Bearer { realm, parameters } = self else {
            return self;
        };
        let own = format!("repository:{repository}:");
        let mut rights = BTreeSet::from(["pull", "push"]);
        let (scopes, mut all): (Vec<_>, Vec<_>) =
            parameters.into_iter().partition(|(name, value)| {
                name == "scope" && value.starts_with(&own) && !value.contains(' ')
            });
        for (_, scope) in &scopes {
            rights.extend(scope[own.len()..].split(','));
        }
        let rights: Vec<&str> = rights.into_iter().collect();
        all.push(("scope".to_owned(), own + &rights.join(",")));
        all.sort_unstable();
        Self::Bearer {
            realm,
            parameters: all,
        }
    }
}

/// Returns the pairs of `name="value", …`. A value in quotes may contain commas.
fn parameters(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        found.push((name, value.trim().to_owned()));
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_login_are_understood() {
        assert_eq!(
            Challenge::parse("Basic realm=\"r\""),
            Some(Challenge::Basic)
        );
        let bearer = "Bearer realm=\"https://auth.r/token\",service=\"r\",scope=\"repository:a/b:pull,push\",error=\"x\"";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = Challenge::Bearer {
            realm: "https://auth.r/token".to_owned(),
            parameters: vec![
                pair("scope", "repository:a/b:pull,push"),
                pair("service", "r"),
            ],
        };
        assert_eq!(Challenge::parse(bearer), Some(wanted));
    }

    #[test]
    fn the_right_to_push_is_added_to_what_a_registry_asks_for() {
        let asked = |scope: &str| {
            let challenge = Challenge::parse(&format!("Bearer realm=\"https://r/token\"{scope}"));
            let Some(Challenge::Bearer { parameters, .. }) =
                challenge.map(|it| it.pushing_to("lab/kv"))
            else {
                panic!("{scope} is no challenge")
            };
            parameters
        };
        let scope = |value: &str| ("scope".to_owned(), value.to_owned());
        let both = [scope("repository:lab/kv:pull,push")];
        assert_eq!(asked(""), both);
        assert_eq!(asked(",scope=\"repository:lab/kv:pull\""), both);
        assert_eq!(asked(",scope=\"repository:lab/kv:pull,push\""), both);
        let more = [scope("repository:lab/kv:delete,pull,push")];
        assert_eq!(asked(",scope=\"repository:lab/kv:delete\""), more);
        let [both] = both;
        // Rights for several resources have spaces between them.
        let several = "repository:lab/kv:pull repository:lab/base:pull";
        assert_eq!(
            asked(&format!(",scope=\"{several}\"")),
            [scope(several), both.clone()]
        );
        assert_eq!(asked(",scope=\"*\""), [scope("*"), both]);
        assert_eq!(Challenge::Basic.pushing_to("lab/kv"), Challenge::Basic);
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer realm",
            "Bearer service=\"r\"",
        ] {
            assert_eq!(Challenge::parse(text), None, "{text}");
        }
    }
}

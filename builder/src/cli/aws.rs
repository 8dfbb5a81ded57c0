//! The environment variables of the AWS tools, which say how to reach a store.

use std::collections::BTreeMap;
use std::fmt;

/// The variables whose names begin with `AWS_`. They contain credentials, so that debug output shows their names only.
#[derive(Clone, Default)]
pub struct AwsVariables(BTreeMap<String, String>);

impl AwsVariables {
    /// Keeps the variables of the AWS tools. An empty variable counts as absent, as with those tools.
    pub fn new(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, value): &(String, String)| name.starts_with("AWS_") && !value.is_empty();
        Self(all.into_iter().filter(ours).collect())
    }

    /// Returns the names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.0.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether credentials are given: keys, or the address or file from which a container gets them.
    pub(crate) fn has_credentials(&self) -> bool {
        let has = |name: &str| self.0.contains_key(name);
        (has("AWS_ACCESS_KEY_ID") && has("AWS_SECRET_ACCESS_KEY"))
            || has("AWS_WEB_IDENTITY_TOKEN_FILE")
            || has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || has("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    }

    /// Returns whether the server is named with an address that does not encrypt the connection.
    pub(crate) fn endpoint_is_plain(&self) -> bool {
        let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
        let endpoint = names.iter().find_map(|name| self.0.get(*name));
        endpoint.is_some_and(|address| address.starts_with("http://"))
    }
}

impl fmt::Debug for AwsVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(all: &[(&str, &str)]) -> AwsVariables {
        let own = all
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        AwsVariables::new(own)
    }

    #[test]
    fn both_keys_or_the_source_of_a_container_are_credentials() {
        for (given, wanted) in [
            (&[("AWS_ACCESS_KEY_ID", "a")][..], false),
            (
                &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "")],
                false,
            ),
            (
                &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")],
                true,
            ),
            (&[("AWS_WEB_IDENTITY_TOKEN_FILE", "f")], true),
            (&[("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")], false),
        ] {
            assert_eq!(variables(given).has_credentials(), wanted, "{given:?}");
        }
    }

    #[test]
    fn debug_output_has_no_credentials() {
        let shown = format!("{:?}", variables(&[("AWS_SECRET_ACCESS_KEY", "hunter2")]));
        assert_eq!(shown, "{\"AWS_SECRET_ACCESS_KEY\"}");
    }

    #[test]
    fn an_endpoint_may_be_without_encryption() {
        let plain = |address| variables(&[("AWS_ENDPOINT_URL", address)]).endpoint_is_plain();
        assert!(plain("http://127.0.0.1:5000") && !plain("https://s3.example.org"));
    }
}

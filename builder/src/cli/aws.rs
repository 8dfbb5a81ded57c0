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

    /// Returns the value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns whether credentials are given: keys, where a container gets them, or the service that tells an instance of EC2 those of
    /// its role. Other machines would wait for that service in vain.
    pub(crate) fn has_credentials(&self, is_instance: impl FnOnce() -> bool) -> bool {
        let has = |name: &str| self.0.contains_key(name);
        let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(has);
        if keys.contains(&true) {
            return keys == [true; 2];
        }
        let is_off = self.get("AWS_EC2_METADATA_DISABLED");
        let is_off = is_off.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        (has("AWS_WEB_IDENTITY_TOKEN_FILE") && has("AWS_ROLE_ARN"))
            || has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || (has("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                && has("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
            || (!is_off && (has("AWS_EC2_METADATA_SERVICE_ENDPOINT") || is_instance()))
    }

    /// Returns whether the server is named with an address that does not encrypt the connection.
    pub(crate) fn endpoint_is_plain(&self) -> bool {
        let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
        let endpoint = names.iter().find_map(|name| self.get(name));
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
        let key = ("AWS_ACCESS_KEY_ID", "a");
        let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "f");
        let address = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]/");
        for (given, wanted) in [
            (&[][..], false),
            (&[key], false),
            (&[key, ("AWS_SECRET_ACCESS_KEY", "")], false),
            (&[key, ("AWS_SECRET_ACCESS_KEY", "b")], true),
            (
                &[key, ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a")],
                false,
            ),
            (&[token], false),
            (&[token, ("AWS_ROLE_ARN", "r")], true),
            (&[address], false),
            (
                &[address, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "f")],
                true,
            ),
            (&[("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")], false),
        ] {
            let found = variables(given).has_credentials(|| false);
            assert_eq!(found, wanted, "{given:?}");
        }
    }

    #[test]
    fn an_instance_has_its_role_unless_a_key_is_given_or_its_service_is_off() {
        for (given, wanted) in [
            (&[][..], true),
            (&[("AWS_REGION", "eu-central-1")], true),
            (&[("AWS_ACCESS_KEY_ID", "a")], false),
            (&[("AWS_EC2_METADATA_DISABLED", "True")], false),
            (&[("AWS_EC2_METADATA_DISABLED", "false")], true),
        ] {
            let found = variables(given).has_credentials(|| true);
            assert_eq!(found, wanted, "{given:?}");
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

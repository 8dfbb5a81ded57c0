//! Checks the environment variables of the AWS tools before the library gets them, which panics on values that no request can contain.

use anyhow::Result;
use reqwest::Url;

use super::address::Bucket;
use crate::cli::AwsVariables;
use crate::failure::Kind;

/// The variables that contain addresses of servers.
const ADDRESSES: [&str; 7] = [
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_METADATA_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The variables whose values become headers of requests.
const WORDS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// Checks that there are credentials for a bucket, and that all variables can be used.
pub(super) fn check(bucket: &Bucket, variables: &AwsVariables) -> Result<()> {
    if !variables.has_credentials(is_instance) {
        return Err(Kind::Usage.error(
            format!("no credentials for {bucket}"),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with a profile of the AWS tools: eval \"$(aws configure export-credentials --format env)\"",
        ));
    }
    for (name, value) in variables.iter() {
        if ADDRESSES.contains(&name) && !is_endpoint(value) {
            return Err(Kind::Usage.error(
                format!("{name} is not the address of a server"),
                "write it as https://HOST or http://HOST:PORT",
            ));
        }
        if WORDS.contains(&name) && !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Kind::Usage.error(
                format!("{name} contains a blank, a line break or another character that none has"),
                "set it again; if it comes from a file with the line ends of Windows, each line has such a character at its end",
            ));
        }
    }
    Ok(())
}

/// Returns whether this is the address of a server with HTTP and can be the beginning of a request's.
fn is_endpoint(text: &str) -> bool {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]%@".contains(&byte);
    let parsed = Url::parse(text);
    text.bytes().all(is_sound)
        && parsed.is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

/// Returns whether this machine says that it is an instance of EC2, which may have a role.
fn is_instance() -> bool {
    let vendor = fs_err::read_to_string("/sys/class/dmi/id/sys_vendor");
    vendor.is_ok_and(|vendor| vendor.trim() == "Amazon EC2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_servers_with_http_are_addresses() {
        for text in [
            "https://s3.example.org",
            "http://127.0.0.1:5000/",
            "http://[::1]:9000",
            "https://example.org/s3/",
        ] {
            assert!(is_endpoint(text), "{text}");
        }
        for text in [
            "127.0.0.1:5000",
            "localhost",
            "localhost:9000",
            "ftp://a",
            "http://",
            "http://[::1",
            "http://a b",
            "http://a:99999",
            "http://a/b c",
            "http://a\r",
            "http://\u{fc}",
            "\"http://a\"",
        ] {
            assert!(!is_endpoint(text), "{text}");
        }
    }
}

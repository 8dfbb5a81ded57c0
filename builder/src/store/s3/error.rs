//! What the answers of an S3 server mean for the user.

use std::error::Error;

use anyhow::Chain;

use super::address::Bucket;
use crate::attempt::innermost;
use crate::failure::Kind;

/// The answers with a next step of their own: the server's code, the reason, and the hint.
const ANSWERS: [(&[&str], &str, &str); 6] = [
    (
        &["/latest/api/token", "/latest/meta-data/iam/"],
        "this instance has no credentials",
        "attach a role to the instance that may use the bucket, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        &["ExpiredToken", "RequestExpired", "TokenRefreshRequired"],
        "the credentials have expired",
        "get new ones, set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and run the command again: a build continues where it stopped",
    ),
    (
        &["RequestTimeTooSkewed", "RequestInTheFuture"],
        "the clock of this machine differs too much from that of the server",
        "set the clock (`timedatectl set-ntp true`) and run the command again",
    ),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "AuthorizationHeaderMalformed",
        ],
        "the server does not accept the credentials",
        "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION",
    ),
    (
        &["NoSuchBucket"],
        "there is no such bucket",
        "create the bucket, or correct its name; AWS_ENDPOINT_URL names the server",
    ),
    (
        &["AccessDenied", "403 Forbidden", "401 Unauthorized"],
        "the server denies it",
        "allow this user s3:GetObject, s3:PutObject and s3:ListBucket, for `--keep` s3:DeleteObject, or use other credentials",
    ),
];

/// Turns an error of the library into one of this program.
pub(super) fn explain(error: &object_store::Error, place: &str, doing: &str) -> anyhow::Error {
    let text = text(error);
    let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
    if let Some((_, why, hint)) = ANSWERS.iter().find(|(codes, ..)| has(codes)) {
        return Kind::Storage.error(format!("{doing} {place}: {why}"), *hint);
    }
    let denied = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    if let (true, [.., (_, why, hint)]) = (denied, ANSWERS) {
        return Kind::Storage.error(format!("{doing} {place}: {why}"), hint);
    }
    let hint = "check the network and AWS_ENDPOINT_URL, and run the command again: a build continues where it stopped";
    Kind::Storage.error(format!("{doing} {place}: {}", reason(error)), hint)
}

/// Turns the error of a value that the library refuses into one of this program.
pub(super) fn unusable(error: &object_store::Error, bucket: &Bucket) -> anyhow::Error {
    Kind::Usage.error(
        format!("opening {bucket}: {}", reason(error)),
        "correct or remove the environment variable `AWS_…` with this value",
    )
}

/// Returns the texts of an error and of all its causes.
pub(super) fn text(error: &(dyn Error + 'static)) -> String {
    let causes = Chain::new(error).map(ToString::to_string);
    causes.collect::<Vec<_>>().join("\n")
}

/// Returns the first line of the innermost cause; the layers above repeat the address.
fn reason(error: &(dyn Error + 'static)) -> String {
    innermost(error)
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches([':', ' '])
        .to_owned()
}

//! Checks where credentials for S3 come from, and that mistakes in the variables of the AWS tools are explained.

use super::server::Server;
use super::variables;
use crate::support::http::{Reply, Server as Metadata};
use crate::support::scene::{Outcome, Scene};

/// Looks for a build with exactly these variables.
fn verify(variables: &[String]) -> Outcome {
    let scene = Scene::with("raspios-trixie");
    scene.bare_with_variables(variables, &["verify", "s3://lab/a"])
}

/// Returns the variables for a server, and one more, which counts instead of an earlier one.
fn with(server: &Server, variable: &str) -> Vec<String> {
    [variables(server), vec![variable.to_owned()]].concat()
}

#[test]
fn values_that_no_request_can_contain_are_explained() {
    let server = Server::start();
    let word = "contains a blank, a line break or another character that none has";
    for (variable, error) in [
        ("AWS_ACCESS_KEY_ID=test\r", word),
        ("AWS_SECRET_ACCESS_KEY=hunter2\n", word),
        ("AWS_SESSION_TOKEN=a b", word),
        ("AWS_REGION=eu-central-1\r", word),
        (
            "AWS_ENDPOINT_URL=127.0.0.1:5000",
            "is not the address of a server",
        ),
        (
            "AWS_ENDPOINT_URL=http://a b",
            "is not the address of a server",
        ),
        (
            "AWS_ENDPOINT_URL_S3=localhost",
            "is not the address of a server",
        ),
    ] {
        let (name, _) = variable.split_once('=').unwrap();
        let told = verify(&with(&server, variable));
        told.refused_naming(2, &[&format!("error: {name} {error}")]);
        assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
    }
    let told = verify(&with(&server, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST=x"));
    told.refused_naming(2, &["opening s3://lab/a: failed to parse \"x\" as boolean"]);
}

#[test]
fn no_variable_names_another_bucket() {
    let server = Server::start();
    let told = verify(&with(&server, "AWS_BUCKET=other"));
    told.refused_naming(2, &["error: there is no finished build in s3://lab/a"]);
    assert_eq!(server.count("GET", "/lab/a/index.json"), 1);
}

#[test]
fn an_instance_uses_the_credentials_of_its_role() {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    const TOLD: &str = "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"Token\": \"c\", \"Expiration\": \"2099-01-01T00:00:00Z\"}";
    let server = Server::start();
    let metadata = |has_role: bool| {
        Metadata::start(move |request, _| match request.path.as_str() {
            "/latest/api/token" => Reply::whole(b"token"),
            ROLES if has_role => Reply::whole(b"builder"),
            path if has_role && path == format!("{ROLES}builder") => Reply::whole(TOLD.as_bytes()),
            _ => Reply::status("404 Not Found"),
        })
    };
    let ask = |metadata: &Metadata, more: &[&str]| {
        let service = format!("AWS_EC2_METADATA_SERVICE_ENDPOINT={}", metadata.url("/"));
        let endpoint = format!("AWS_ENDPOINT_URL={}", server.url());
        let more = more.iter().map(|it| (*it).to_owned());
        verify(
            &[service, endpoint]
                .into_iter()
                .chain(more)
                .collect::<Vec<_>>(),
        )
    };
    let with_role = metadata(true);
    ask(&with_role, &[]).refused_naming(2, &["error: there is no finished build in s3://lab/a"]);
    let asked = with_role.requests();
    assert_eq!(asked.last().unwrap().path, format!("{ROLES}builder"));

    let told = ask(&metadata(false), &[]);
    told.refused_naming(
        5,
        &["reading s3://lab/a/index.json: this instance has no credentials"],
    );
    let hint = "\nhint: attach a role to the instance that may use the bucket, ";
    assert!(told.stderr.contains(hint), "{}", told.stderr);

    let off = ask(&with_role, &["AWS_EC2_METADATA_DISABLED=true"]);
    off.refused_naming(2, &["error: no credentials for s3://lab/a"]);
}

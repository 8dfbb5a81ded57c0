//! What the login user may do with etcdctl, on real members whose nodes have switched authentication on.

use crate::support::members::{Members, NAMES};
use crate::support::{authentication, enclosed};

const READ: &str = "[ssh]\netcdctl = \"read\"\n[auth]\nenabled = true\n";

#[test]
fn a_login_user_that_may_only_read_changes_nothing() {
    enclosed::inside(|| {
        let members = Members::start_as(READ, "3.5", &[]);
        authentication::enable(&members, READ);
        members.etcdctl(&["put", "foo", "bar"]).done();
        let own = members.scene.at("nodes").join(NAMES[0]).join("client");
        let options = ["cert", "key"].map(|option| {
            let end = if option == "key" { "key" } else { "crt" };
            format!("--{option}={}/client.{end}", own.display())
        });
        let reader = |words: &[&str]| {
            let options = options.iter().map(String::as_str);
            let words: Vec<&str> = options.chain(words.iter().copied()).collect();
            members.etcdctl(&words)
        };
        assert_eq!(reader(&["get", "foo"]).done().text(), "foo\nbar\n");
        let listed = reader(&["member", "list"]).done().text();
        assert!(NAMES.iter().all(|name| listed.contains(name)), "{listed}");
        for words in [
            &["put", "foo", "baz"][..],
            &["del", "foo"],
            &["user", "list"],
        ] {
            let refused = reader(words);
            assert_ne!(refused.code, Some(0), "{words:?}");
            assert!(
                refused.err.contains("permission denied"),
                "{}",
                refused.words()
            );
        }
    });
}

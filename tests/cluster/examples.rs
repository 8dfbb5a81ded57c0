//! Runs the examples of clients that `build` writes, against real members.

use crate::support::members::with_members;
use crate::support::tool::tool_in;

#[test]
fn curl_and_python_use_the_json_gateway() {
    let name = "cluster::examples::curl_and_python_use_the_json_gateway";
    with_members(name, |mut members| {
        let images = members.scene.at("images");
        let text = tool_in(&images, "sh", &["client/curl.sh"]).done().text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("{\"etcdserver\":\"3.5."), "{text}");
        assert!(lines[1].contains("\"revision\":\"2\""), "{text}");
        assert!(lines[2].contains("\"key\":\"Zm9v\""), "{text}");
        assert!(lines[2].contains("\"value\":\"YmFy\""), "{text}");
        assert!(lines[3].contains("\"key\":\"Zm9v\""), "{text}");
        let python = || tool_in(&images, "python3", &["client/client.py", "2"]).done();
        assert_eq!(python().text(), "foo=bar\nfoo=bar\n");
        // A lost member does not matter.
        members.kill(0);
        assert_eq!(python().text(), "foo=bar\nfoo=bar\n");
    });
}

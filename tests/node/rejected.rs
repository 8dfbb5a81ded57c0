//! Checks that a node tells a rejected certificate from silence, by what openssl says (3.0, and 1.1 of Ubuntu Core 18).

use super::join::Node;

/// What `openssl s_client` says, and the reason.
const REFUSALS: [(&str, &str); 7] = [
    (
        "depth=0 CN = b\nverify error:num=10:certificate has expired\nnotAfter=Feb  1 00:00:00 2020 GMT\n\
         807B8400A27F0000:error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:\
         ../ssl/statem/statem_clnt.c:1889:",
        "certificate has expired",
    ),
    (
        "depth=0 CN = b\nverify error:num=9:certificate is not yet valid\nnotBefore=Jan  1 00:00:00 2040 GMT",
        "certificate is not yet valid",
    ),
    (
        "depth=0 CN = other\nverify error:num=18:self-signed certificate",
        "self-signed certificate",
    ),
    (
        "depth=0 CN = a\nverify return:1\n802BDC50F97F0000:error:0A000415:SSL routines:ssl3_read_bytes:sslv3 alert certificate \
         expired:../ssl/record/rec_layer_s3.c:1601:SSL alert number 45",
        "it rejects this node's certificate: sslv3 alert certificate expired",
    ),
    (
        "804B8CA4F47F0000:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../ssl/record/rec_layer_s3.c:1601:SSL \
         alert number 42",
        "it rejects this node's certificate: sslv3 alert bad certificate",
    ),
    (
        "140735:error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1543:SSL alert number 48",
        "it rejects this node's certificate: tlsv1 alert unknown ca",
    ),
    (
        "80BBC80C377F0000:error:8000006F:system library:BIO_connect:Connection refused:../crypto/bio/bio_sock2.c:117:calling connect()\n\
         connect:errno=111",
        "",
    ),
];

/// It may run another cluster than this node's, which was forced, or have the cluster's data.
#[test]
fn a_member_whose_answer_is_needed_is_not_silent_if_it_rejects_a_certificate() {
    let ask = "know id; know vow; number=-; listens() { return 1; }; facts_of_peers";
    for (doubt, rejected, is_doubtful) in [
        ("", "b c", false),
        ("keep forced yes", "b c", true),
        // It cannot elect a leader, and may have a wrong clock.
        ("keep forced yes", "b", false),
        (": >$DATA/use-this-data", "b", true),
    ] {
        let node = Node::with_data();
        for name in rejected.split(' ') {
            node.write(&format!("run/refusal.{name}"), REFUSALS[1].0);
        }
        node.write("pki/peer.crt", "");
        node.call(doubt);
        let facts = node.call(ask);
        assert!(facts.starts_with("peer b tls certificate is"), "{facts}");
        assert_eq!(facts.contains("\npeer b busy\n"), is_doubtful, "{facts}");
    }
}

#[test]
fn the_reason_why_a_certificate_is_rejected_is_said_with_the_clock_and_its_dates() {
    let node = Node::new();
    let stubs = "date() { echo '2020-01-01 00:00'; }; validity() { echo 'from 2026 until 2031'; }; number=- id=- vow=-";
    for (said, reason) in REFUSALS {
        node.write("run/refusal.b", &format!("{said}\n"));
        let fact = match reason {
            "" => "peer b silent".to_owned(),
            why => format!(
                "peer b tls {why}; this node's clock says 2020-01-01 00:00 UTC, its certificate is valid from 2026 until 2031"
            ),
        };
        let facts = node.call(&format!("{stubs}; facts_of_peers"));
        assert_eq!(facts, format!("{fact}\npeer c silent\n"), "{said}");
    }
}

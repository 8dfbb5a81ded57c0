//! Calls real members through the library, while all works and after failures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcd_image::etcd::{CallError, Client, Timeouts};

use crate::support::members::{Members, NAMES, address, with_members};

#[test]
fn members_answer_over_grpc() {
    with_members(|members| {
        let client = members.client();
        client.put(address(0), "key", "ü").unwrap();
        for (member, name) in NAMES.iter().enumerate() {
            let session = client.connect(address(member)).unwrap();
            assert_eq!(session.get("key").unwrap().as_deref(), Some("ü"));
            assert_eq!(session.get("other").unwrap(), None);
            let list = session.members().unwrap();
            let mut names: Vec<_> = list.iter().map(|member| member.name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, NAMES);
            let status = session.status().unwrap();
            assert!(list.iter().any(|member| member.id == status.leader));
            let own = list.iter().find(|it| it.id == status.member_id()).unwrap();
            assert_eq!(own.name, *name);
            let file = format!("etcd-cluster/nodes/{}/server.crt", own.name);
            assert_eq!(
                fingerprint(session.certificate()),
                recorded(&members, &file)
            );
            let peer = format!("etcd-cluster/nodes/{}/peer.crt", own.name);
            let presented = client.check_peer_port(address(member)).unwrap();
            assert_eq!(fingerprint(&presented), recorded(&members, &peer));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let told = client.time(address(member)).unwrap().unwrap();
            assert!(
                told.abs_diff(now.as_secs().try_into().unwrap()) < 60,
                "{told}"
            );
        }
    });
}

fn fingerprint(der: &[u8]) -> String {
    use sha2::Digest as _;
    crate::support::fixture::hex(&sha2::Sha256::digest(der))
}

fn recorded(members: &Members, file: &str) -> String {
    etcd_image::pki::certificate(&members.scene.text(file))
        .unwrap()
        .fingerprint
}

#[test]
fn a_missing_quorum_is_not_healthy() {
    with_members(|mut members| {
        let client = members.client();
        let refused = "Connection refused (os error 111)".to_owned();
        members.kill(0);
        assert_eq!(client.health(address(0)), Err(CallError::Silent(refused)));
        members.become_healthy();
        members.kill(1);
        // etcd gives up after nine seconds.
        let timeouts = Timeouts {
            answer: Duration::from_mins(2),
            ..Timeouts::LABORATORY
        };
        let state = members.scene.at("etcd-cluster");
        let patient = Client::open(&state, timeouts).unwrap();
        let error = patient.health(address(2)).unwrap_err();
        let timed_out = CallError::Answer("etcdserver: request timed out".to_owned());
        let no_leader = CallError::Answer("etcdserver: no leader".to_owned());
        assert!(error == timed_out || error == no_leader, "{error:?}");
        // What needs no majority still works.
        assert_eq!(client.members(address(2)).unwrap().len(), 3);
        client.check_peer_port(address(2)).unwrap();
    });
}

#[test]
fn certificates_of_another_ca_are_reported_as_such() {
    with_members(|members| {
        let other = members
            .scene
            .run("build", &["--nodes", "3", "--state", "other", "--out", "o"]);
        other.done();
        let foreign = Client::open(&members.scene.at("other"), Timeouts::LABORATORY).unwrap();
        let stranger = CallError::Tls("invalid peer certificate: BadSignature".to_owned());
        assert_eq!(foreign.health(address(0)), Err(stranger.clone()));
        assert_eq!(foreign.check_peer_port(address(0)), Err(stranger));
        // The CA is known, but the administrator's certificate is foreign.
        std::fs::copy(
            members.scene.at("etcd-cluster/ca.crt"),
            members.scene.at("other/ca.crt"),
        )
        .unwrap();
        let foreign = Client::open(&members.scene.at("other"), Timeouts::LABORATORY).unwrap();
        for answer in [
            foreign.health(address(0)),
            foreign.check_peer_port(address(0)).map(drop),
        ] {
            assert!(matches!(answer, Err(CallError::Tls(_))), "{answer:?}");
        }
    });
}

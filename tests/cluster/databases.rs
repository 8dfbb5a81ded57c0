//! `cluster compact`, `defrag` and `alarm disarm` with real members, while all works and after failures.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::members::{Members, NAMES, address, until, with_members, with_members_and};
use crate::support::scene::Outcome;
use crate::support::tool::tool;

fn cluster(members: &Members, words: &[&str]) -> Outcome {
    members.scene.bare(&[&["cluster"], words].concat())
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Returns the size of each database.
fn sizes(members: &Members) -> Vec<u64> {
    let client = members.client();
    let statuses = (0..3).map(|member| client.status(address(member)).unwrap());
    statuses.map(|status| status.db_size).collect()
}

#[test]
fn history_is_removed_and_its_space_freed_followers_first() {
    with_members(|mut members| {
        let (client, value) = (members.client(), "x".repeat(1 << 20));
        for _ in 0..5 {
            client.put(address(0), "key", &value).unwrap();
        }
        let kept = json(&cluster(&members, &["compact", "--keep", "2", "--json"]).done());
        assert_eq!(
            (kept["revision"].as_u64(), &kept["was_compacted"]),
            (Some(4), &false.into())
        );
        let done = json(&cluster(&members, &["compact", "--json"]).done());
        assert_eq!(done["revision"], 6);
        assert_eq!(done["member"], NAMES[members.leader()]);
        let again = cluster(&members, &["compact"]).done().stdout;
        assert_eq!(again, "no history before revision 6 was left\n");
        // The files stay as large as they were.
        assert!(
            sizes(&members).iter().all(|size| *size > 4 << 20),
            "{:?}",
            sizes(&members)
        );
        let leader = NAMES[members.leader()];
        let outcome = cluster(&members, &["defrag", "--json"]).done();
        assert_eq!(outcome.stderr.lines().count(), 3, "{}", outcome.stderr);
        let done = json(&outcome);
        let order = done["members"].as_array().unwrap();
        assert_eq!(
            (order.len(), &order[2]["name"]),
            (3, &leader.into()),
            "{done}"
        );
        // A member may have removed the history only after it was defragmented.
        until(|| {
            let sizes = sizes(&members);
            if sizes.iter().all(|size| *size < 3 << 20) {
                return Ok(());
            }
            cluster(&members, &["defrag"]).done();
            Err(format!("{sizes:?}"))
        });
        assert_eq!(
            client.get(address(1), "key").unwrap().as_deref(),
            Some(value.as_str())
        );
        cluster(&members, &["defrag", "etcd9"])
            .refused_naming(2, &["cluster main has no node `etcd9`"]);
        // Two of three work: neither can be spared.
        let down = (0..3).find(|member| NAMES[*member] != leader).unwrap();
        members.kill(down);
        members.become_healthy();
        let wanted = format!(
            "cluster main would lose its majority without {leader}: 1 of 3 members would work, 2 must: {} does not answer: ",
            NAMES[down]
        );
        cluster(&members, &["defrag", leader]).refused_naming(6, &[&wanted]);
        cluster(&members, &["compact"]).done();
    });
}

#[test]
fn an_alarm_is_disarmed_once_its_database_has_room() {
    with_members_and(&["--quota-backend-bytes=4194304"], |members| {
        // The build knows the quota of the members.
        let path = members.scene.at("etcd-cluster/cluster.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("2147483648", "4194304")).unwrap();
        let none = cluster(&members, &["alarm", "disarm"]).done().stdout;
        assert_eq!(none, "cluster main has no alarm\n");
        let (client, value) = (members.client(), "x".repeat(1 << 16));
        client.put(address(0), "/small/key", "x").unwrap();
        let key = |number: usize| format!("/large/{number}");
        let full = (0..200).find(|number| client.put(address(0), &key(*number), &value).is_err());
        let full = full.expect("etcd has accepted 12 MiB");
        // The member that noticed it raises the alarm a moment after its answer.
        until(|| {
            let alarms = members.etcdctl(&["alarm", "list"]).text();
            let is_raised = alarms.contains("NOSPACE");
            is_raised.then_some(()).ok_or(alarms)
        });
        let outcome = cluster(&members, &["alarm", "disarm", "--json"]);
        assert_eq!(outcome.code, Some(6));
        let error = "error: alarm NOSPACE on etcd";
        assert!(outcome.stderr.starts_with(error), "{}", outcome.stderr);
        assert!(
            outcome
                .stderr
                .contains("hint: delete keys that nobody needs"),
            "{}",
            outcome.stderr
        );
        let prefixes = &json(&outcome)["content"]["prefixes"];
        assert_eq!(prefixes[0]["prefix"], "/large/");
        // etcd keeps the value with which it notices that the database is full, although it reports an error.
        let kept = &prefixes[0]["keys"];
        assert!(*kept == full || *kept == full + 1, "{full}: {kept}");
        assert_eq!(prefixes[1]["prefix"], "/small/");
        // The three steps of the hint.
        members.etcdctl(&["del", "--prefix", "/large/"]).done();
        cluster(&members, &["compact"]).done();
        // Members remove the history one after the other; the last step is the same.
        let unused = cluster(&members, &["alarm", "disarm"]);
        let last = "free the space with `etcd-image cluster defrag`";
        let only = "free the unused space with `etcd-image cluster defrag`";
        let says = |words: &str| unused.stderr.contains(words);
        assert!(says(last) || says(only), "{}", unused.stderr);
        // A member may have removed it only after it was defragmented.
        let done = until(|| {
            cluster(&members, &["defrag"]).done();
            let outcome = cluster(&members, &["alarm", "disarm"]);
            let is_done = outcome.code == Some(0);
            is_done.then_some(outcome.stdout).ok_or(outcome.stderr)
        });
        assert!(
            done.starts_with("alarm NOSPACE on etcd") && done.ends_with(": disarmed\n"),
            "{done}"
        );
        client.put(address(0), "/large/again", &value).unwrap();
        cluster(&members, &["status"]).done();
    });
}

/// Raises the alarm CORRUPT on a member, as etcd does when it finds a difference.
pub(super) fn raise(members: &Members, member: usize) {
    let state = |file: &str| {
        members
            .scene
            .at("etcd-cluster")
            .join(file)
            .display()
            .to_string()
    };
    let id = members
        .client()
        .status(address(member))
        .unwrap()
        .member_id();
    let request =
        format!("{{\"action\":\"ACTIVATE\",\"memberID\":\"{id}\",\"alarm\":\"CORRUPT\"}}");
    let url = format!("https://{}:2379/v3/maintenance/alarm", address(member));
    let [ca, certificate, key] = ["ca.crt", "admin.crt", "admin.key"].map(state);
    let files = ["--cacert", &ca, "--cert", &certificate, "--key", &key];
    let words = [&["-sf", "-d", &request], &files[..], &[url.as_str()]].concat();
    tool("curl", &words).done();
}

/// The data of a member that it does not describe may be the wrong one.
fn refuse_with_an_older_state_directory(members: &Members) {
    let path = members.scene.at("etcd-cluster/cluster.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut older: Value = serde_json::from_str(&text).unwrap();
    older["members"].as_array_mut().unwrap().pop();
    fs::write(&path, older.to_string()).unwrap();
    let outcome = cluster(members, &["alarm", "disarm"]);
    let error = "error: alarm CORRUPT on etcd2 stays: etcd3 is not in the state directory\n\
                 hint: name the newest state directory of this cluster with `--state`\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(6), error));
    fs::write(&path, text).unwrap();
}

#[test]
fn a_corrupt_member_is_named_until_its_data_are_those_of_the_others() {
    with_members(|mut members| {
        members
            .client()
            .put(address(0), "key", "good value of the key")
            .unwrap();
        raise(&members, 1);
        refuse_with_an_older_state_directory(&members);
        let done = cluster(&members, &["alarm", "disarm"]).done().stdout;
        assert_eq!(done, "alarm CORRUPT on etcd2: disarmed\n");
        // etcd writes its database to the disk ten times a second: first the content, then the page that refers to it.
        let database = members.scene.at("tmp/etcd3/member/snap/db");
        let value = b"good value of the key";
        until(|| {
            let bytes = fs::read(&database).unwrap();
            let is_written = bytes.windows(value.len()).any(|it| it == value);
            is_written
                .then_some(())
                .ok_or_else(|| "etcd3 lacks the value".to_owned())
        });
        thread::sleep(Duration::from_secs(1));
        members.kill(2);
        let changed = [
            "-i",
            "s/good value of the key/evil value of the key/g",
            database.to_str().unwrap(),
        ];
        tool("sed", &changed).done();
        members.resume(2);
        members.become_healthy();
        raise(&members, 2);
        let outcome = cluster(&members, &["alarm", "disarm"]);
        assert_eq!(outcome.stdout, "alarm CORRUPT on etcd3: stays\n");
        let error = "error: alarm CORRUPT on etcd3 stays: the data of etcd2 and etcd3 differ\n";
        assert!(outcome.stderr.starts_with(error), "{}", outcome.stderr);
        // What a silent member has is not known. The leader stays, because etcd answers through it.
        let silent = usize::from(members.leader() == 0);
        members.kill(silent);
        let outcome = cluster(&members, &["alarm", "disarm"]);
        let error = format!(
            "error: alarm CORRUPT on etcd3 stays: {} does not answer: Connection refused (os error 111)\n",
            NAMES[silent]
        );
        assert!(outcome.stderr.starts_with(&error), "{}", outcome.stderr);
    });
}

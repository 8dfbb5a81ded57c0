//! `cluster move-leader` with real members.

use crate::support::members::{Members, NAMES, with_members};
use crate::support::scene::Outcome;

fn lead(members: &Members, words: &[&str]) -> Outcome {
    members
        .scene
        .bare(&[&["cluster", "move-leader"], words].concat())
}

#[test]
fn another_member_leads_when_it_can() {
    with_members(|mut members| {
        let (before, term) = (members.leader(), members.term());
        // A busy machine may cause an election besides these.
        let is_alone = |elections: u64| members.term() == term + elections;
        let text = lead(&members, &[]).done().stdout;
        let after = members.leader();
        let wanted = format!("{} leads instead of {}\n", NAMES[after], NAMES[before]);
        if is_alone(1) {
            assert_ne!(before, after);
            assert_eq!(text, wanted);
        }
        let text = lead(&members, &[NAMES[before]]).done().stdout;
        let wanted = format!("{} leads instead of {}\n", NAMES[before], NAMES[after]);
        if is_alone(2) {
            assert_eq!(text, wanted);
        }
        let text = lead(&members, &[NAMES[before], "--json"]).done().stdout;
        let wanted = format!(
            "{{\n  \"format\": 1,\n  \"cluster\": \"main\",\n  \"before\": \"{0}\",\n  \"leader\": \"{0}\"\n}}\n",
            NAMES[before]
        );
        if is_alone(2) {
            assert_eq!(text, wanted);
        }
        lead(&members, &["etcd9"]).refused_naming(2, &["cluster main has no node `etcd9`"]);
        members.kill(after);
        let silent = format!(
            "{} cannot lead: Connection refused (os error 111)",
            NAMES[after]
        );
        lead(&members, &[NAMES[after]]).refused_naming(6, &[&silent]);
        // Without a quorum, nobody leads.
        members.kill(before);
        lead(&members, &[]).refused_naming(6, &["cluster main has no leader: etcd"]);
    });
}

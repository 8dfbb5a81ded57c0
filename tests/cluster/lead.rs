//! `cluster move-leader` with real members.

use crate::support::members::{Members, NAMES, with_members};
use crate::support::scene::Outcome;

fn lead(members: &Members, words: &[&str]) -> Outcome {
    members
        .scene
        .bare(&[&["cluster", "move-leader"], words].concat())
}

/// Runs the command, to which these words are given for the member that leads, until no election but those of the command has
/// happened meanwhile: a busy machine may cause others. Returns the leaders before and afterwards, and the output.
fn undisturbed(
    members: &Members,
    elections: u64,
    words: impl Fn(usize) -> Vec<&'static str>,
) -> (usize, usize, String) {
    for _ in 0..5 {
        let (before, term) = (members.leader(), members.term());
        let text = lead(members, &words(before)).done().stdout;
        let after = members.leader();
        if members.term() == term + elections {
            return (before, after, text);
        }
    }
    panic!("each of five commands met an election that it had not caused");
}

fn next(member: usize) -> usize {
    (member + 1) % NAMES.len()
}

#[test]
fn another_member_leads_when_it_can() {
    with_members(|mut members| {
        let moved = |before: usize, after: usize| {
            format!("{} leads instead of {}\n", NAMES[after], NAMES[before])
        };
        let (before, after, text) = undisturbed(&members, 1, |_| Vec::new());
        assert_ne!(before, after);
        assert_eq!(text, moved(before, after));

        let (before, after, text) = undisturbed(&members, 1, |leader| vec![NAMES[next(leader)]]);
        assert_eq!(after, next(before));
        assert_eq!(text, moved(before, after));

        // Who leads already goes on.
        let (leader, after, text) =
            undisturbed(&members, 0, |leader| vec![NAMES[leader], "--json"]);
        assert_eq!(leader, after);
        let wanted = format!(
            "{{\n  \"format\": 1,\n  \"cluster\": \"main\",\n  \"before\": \"{0}\",\n  \"leader\": \"{0}\"\n}}\n",
            NAMES[leader]
        );
        assert_eq!(text, wanted);

        lead(&members, &["etcd9"]).refused_naming(2, &["cluster main has no node `etcd9`"]);
        let other = next(leader);
        members.kill(other);
        let silent = format!(
            "{} cannot lead: Connection refused (os error 111)",
            NAMES[other]
        );
        lead(&members, &[NAMES[other]]).refused_naming(6, &[&silent]);
        // Without a quorum, nobody leads.
        members.kill(leader);
        lead(&members, &[]).refused_naming(6, &["cluster main has no leader: etcd"]);
    });
}

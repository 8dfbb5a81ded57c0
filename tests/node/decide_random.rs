//! Draws facts at random and checks what must hold for every decision, whatever the table in `decide` says.
//! `FUZZ_SEED` chooses other facts, `FUZZ_SECONDS` more of them; see `cargo xtask fuzz`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use lab::rng::Rng;

use crate::support::tool::tool;

/// The actions that `join` knows.
const ACTIONS: [&str; 11] = [
    "resume", "aside", "use", "unforce", "announce", "force", "update", "new", "vow", "join",
    "wait",
];

/// The random facts that one shell decides on.
const BATCH: u64 = 1500;

/// The values of each fact; an empty one leaves the fact out.
const FACTS: [(&str, &[&str]); 29] = [
    ("data", &["yes", "no"]),
    ("owner", &["", "", "", "b of this cluster", "nobody known"]),
    ("started", &["", "", "no"]),
    ("moved", &["", "", "yes"]),
    ("index", &["", "-", "7", "x"]),
    ("failed", &["", "0", "1", "3"]),
    (
        "error",
        &[
            "",
            "no space left on device",
            "invalid downgrade; server version is lower",
            "tocommit(5) is out of range [lastIndex(3)]",
            "discovery failed: 1a found data inconsistency with peers",
            "$(x) `y` * ;",
        ],
    ),
    ("forced", &["", "", "0", "4", "5", "9"]),
    ("unfinished", &["", "", "", "yes"]),
    ("learner", &["", "", "", "yes"]),
    ("use", &["", "yes"]),
    ("aside", &["", "", "", "yes"]),
    ("majority", &["", "no", "yes", "yes"]),
    ("agree", &["", "no", "yes"]),
    ("listed", &["", "no", "yes"]),
    ("ahead", &["", "", "", "", "900 700"]),
    ("apart", &["", "", "", "", "b c"]),
    ("rivals", &["", "", "", "", "b c"]),
    ("split", &["", "", "", "", "b c"]),
    ("named", &["", "yes"]),
    ("taken", &["", "", "5"]),
    ("stranger", &["", "", "", "d"]),
    ("unlisted", &["", "", "", "b c"]),
    ("denied", &["", "", "", "etcd-2"]),
    ("missing", &["", "", "", "d"]),
    ("older", &["", "", "", "3.4 3.5"]),
    ("space", &["", "", "", "20 144"]),
    ("vow", &["-", "1", "2"]),
    ("heard", &["-", "1", "2"]),
];

/// What a peer may say.
const PEER: [&str; 14] = [
    "silent",
    "busy",
    "tls expired",
    "waits -",
    "waits 1",
    "waits 2",
    "promised 1",
    "holds 6",
    "holds other",
    "forced 3",
    "cluster no",
    "cluster yes",
    "index 4",
    "nonsense",
];

/// The facts of one case, each with its values in order.
struct Facts(Vec<(String, String)>);

impl Facts {
    fn drawn(rng: &mut Rng) -> Self {
        let mut facts: Vec<_> = FACTS
            .iter()
            .map(|(name, values)| {
                (
                    (*name).to_owned(),
                    values[rng.index(values.len())].to_owned(),
                )
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        for peer in ["b", "c"] {
            let said = PEER[rng.index(PEER.len())];
            facts.push((format!("peer {peer}"), said.to_owned()));
            // What it says besides: that it has no vote, or that it would begin with other content.
            let (more, chance) = match said.starts_with("cluster") {
                true => ("learner", 50),
                false => ("unlike", 10),
            };
            if rng.percent(chance) {
                facts.push((format!("peer {peer}"), more.to_owned()));
            }
        }
        Self(facts)
    }

    fn lines(&self) -> String {
        let facts = self.0.iter();
        let lines: Vec<_> = facts
            .map(|(name, value)| format!("{name} {value}\n"))
            .collect();
        lines.concat()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.0
            .iter()
            .any(|(known, found)| known == name && found == value)
    }

    /// Returns whether a peer says something that begins so.
    fn any_peer(&self, start: &str) -> bool {
        let mut peers = self.0.iter().filter(|(name, _)| name.starts_with("peer"));
        peers.any(|(_, said)| said.starts_with(start))
    }

    /// Returns the promise that a decision breaks.
    fn broken(&self, decision: &str) -> Option<&'static str> {
        let action = decision.split(' ').next().unwrap_or_default();
        let rules = [
            self.about_the_answer(decision, action),
            self.about_others(action),
            self.about_beginning(action),
            vec![(
                !self.advises_a_learner(decision),
                "the advice names no member without a vote",
            )],
        ]
        .concat();
        let mut broken = rules.into_iter().filter(|(holds, _)| !holds);
        broken.next().map(|(_, promise)| promise)
    }

    /// Returns whether a decision is one, and right about this member's own data.
    fn about_the_answer(&self, decision: &str, action: &str) -> Vec<(bool, &'static str)> {
        let is_one_of = |actions: &str| actions.split(' ').any(|known| known == action);
        let is_known = ACTIONS.contains(&action) || is_one_of("refuse unchecked");
        let has_data = self.is("data", "yes");
        let is_foreign = self.0.iter().any(|(name, _)| name == "owner");
        let majority = self.is("majority", "yes");
        let removed = majority && self.is("listed", "no");
        vec![
            (
                is_known && decision.lines().count() == 1,
                "a decision is one line with a known action",
            ),
            (
                has_data || !is_one_of("resume unchecked use update force announce unforce"),
                "data is used only if it is there",
            ),
            (
                !has_data || !is_one_of("new vow join"),
                "data is never ignored",
            ),
            (
                !is_foreign || !is_one_of("resume unchecked force announce update"),
                "data of somebody else is not used unasked",
            ),
            (
                removed && !self.is("split", "b c") || decision != "aside removed",
                "only the one majority removes a member",
            ),
            (
                !(majority && self.is("apart", "b c"))
                    || !is_one_of("resume unchecked update")
                        && (self.is("aside", "yes") || action != "aside"),
                "a cluster neither serves beside another one nor is given up unasked",
            ),
            (
                !self.is("ahead", "900 700")
                    || !is_one_of("resume unchecked update")
                        && (self.is("aside", "yes") || action != "aside"),
                "data that the others have forgotten is neither used nor given up unasked",
            ),
            (
                majority || !self.is("rivals", "b c") || !is_one_of("resume unchecked"),
                "a cluster does not serve while another one may be about to",
            ),
            (
                self.is("aside", "yes") || decision != "aside asked",
                "data is set aside on request only if somebody asked",
            ),
        ]
    }

    /// Returns whether a decision is right about the cluster and the other members.
    fn about_others(&self, action: &str) -> Vec<(bool, &'static str)> {
        let majority = self.is("majority", "yes");
        let any = |starts: &str| starts.split(',').any(|start| self.any_peer(start));
        let may_begin = !any("cluster,holds,forced,silent,tls,busy");
        vec![
            (
                action != "force" || (!majority && !any("cluster,holds,forced,tls,busy")),
                "nobody forces beside a member with data, a forced member or one that cannot be read",
            ),
            (
                !self.is("unfinished", "yes")
                    || !["resume", "unchecked", "update", "unforce"].contains(&action),
                "a member whose forcing was interrupted does not start as before",
            ),
            (
                action != "force" || !self.is("learner", "yes") || self.is("unfinished", "yes"),
                "no member without a vote is forced",
            ),
            (action != "join" || majority, "joining needs a majority"),
            (
                action != "join" || !self.is("split", "b c"),
                "nobody joins one of two clusters",
            ),
            (
                action != "use"
                    || (majority && self.is("named", "yes"))
                    || !any("cluster,holds 6,forced,busy"),
                "data of somebody else is used only if nobody else may have the cluster's",
            ),
            (
                action != "vow" || may_begin,
                "a vow needs every member, without data",
            ),
            (
                action != "new" || may_begin || any("cluster yes"),
                "a new cluster needs every member, without data, or a place in the one that began",
            ),
            (
                action != "new" || !self.is("vow", "-"),
                "a new cluster needs a vow",
            ),
        ]
    }

    /// Returns whether a decision is right about what a member without data needs.
    fn about_beginning(&self, action: &str) -> Vec<(bool, &'static str)> {
        let is_unlike = self.any_peer("unlike");
        vec![
            (
                action != "vow" || !is_unlike,
                "a vow needs the same content on every node",
            ),
            (
                action != "new" || !is_unlike || self.any_peer("cluster yes"),
                "a new cluster begins with the same content on every node",
            ),
            (
                action != "join" || !self.is("denied", "etcd-2"),
                "nobody joins who may not change members",
            ),
            (
                action != "join" || !self.is("space", "20 144"),
                "nobody joins without room for the data",
            ),
        ]
    }

    /// Returns whether the advice to force a member names one without a vote.
    fn advises_a_learner(&self, decision: &str) -> bool {
        let advice = decision.split_once("then run on ");
        let advice = advice.and_then(|(_, advice)| advice.split_once(": "));
        advice.is_some_and(|(names, _)| {
            let mut names = names.split(' ');
            names.any(|name| self.is(&format!("peer {name}"), "learner"))
        })
    }
}

/// Returns the decisions for all facts, made by one shell.
fn decisions(facts: &[Facts]) -> Vec<String> {
    let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays/etcd/decide");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts");
    let case = |it: &Facts| format!("decide <<'FACTS'\n{}FACTS\necho end\n", it.lines());
    let text: Vec<_> = facts.iter().map(case).collect();
    let text = text.concat();
    fs::write(&path, text).unwrap();
    let script = "DATA=/var/lib/etcd NAME=a; . \"$0\"; . \"$1\"";
    let words = [
        "-eu",
        "-c",
        script,
        decide.to_str().unwrap(),
        path.to_str().unwrap(),
    ];
    let said = tool("dash", &words).done().text();
    let decisions = said.split("end\n").map(|it| it.trim_end().to_owned());
    decisions.take(facts.len()).collect()
}

/// Checks one batch, and removes the actions that it has seen from a list.
fn check(seed: u64, unseen: &mut Vec<&str>) {
    let draw = |round| Facts::drawn(&mut Rng::new(seed << 32 ^ round));
    let facts: Vec<Facts> = (0..BATCH).map(draw).collect();
    let decisions = decisions(&facts);
    assert_eq!(decisions.len(), facts.len());
    for (facts, decision) in facts.iter().zip(&decisions) {
        let broken = facts.broken(decision);
        assert_eq!(broken, None, "{}\n{decision}", facts.lines());
        unseen.retain(|action| !decision.starts_with(action));
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of the run")]
fn no_facts_lead_to_a_forbidden_decision() {
    let setting = |name: &str, otherwise: u64| {
        let value = std::env::var(name).ok();
        value.map_or(otherwise, |value| value.parse().unwrap())
    };
    let (seed, seconds) = (setting("FUZZ_SEED", 1), setting("FUZZ_SECONDS", 0));
    let (started, mut batches) = (Instant::now(), 0);
    let mut unseen = ACTIONS.to_vec();
    while batches == 0 || started.elapsed().as_secs() < seconds {
        check(seed + batches, &mut unseen);
        batches += 1;
    }
    println!(
        "decisions: {} random facts from seed {seed}",
        batches * BATCH
    );
    assert!(unseen.is_empty(), "no facts led to {unseen:?}");
}

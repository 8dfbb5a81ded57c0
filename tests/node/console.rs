//! Checks that README explains every line on the console with which a node waits or refuses.

use std::path::Path;

/// The node's programs, and the words with which such a line begins there.
const PROGRAMS: [(&str, &[&str]); 16] = [
    (
        "etcd/decide",
        &[
            "\"wait ",
            "\"wait for$",
            "\"refuse ",
            "\"unforce ",
            "\"unforce$",
            "\"for a ",
        ],
    ),
    ("etcd/join", IN_JOIN),
    ("etcd/own_data", IN_JOIN),
    ("etcd/peers", IN_JOIN),
    ("etcd/cluster", IN_JOIN),
    ("etcd/actions", IN_JOIN),
    ("etcd/membership", IN_JOIN),
    ("etcd/snapshot", IN_JOIN),
    ("etcd/watch", IN_JOIN),
    ("etcd/authentication", IN_JOIN),
    ("etcd/programs", &["\"refused "]),
    (
        "etcd/alone",
        &["\"etcd-node: refused ", "\"etcd-node: waiting "],
    ),
    ("appliance/data", &["refuse \""]),
    ("identity/other_data", &["refuse \""]),
    ("identity/grow-root", &["say \""]),
    ("core/provision.sh", &["stop \""]),
];
const IN_JOIN: &[&str] = &[
    "\"waiting ",
    "\"refused ",
    "forget \"",
    "\"etcd has failed",
    "\"starting without",
    "\"warning: $(",
];
/// Lines that repeat a reason from another place.
const REPEATED: [&str; 4] = [
    "{verdict#",
    "$(explain",
    "refused $request: $why",
    "refused to force a new cluster: ${1# }",
];

/// Every reason, by its words in the programs, and the row of README that explains it.
const REASONS: &str = r#"
    refuse to use the data on this node:                  → has data of another cluster or node
    refuse the data on this node:                         → has data of another cluster or node
    unforce a majority of the cluster answers             → was asked to force a new cluster
    unforce$running$holding also has the cluster's data   → was asked to force a new cluster
    wait for$busy: it accepts connections                 → was asked to force a new cluster
    unforce$tls answers, but its certificates             → was asked to force a new cluster
    unforce this node has no vote yet                     → was asked to force a new cluster
    unforce$forcing was also asked to force a new cluster → was asked to force a new cluster
    refuse to start: forcing a new cluster was interrupted → was interrupted while it forced a new cluster
    waiting to force a new cluster: etcd has saved no     → was interrupted while it forced a new cluster
    refuse to start: another board or card                → its place was taken by another board or card
    wait for$busy: it listens and does not answer yet, and may have → has data of another cluster or node
    refuse to start: $(two_clusters)                      → its cluster was forced or has removed members
    wait for$busy: it listens and does not answer yet, and may run → its cluster was forced or has removed members
    wait for $rivals: they run etcd                       → its cluster was forced or has removed members
    warning: $(read_facts                                 → its cluster was forced or has removed members
    refuse to start: the members that run lack writes     → has writes that the members that run lack
    refuse to join: $(two_clusters)                       → lost its data, and other members run two clusters
    refused the restore that is prepared                  → has data of another cluster or node
    refused the etcd beside the data                      → has data of another cluster or node
    refuse to join: the cluster has members               → its image does not list all members
    refuse to join: the image of no running member        → no running member's image lists it
    wait for a majority:$running runs etcd, and           → its address changed, and no majority
    wait for$unlike: its image and this node's begin      → its image begins with another snapshot
    waiting to restore the snapshot                       → cannot restore the snapshot
    wait for$forcing to begin anew                        → lost its data, another member has data
    wait for a majority: the addresses of the members     → its address changed, and no majority
    wait for a majority:$running has the cluster's data   → lost its data, no majority
    wait for$holding$forcing, which has                   → lost its data, another member has data
    wait for$silent: a new cluster begins only            → first start, some members off
    wait for the numbers of the others                    → first start, some members off
    wait for$promised: a new cluster begins only          → first start, some members off
    wait for the others to agree                          → first start, some members off
    wait for$others to agree. If this lasts               → its image and another node's list different members
    refuse to join: this image has etcd                   → its etcd is older than the cluster
    refuse to join: the data partition has                → its etcd is older than the cluster
    wait for$missing: the cluster admits nobody           → lost its data, another listed member
    waiting for somebody to look at $ASIDE                → has set aside three sets of data
    waiting to change this node's address in the cluster:$unmoved → its address changed, and it has `previous-address`
    waiting to change this node's address in the cluster: $(why_refused) → the cluster refuses to change its members
    waiting until the cluster notices                     → lost its data (also two of five at once)
    wait to join the cluster: $(not_permitted             → the cluster refuses to change its members
    waiting to join the cluster, which refuses            → the cluster refuses to change its members
    waiting for member $other to get its vote             → lost its data, and another member has no vote yet
    waiting for etcd to catch up with the cluster         → lost its data (also two of five at once)
    waiting for the address $ADDRESS                      → has another address from the DHCP server
    waiting for this node's vote                          → the cluster refuses to change its members
    waiting to catch up with the cluster                  → lost its data (also two of five at once)
    waiting to write to the data partition                → the data partition is full
    waiting for the permission to read $place             → may not read its data
    waiting to set this node's data aside                 → the data partition is full
    waiting for room in $RUN, which is in memory          → finds no room in `/run`
    waiting to read the certificates of the CA            → cannot read the certificates of its CA
    waiting to read $place, which is missing              → cannot read one of its certificates or keys
    waiting for a random number                           → cannot read the certificates of its CA
    starting without etcd's check of the data             → etcd finds at its start that this node's data differs
    etcd has failed $failures times                       → etcd fails three times, no majority
    this node has no data                                 → was asked to force a new cluster, or to use or set aside data
    it was asked for before this node was switched on     → was asked to force a new cluster before
    this node uses its data anyway                        → was asked to use its own data
    for a majority:$silent does not answer                → served, and the majority is gone
    for a majority:$holding$forcing has the cluster's data → served, and the majority is gone
    for a majority: some members have no data             → lost its data, no majority
    for a leader: etcd runs on$running                    → served, and the majority is gone
    waiting to switch authentication on                   → cannot switch authentication on
    refused to start: the received etcd                   → the etcd that it received is damaged
    refused to start: another board (MAC                  → another board uses its address at its start
    refused to start: another board uses this node        → another board uses its address at its start
    waiting for the address %s: no interface              → another board uses its address at its start
    refuse "$1 holds $2, and etcd's data                  → the place of its data
    refuse "$1 cannot be written                          → the place of its data
    refuse "$1 holds $found                               → the place of its data
    refuse "$1 holds etcd's data that was left behind     → the place of its data
    refuse "$1 still holds $found after formatting        → the place of its data
    refuse "the file system of etcd's data                → the place of its data
    refuse "the card ends before etcd's data              → the place of its data
    refuse "there is no disk $PLACE                       → the place of its data
    refuse "$PLACE is smaller than 128 MiB                → the place of its data
    refuse "$1 holds etcd's data${owner:+ of $owner}, which this image does not use → etcd's data lies where its image does not keep it
    refuse "$1 holds etcd's data${owner:+ of $owner}, whose label → etcd's data lies where its image does not keep it
    say "the root file system does not fill the card      → its root file system cannot grow
    stop "$1 is damaged                                   → the first boot of Ubuntu Core
    stop "snapd does not accept refresh.timer yet         → the first boot of Ubuntu Core
"#;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn reasons() -> Vec<(&'static str, &'static str)> {
    let lines = REASONS.trim().lines();
    let pairs = lines.map(|line| line.split_once('→').unwrap());
    pairs
        .map(|(words, row)| (words.trim(), row.trim()))
        .collect()
}

/// Returns the lines of a program with which the node waits or refuses.
fn said<'a>(text: &'a str, beginnings: &[&str]) -> Vec<&'a str> {
    let says = |line: &&str| {
        beginnings.iter().any(|beginning| line.contains(beginning))
            && !REPEATED.iter().any(|repeated| line.contains(repeated))
    };
    text.lines().filter(says).map(str::trim).collect()
}

/// Returns those of the lines that no reason of the list covers.
fn unknown<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let reasons = reasons();
    let is_known = |line: &str| reasons.iter().any(|(words, _)| line.contains(words));
    let lines = lines.iter().copied();
    lines.filter(|line| !is_known(line)).collect()
}

/// Returns the reasons that no program gives, and the rows that README does not have.
fn unexplained(programs: &str, readme: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (words, row) in reasons() {
        if !programs.contains(words) {
            all.push(format!("no program says: {words}"));
        }
        let begins = |line: &str| {
            let situation = line.strip_prefix("| ");
            situation.is_some_and(|situation| situation.starts_with(row))
        };
        if !readme.lines().any(begins) {
            all.push(format!("README has no row for: {row}"));
        }
    }
    all
}

fn programs() -> String {
    let programs = PROGRAMS.map(|(program, _)| read(&format!("overlays/{program}")));
    programs.concat()
}

#[test]
fn every_reason_to_wait_or_refuse_is_known() {
    for (program, beginnings) in PROGRAMS {
        let text = read(&format!("overlays/{program}"));
        let lines = said(&text, beginnings);
        let nothing: [&str; 0] = [];
        assert_eq!(unknown(&lines), nothing, "README may not explain {program}");
        let is_silent = ["etcd/peers", "etcd/cluster"].contains(&program);
        assert_eq!(lines.is_empty(), is_silent, "{program}");
    }
}

#[test]
fn the_readme_explains_every_reason_to_wait_or_refuse() {
    let nothing: [&str; 0] = [];
    assert_eq!(unexplained(&programs(), &read("README.md")), nothing);
}

#[test]
fn a_reason_that_the_readme_does_not_explain_is_seen() {
    for (program, beginnings) in PROGRAMS {
        for beginning in beginnings {
            let line = format!("{beginning}for the moon\"");
            let text = read(&format!("overlays/{program}"));
            let text = format!("{text}\n    {line}\n    echo \"and nothing else\"\n");
            assert_eq!(unknown(&said(&text, beginnings)), [line], "{program}");
        }
    }
}

#[test]
fn a_lost_row_and_a_reason_that_nobody_gives_are_seen() {
    let row = "| another board uses its address at its start |";
    let readme = read("README.md").replace(row, "| is a twin |");
    let programs = programs().replace("wait for the numbers of the others", "wait");
    let wanted = [
        "no program says: wait for the numbers of the others",
        "README has no row for: another board uses its address at its start",
    ];
    let mut found = unexplained(&programs, &readme);
    found.dedup(); // of a row for several lines
    assert_eq!(found, wanted);
}

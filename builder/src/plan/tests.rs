//! Tests of plans for small trees on small bases.

use std::sync::Arc;

use super::plan;
use crate::failure::{Kind, explain};
use crate::inspect::{Attributes, BaseFiles, Before, Layout, OsRelease, Part, System, Volume};
use crate::overlay::{Account, Change, DesiredPath, Edit, FileContent, FileTree, Owner};
use crate::secret::{FingerprintKey, Secret};

pub(super) fn layout() -> Layout {
    let part = |number, filesystem| Part {
        number,
        start: 0,
        len: 1 << 20,
        filesystem,
        free_bytes: 1000,
        free_files: Some(100),
        label: format!("label{number}"),
        uuid: format!("uuid-{number}"),
    };
    Layout {
        size: 2 << 20,
        disk_id: 0x041b_ba91,
        boot: part(1, "fat"),
        system: System::Root(part(2, "ext4")),
        others: Vec::new(),
        os: OsRelease {
            id: "debian".to_owned(),
            version: "13".to_owned(),
            pretty_name: "Debian GNU/Linux 13 (trixie)".to_owned(),
        },
    }
}

fn file(text: &str, mode: u16) -> Before {
    Before::File {
        attributes: Attributes {
            mode,
            uid: 0,
            gid: 0,
        },
        size: text.len() as u64,
        content: Some(Arc::from(text.as_bytes())),
    }
}

/// Returns a base with accounts, a command line and a directory.
pub(super) fn found() -> BaseFiles {
    let folder = Before::Folder {
        attributes: Attributes {
            mode: 0o755,
            uid: 0,
            gid: 0,
        },
    };
    let root = |path: &str, before| ((Volume::Root, path.to_owned()), before);
    BaseFiles::from([
        root("/etc", folder),
        root(
            "/etc/passwd",
            file("root:x:0:0:root:/root:/bin/bash\n", 0o644),
        ),
        root("/etc/group", file("root:x:0:\n", 0o644)),
        root("/etc/shadow", file("root:*:19000:0:99999:7:::\n", 0o640)),
        root("/etc/hostname", file("debian\n", 0o644)),
        root(
            "/etc/issue",
            Before::Symlink {
                target: "issue.d".to_owned(),
            },
        ),
        (
            (Volume::Boot, "/cmdline.txt".to_owned()),
            file("root=PARTUUID=041bba91-02 resize\n", 0o755),
        ),
    ])
}

pub(super) fn entry(path: &str, change: Change) -> DesiredPath {
    DesiredPath {
        volume: Volume::Root,
        path: path.to_owned(),
        change,
        role: None,
        why: "because".to_owned(),
        origin: None,
    }
}

pub(super) fn text(path: &str, text: &str) -> DesiredPath {
    entry(
        path,
        Change::File {
            content: FileContent::Plain(text.as_bytes().to_vec().into()),
            mode: 0o644,
            owner: Owner::root(),
        },
    )
}

fn edit(edit: Edit) -> DesiredPath {
    DesiredPath {
        volume: Volume::Boot,
        ..entry("/cmdline.txt", Change::Edited(edit))
    }
}

pub(super) fn tree(entries: Vec<DesiredPath>) -> FileTree {
    FileTree {
        node: "etcd1".to_owned(),
        disk_id: None,
        command_line: "/cmdline.txt".to_owned(),
        ends_before: None,
        time: 20_000 * 86_400,
        fingerprints: FingerprintKey::new([0; 32]),
        entries,
    }
}

fn printed(entries: Vec<DesiredPath>) -> String {
    plan(&layout(), &found(), &tree(entries))
        .unwrap()
        .to_string()
}

pub(super) fn refusal(entries: Vec<DesiredPath>) -> (Kind, String) {
    let error = plan(&layout(), &found(), &tree(entries)).unwrap_err();
    (explain(&error).0, format!("{error:#}"))
}

const HEAD: &str = "node etcd1\n  disk id 041bba91 stays\n";

#[test]
fn what_is_there_already_is_not_planned() {
    let entries = vec![
        entry("/etc/absent", Change::Absent),
        entry(
            "/etc/issue",
            Change::Symlink {
                target: "issue.d".to_owned(),
            },
        ),
    ];
    assert_eq!(printed(entries), HEAD);
}

#[test]
fn a_file_is_written_even_if_the_base_has_the_same() {
    let expected = "  root /etc/hostname    # because\n      same content, new timestamp\n";
    let entries = vec![text("/etc/hostname", "debian\n")];
    assert_eq!(printed(entries), format!("{HEAD}{expected}"));
}

#[test]
fn edits_of_one_file_add_up_and_come_before_the_root() {
    let remove = Edit::KernelArguments {
        remove: vec!["resize".to_owned()],
        add: vec!["quiet".to_owned()],
    };
    let entries = vec![
        text("/etc/hostname", "etcd1\n"),
        edit(Edit::DiskId),
        edit(remove),
    ];
    let expected = "  boot /cmdline.txt    # because; because
      - root=PARTUUID=041bba91-02 resize
      + root=PARTUUID=0000beef-02 quiet
  root /etc/hostname    # because
      - debian
      + etcd1
";
    let head = "node etcd1\n  disk id 041bba91 → 0000beef\n";
    let tree = FileTree {
        disk_id: Some(0xbeef),
        ..tree(entries)
    };
    let printed = plan(&layout(), &found(), &tree).unwrap().to_string();
    assert_eq!(printed, format!("{head}{expected}"));
}

#[test]
fn missing_parents_are_made_once() {
    let entries = vec![text("/etc/a/b/one", "1"), text("/etc/a/two", "2")];
    let expected = "  root /etc/a    # holds /etc/a/b/one
      nothing → directory 0755 0:0
  root /etc/a/b    # holds /etc/a/b/one
      nothing → directory 0755 0:0
  root /etc/a/b/one    # because
      nothing → file 0644 0:0, 1 bytes, sha256 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
  root /etc/a/two    # because
      nothing → file 0644 0:0, 1 bytes, sha256 d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35
";
    assert_eq!(printed(entries), format!("{HEAD}{expected}"));
}

#[test]
fn a_new_account_can_own_files_and_its_hash_is_not_shown() {
    let account = Account::Login {
        name: "pi".to_owned(),
        password_hash: Some(Secret::new("$y$j9T$salt$hash")),
        groups: Vec::new(),
        required_groups: Vec::new(),
    };
    let owner = Owner {
        user: "pi".to_owned(),
        group: "pi".to_owned(),
    };
    let entries = vec![
        entry("/etc/passwd", Change::Edited(Edit::Account(account))),
        entry("/etc/home", Change::Folder { mode: 0o700, owner }),
    ];
    let printed = printed(entries);
    assert!(
        printed.contains("root /etc/home    # because\n      nothing → directory 0700 1000:1000\n"),
        "{printed}"
    );
    assert!(
        printed.contains("      + pi:x:1000:1000::/home/pi:/bin/bash\n"),
        "{printed}"
    );
    assert!(printed.contains("root /etc/shadow    # users and groups\n      file 0640 0:0, 26 bytes → file 0640 0:0, 65 bytes, secret "), "{printed}");
    assert!(!printed.contains("$y$"), "{printed}");
}

#[test]
fn a_path_wanted_twice_is_refused() {
    let (kind, message) = refusal(vec![text("/etc/x", "1"), text("/etc/x", "2")]);
    assert_eq!(kind, Kind::Usage);
    assert_eq!(
        message,
        "planning /etc/x of node etcd1: /etc/x would be written twice: for \"because\" and for \"because\""
    );
}

#[test]
fn a_folder_is_not_overwritten() {
    let (kind, message) = refusal(vec![text("/etc", "1")]);
    assert_eq!(kind, Kind::Refused);
    assert_eq!(
        message,
        "planning /etc of node etcd1: the base has a directory or device at /etc"
    );
}

#[test]
fn mistakes_in_the_users_files_are_reported_together() {
    let own = |line, entry| DesiredPath {
        origin: Some(format!("cluster.toml:{line}")),
        ..entry
    };
    let owned = |owner: &str| {
        let content = FileContent::Plain(b"1".to_vec().into());
        let (user, group) = owner.split_once(':').unwrap();
        let owner = Owner {
            user: user.to_owned(),
            group: group.to_owned(),
        };
        Change::File {
            content,
            mode: 0o644,
            owner,
        }
    };
    let (kind, message) = refusal(vec![
        text("/etc/x", "1"),
        own(2, text("/etc/x", "2")),
        own(4, text("/etc", "1")),
        own(6, text("/etc/x/y", "1")),
        own(8, entry("/etc/y", owned("nobody:root"))),
        own(10, entry("/etc/z", owned("root:0"))),
    ]);
    assert_eq!(kind, Kind::Usage);
    let wanted = "4 things to correct\n  \
        cluster.toml:2: /etc/x would be written twice: for \"because\" and for \"because\"\n  \
        cluster.toml:4: the base has a directory or device at /etc\n  \
        cluster.toml:6: /etc/x/y cannot be below /etc/x, which is a file\n  \
        cluster.toml:8: the base has no user `nobody`";
    assert_eq!(message, wanted);
}

#[test]
fn a_file_to_be_edited_must_be_there() {
    let (kind, message) = refusal(vec![entry("/etc/fstab", Change::Edited(Edit::DiskId))]);
    assert_eq!(kind, Kind::Unsupported);
    assert_eq!(
        message,
        "planning /etc/fstab of node etcd1: the base has no text file /etc/fstab"
    );
}

#[test]
fn everything_that_speaks_against_a_plan_is_reported_together() {
    let account = Account::Login {
        name: "root".to_owned(),
        password_hash: None,
        groups: Vec::new(),
        required_groups: Vec::new(),
    };
    let (kind, message) = refusal(vec![
        entry("/etc/passwd", Change::Edited(Edit::Account(account))),
        entry("/usr/sbin/nft", Change::Needed),
        entry("/usr/bin/dash", Change::Needed),
        text("/etc/big", &"x".repeat(1001)),
    ]);
    assert_eq!(kind, Kind::Usage);
    let wanted = "4 reasons to refuse this build\n  \
        `root` cannot log in: the base has a user of its own by that name\n    \
        hint: choose another `user` in [ssh]\n  \
        planning /usr/sbin/nft of node etcd1: the base has no /usr/sbin/nft: because\n  \
        planning /usr/bin/dash of node etcd1: the base has no /usr/bin/dash: because\n    \
        hint: use a stock image of a base that `etcd-image recipes` lists\n  \
        node etcd1: no room in the root partition (2): 1001 bytes needed, 1000 free\n    \
        hint: use a stock image, which has 200 MB to spare, or leave out large `[[file]]` and `[[archive]]` entries";
    assert_eq!(message, wanted);
}

#[test]
fn a_text_in_another_encoding_is_named() {
    let mut found = found();
    let latin = Before::File {
        attributes: Attributes {
            mode: 0o644,
            uid: 0,
            gid: 0,
        },
        size: 12,
        content: Some(Arc::from(&b"# ok\n# gr\xfcn"[..])),
    };
    found.insert((Volume::Root, "/etc/fstab".to_owned()), latin);
    let entries = vec![entry("/etc/fstab", Change::Edited(Edit::DiskId))];
    let error = plan(&layout(), &found, &tree(entries)).unwrap_err();
    let wanted = "planning /etc/fstab of node etcd1: line 2 of /etc/fstab in the base is not UTF-8";
    assert_eq!(format!("{error:#}"), wanted);
}

#[test]
fn a_new_disk_id_that_the_command_line_does_not_follow_is_refused() {
    let tree = FileTree {
        disk_id: Some(0xbeef),
        ..tree(Vec::new())
    };
    let error = plan(&layout(), &found(), &tree).unwrap_err();
    let expected = "checking the plan of node etcd1: cmdline.txt says `root=PARTUUID=041bba91-02`, which is not partition 2 of the image, its root";
    assert_eq!(format!("{error:#}"), expected);
}

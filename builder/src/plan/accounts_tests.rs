//! Tests of account changes on small bases.

use super::{Account, Accounts, Owner};
use crate::failure::{Kind, explain};
use crate::secret::Secret;

fn raspios() -> Accounts {
    let files = [
        Some("root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n"),
        Some("root:x:0:\nadm:x:4:pi\nsudo:x:27:pi,eve\npi:x:1000:\nold:x:990:\n"),
        Some("root:*:18000:0:99999:7:::\npi:!:19000:0:99999:7:::\n"),
        Some("root:*::\nadm:*::pi\nsudo:*::pi,eve\npi:!::\nold:!::\n"),
        Some("pi:100000:65536\n"),
        Some("pi:100000:65536\n"),
    ];
    parse(files).unwrap()
}

fn parse(files: [Option<&str>; 6]) -> anyhow::Result<Accounts> {
    Accounts::parse(files.map(|file| file.map(str::as_bytes)))
}

fn login(name: &str, hash: Option<&str>) -> Account {
    Account::Login {
        name: name.to_owned(),
        password_hash: hash.map(Secret::new),
        groups: ["adm", "sudo", "absent"].map(str::to_owned).to_vec(),
        required_groups: Vec::new(),
    }
}

fn texts(accounts: &Accounts) -> [String; 6] {
    let text = |file: Option<Vec<u8>>| String::from_utf8(file.unwrap_or_default()).unwrap();
    accounts.files().map(text)
}

#[test]
fn a_system_account_takes_the_highest_free_id() {
    let mut accounts = raspios();
    let etcd = Account::System {
        name: "etcd".to_owned(),
        home: "/var/lib/etcd".to_owned(),
        comment: "etcd".to_owned(),
    };
    accounts.ensure(&etcd).unwrap();
    let [passwd, group, shadow, gshadow, ..] = texts(&accounts);
    assert!(
        passwd.ends_with("etcd:x:989:989:etcd:/var/lib/etcd:/usr/sbin/nologin\n"),
        "{passwd}"
    );
    assert!(group.ends_with("etcd:x:989:\n"), "{group}");
    assert!(shadow.ends_with("etcd:!*:19000:0:99999:7:::\n"), "{shadow}");
    assert!(gshadow.ends_with("etcd:!::\n"), "{gshadow}");
    let before = texts(&accounts);
    accounts.ensure(&etcd).unwrap();
    assert_eq!(texts(&accounts), before, "ensuring twice changes nothing");
}

#[test]
fn the_user_of_the_base_is_renamed_everywhere() {
    let mut accounts = raspios();
    accounts.ensure(&login("ada", Some("$y$hash"))).unwrap();
    let want = [
        "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:,,,:/home/ada:/bin/bash\n",
        "root:x:0:\nadm:x:4:ada\nsudo:x:27:ada,eve\nada:x:1000:\nold:x:990:\n",
        "root:*:18000:0:99999:7:::\nada:$y$hash:19000:0:99999:7:::\n",
        "root:*::\nadm:*::ada\nsudo:*::ada,eve\nada:!::\nold:!::\n",
        "ada:100000:65536\n",
        "ada:100000:65536\n",
    ];
    assert_eq!(texts(&accounts), want.map(str::to_owned));
}

#[test]
fn a_base_without_a_user_gets_one_that_has_no_password() {
    let texts_in = [
        Some("root:x:0:0:root:/root:/bin/bash\n"),
        Some("root:x:0:\nadm:x:4:\n"),
        Some("root:*:19000:0:99999:7:::\n"),
        None,
        Some(""),
        Some(""),
    ];
    let mut accounts = parse(texts_in).unwrap();
    accounts.ensure(&login("pi", None)).unwrap();
    let want = [
        "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n",
        "root:x:0:\nadm:x:4:pi\npi:x:1000:\n",
        "root:*:19000:0:99999:7:::\npi:*:19000:0:99999:7:::\n",
        "",
        "pi:100000:65536\n",
        "pi:100000:65536\n",
    ];
    assert_eq!(texts(&accounts), want.map(str::to_owned));
}

#[test]
fn a_password_never_has_the_date_that_forces_a_change() {
    for date in ["", "0", "today"] {
        let shadow = format!("root:*:{date}:0:99999:7:::\n");
        let passwd = Some("root:x:0:0:root:/root:/bin/bash\n");
        let texts_in = [passwd, Some("root:x:0:\n"), Some(&shadow), None, None, None];
        let mut accounts = parse(texts_in).unwrap();
        accounts.ensure(&login("pi", None)).unwrap();
        let [_, _, written, ..] = texts(&accounts);
        assert_eq!(written, format!("{shadow}pi:*:1:0:99999:7:::\n"));
    }
}

#[test]
fn owners_are_found_by_name_or_number() {
    let accounts = raspios();
    let owner = |user: &str, group: &str| Owner {
        user: user.to_owned(),
        group: group.to_owned(),
    };
    assert_eq!(accounts.ids(&owner("pi", "sudo")).unwrap(), (1000, 27));
    assert_eq!(accounts.ids(&owner("7", "8")).unwrap(), (7, 8));
    let error = accounts.ids(&owner("nobody", "root")).unwrap_err();
    assert_eq!(error.to_string(), "the base has no user `nobody`");
    assert_eq!(explain(&error).0, Kind::Usage);
    let error = accounts.ids(&owner("pi", "nogroup")).unwrap_err();
    assert_eq!(error.to_string(), "the base has no group `nogroup`");
}

#[test]
fn a_login_cannot_have_the_name_of_a_system_user_or_group() {
    for (name, what) in [("sudo", "group"), ("adm", "group"), ("root", "user")] {
        let mut accounts = raspios();
        let before = texts(&accounts);
        let error = accounts.ensure(&login(name, None)).unwrap_err();
        let (kind, hint) = explain(&error);
        assert_eq!(kind, Kind::Usage);
        assert_eq!(
            error.to_string(),
            format!("`{name}` cannot log in: the base has a {what} of its own by that name")
        );
        assert_eq!(hint, "choose another `user` in [ssh]");
        assert_eq!(texts(&accounts), before);
    }
}

#[test]
fn a_login_keeps_its_own_group() {
    let mut accounts = raspios();
    accounts.ensure(&login("pi", None)).unwrap();
    let [_, group, ..] = texts(&accounts);
    assert!(group.contains("pi:x:1000:\n"), "{group}");
}

#[test]
fn a_base_without_its_account_files_is_not_supported() {
    let error = parse([None; 6]).unwrap_err();
    assert_eq!(error.to_string(), "the base has no /etc/passwd");
    assert_eq!(explain(&error).0, Kind::Unsupported);
    let error = parse([Some(""), None, None, None, None, None]).unwrap_err();
    assert_eq!(error.to_string(), "the base has no /etc/group");
}

#[test]
fn a_base_without_shadow_is_refused() {
    let texts = [
        Some("root:x:0:0:root:/root:/bin/bash\n"),
        Some("root:x:0:\n"),
        None,
        None,
        None,
        None,
    ];
    let error = parse(texts).unwrap_err();
    assert_eq!(error.to_string(), "the base has no /etc/shadow");
    assert_eq!(explain(&error).0, Kind::Unsupported);
}

#[test]
fn a_group_that_the_user_asks_for_must_exist() {
    let asking = |group: &str| Account::Login {
        name: "pi".to_owned(),
        password_hash: None,
        groups: Vec::new(),
        required_groups: vec![group.to_owned()],
    };
    let mut accounts = raspios();
    accounts.ensure(&asking("old")).unwrap();
    let [_, group, _, gshadow, ..] = texts(&accounts);
    assert!(group.contains("old:x:990:pi\n"), "{group}");
    assert!(gshadow.contains("old:!::pi\n"), "{gshadow}");
    let error = accounts.ensure(&asking("etcd")).unwrap_err();
    let wanted = "`pi` cannot join `etcd`: the base has no such group";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn the_bytes_of_comments_in_another_encoding_stay() {
    let passwd = b"root:x:0:0:root:/root:/bin/bash\nlp:x:7:7:Dr\xfccker:/:/usr/sbin/nologin\n";
    let files = [
        Some(&passwd[..]),
        Some(b"root:x:0:\n"),
        Some(b"root:*:19000:0:99999:7:::\n"),
        None,
        None,
        None,
    ];
    let mut accounts = Accounts::parse(files).unwrap();
    let etcd = Account::System {
        name: "etcd".to_owned(),
        home: "/var/lib/etcd".to_owned(),
        comment: "clé".to_owned(),
    };
    accounts.ensure(&etcd).unwrap();
    let [written, ..] = accounts.files();
    let added = "etcd:x:990:990:clé:/var/lib/etcd:/usr/sbin/nologin\n";
    assert_eq!(written.unwrap(), [passwd, added.as_bytes()].concat());
}

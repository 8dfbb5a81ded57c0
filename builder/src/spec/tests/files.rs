//! Tests of `[[file]]` and `[[unit]]`.

use super::mistakes::check;
use super::*;

/// Returns the paths that these tables add, each with its entry.
fn added(tables: &str) -> Vec<String> {
    let text = VALID.split("[[file]]").next().unwrap();
    let cluster = resolve(&input(&format!("{text}{tables}"))).unwrap();
    let files = cluster.files.into_iter();
    let shown = files.map(|file| {
        let what = match &file.content {
            ExtraContent::File(bytes) => format!("file of {}", bytes.len()),
            ExtraContent::Folder => "directory".to_owned(),
            ExtraContent::Link(target) => format!("link to {target}"),
        };
        format!("{} {:04o} {} {what}", file.path, file.mode, file.owner)
    });
    shown.collect()
}

#[test]
fn a_directory_is_copied_with_its_executable_files() {
    let table = "[[file]]\npath = \"/opt/app\"\nsource = \"tree\"\n";
    assert_eq!(
        added(table),
        [
            "/opt/app 0755 root:root directory",
            "/opt/app/bin 0755 root:root directory",
            "/opt/app/bin/run 0755 root:root file of 7",
            "/opt/app/notes 0644 root:root file of 7",
            "/opt/app/start 0777 root:root link to bin/run",
        ]
    );
    let private = added(&format!("{table}mode = \"0640\"\nowner = \"root:adm\"\n"));
    assert_eq!(private[0], "/opt/app 0750 root:adm directory");
    assert_eq!(private[2], "/opt/app/bin/run 0640 root:adm file of 7");
}

#[test]
fn a_link_is_made() {
    let table = "[[file]]\npath = \"/usr/local/bin/go\"\nlink = \"/opt/go/bin/go\"\n";
    assert_eq!(
        added(table),
        ["/usr/local/bin/go 0777 root:root link to /opt/go/bin/go"]
    );
}

#[test]
fn a_unit_is_enabled_as_it_says() {
    let unit = "[[unit]]\nname = \"a.service\"\ncontent = \"\"\"\n[Install]\nWantedBy=multi-user.target etcd.service\nRequiredBy=a.target\n\"\"\"\n";
    let own = "/etc/systemd/system/a.service";
    let folder = "/etc/systemd/system";
    assert_eq!(
        added(unit),
        [
            format!("{own} 0644 root:root file of 70"),
            format!("{folder}/a.target.requires/a.service 0777 root:root link to {own}"),
            format!("{folder}/etcd.service.wants/a.service 0777 root:root link to {own}"),
            format!("{folder}/multi-user.target.wants/a.service 0777 root:root link to {own}"),
        ]
    );
    let off = added(&format!("{unit}enable = false\n"));
    assert_eq!(off, [format!("{own} 0644 root:root file of 70")]);
}

#[test]
fn each_mistake_in_files_has_its_line() {
    check(
        r#"
[hosts] → [[archive]]\nsource = "https://a/b.tar.xz"\npath = "/opt/b"\n[hosts]
    43: an archive from the network needs `sha256`: without it, nothing shows that the right one came

[hosts] → [[archive]]\nsource = "http://a/b.tar.xz"\nsha256 = "0"\npath = "/var/lib/etcd/b"\n[hosts]
    43: `http://a/b.tar.xz` is neither a path nor an address that begins with https://
    44: `0` is not a SHA-256: it has 64 hexadecimal digits
    45: `/var/lib/etcd/b` cannot be added: etcd keeps its data there

source = "motd" → link = "/run/motd"\nmode = "0600"
    47: a link has no `mode` of its own; remove it

source = "motd" → source = "locked"
    46: reading lab/locked: permission denied

source = "motd" → link = ""
    46: `link` must be a path of 1 to 4095 printable characters

source = "motd" → source = "motd"\nlink = "a"
    44: [[file]] needs `source`, `content` or `link`, and only one of them

"/etc/default/check"\ncontent = "hello" → "/etc/network/interfaces"\ncontent = "iface wlan0 inet dhcp"
    48: `/etc/network/interfaces` configures wlan0, which NetworkManager would then ignore; set [network] instead

"/etc/default/check"\ncontent = "hello"\nmode = "0600" → "/usr/local/bin/check"\ncontent = "\u0023!/bin/sh\r\u000atrue"\nmode = "0755"
    48: `/usr/local/bin/check` is a program with the line ends of Windows, which no node can run; save it with those of Unix (LF)

"/etc/default/check"\ncontent = "hello" → "/etc/check"\nsource = "~/check"
    49: reading lab/~/check: entity not found; only a shell replaces `~` and variables: write the path without them

[hosts] → [[unit]]\nname = "etcd.service"\ncontent = ""\nenable = false\n[hosts]
    43: `etcd.service` is a unit of this program; add a drop-in in /etc/systemd/system/etcd.service.d with [[file]] instead

[hosts] → [[unit]]\nname = "app"\ncontent = ""\nenable = false\n[hosts]
    43: `app` is not the name of a unit, such as "app.service"; its kind is one of service, timer, path, socket, mount, target

[hosts] → [[unit]]\nname = "nas.mount"\ncontent = "[Mount]\u000aWhere=/mnt/my-nas/"\nenable = false\n[hosts]
    43: `nas.mount` mounts /mnt/my-nas/: systemd requires `name = 'mnt-my\x2dnas.mount'`

[hosts] → [[unit]]\nname = "app.service"\ncontent = "WantedBy=a.target"\n[hosts]
    43: `app.service` cannot be enabled: its text has no WantedBy= in [Install]; add one, or set `enable = false`

[hosts] → [[unit]]\nname = "app.service"\n[hosts]
    42: [[unit]] needs `source` or `content`, and only one of them
"#,
    );
}

#[test]
fn a_target_may_uphold_a_unit() {
    let unit = "[[unit]]\nname = \"a.service\"\ncontent = \"\"\"\n[Install]\nUpheldBy=multi-user.target\n\"\"\"\n";
    let link = "/etc/systemd/system/multi-user.target.upholds/a.service 0777 root:root link to /etc/systemd/system/a.service";
    assert_eq!(added(unit)[1], link);
}

#[test]
fn a_unit_that_nothing_starts_is_a_warning() {
    let warned = |more: &str| {
        let text = VALID.split("[[file]]").next().unwrap();
        let unit = "[[file]]\npath = \"/etc/systemd/system/a.service\"\ncontent = \"[Install]\\nWantedBy=multi-user.target\"\n";
        resolve(&input(&format!("{text}{unit}{more}")))
            .unwrap()
            .warnings
    };
    let wanted = "lab/cluster.toml:45: no boot starts `/etc/systemd/system/a.service`, unless the base enables it; write it as a [[unit]]";
    assert_eq!(warned(""), [wanted]);
    for more in [
        "[[file]]\npath = \"/etc/systemd/system/multi-user.target.wants/a.service\"\nlink = \"../a.service\"\n",
        "[[file]]\npath = \"/etc/rc.local\"\ncontent = \"systemctl start a.service\"\nmode = \"0755\"\n",
        "[[unit]]\nname = \"a.timer\"\ncontent = \"[Timer]\\nOnBootSec=1min\\n[Install]\\nWantedBy=timers.target\"\n",
    ] {
        assert_eq!(warned(more), Vec::<String>::new(), "{more}");
    }
    let unit = "[[unit]]\nname = \"b.service\"\nenable = false\ncontent = \"[Install]\\nWantedBy=multi-user.target\"\n";
    assert_eq!(warned(unit), [wanted]);
    // An archive may contain the link.
    let archive = "[[archive]]\nsource = \"app.tar.gz\"\npath = \"/etc/systemd\"\n";
    let wanted = wanted.replace("the base", "the base or an archive");
    assert_eq!(warned(archive), [wanted]);
}

#[test]
fn a_file_without_effect_is_a_warning() {
    let warned = |path: &str| {
        let text = VALID.replace("/etc/motd", path);
        resolve(&input(&text)).unwrap().warnings
    };
    assert_eq!(warned("/etc/motd"), Vec::<String>::new());
    assert_eq!(
        warned("/lib/systemd/system/etcd.service"),
        [
            "lab/cluster.toml:45: `/lib/systemd/system/etcd.service` has no effect: /etc/systemd/system/etcd.service of this program comes before it"
        ]
    );
    assert_eq!(
        warned("/etc/dhcpcd.conf"),
        [
            "lab/cluster.toml:45: `/etc/dhcpcd.conf` has no effect: no base has dhcpcd; set [network] instead"
        ]
    );
    assert_eq!(
        warned("/etc/wpa_supplicant/wpa_supplicant.conf"),
        [
            "lab/cluster.toml:45: `/etc/wpa_supplicant/wpa_supplicant.conf` has no effect: no base has a wpa_supplicant of its own; set [network] instead"
        ]
    );
    assert_eq!(warned("/etc/network/interfaces"), Vec::<String>::new());
    assert_eq!(
        warned("/etc/sysctl.d/90-a"),
        [
            "lab/cluster.toml:45: `/etc/sysctl.d/90-a` has no effect: only names that end in `.conf` are read there"
        ]
    );
}

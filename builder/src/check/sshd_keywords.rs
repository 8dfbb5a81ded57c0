//! The keywords of `sshd_config(5)`: sshd does not start with a line that it does not understand, and then nobody logs in.
//!
//! The tables are those of `servconf.c` in OpenSSH 7.6 to 10.1, with Debian's own keywords.

/// Keywords that may stand anywhere.
const ANYWHERE: &str = "
    acceptenv allowagentforwarding allowgroups allowstreamlocalforwarding allowtcpforwarding allowusers authenticationmethods
    authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile authorizedkeysfile2 authorizedprincipalscommand
    authorizedprincipalscommanduser authorizedprincipalsfile banner casignaturealgorithms challengeresponseauthentication
    channeltimeout chrootdirectory clientalivecountmax clientaliveinterval denygroups denyusers disableforwarding
    exposeauthinfo forcecommand gatewayports gssapiauthentication hostbasedacceptedalgorithms hostbasedacceptedkeytypes
    hostbasedauthentication hostbasedusesnamefrompacketonly ignorerhosts include ipqos kbdinteractiveauthentication
    kerberosauthentication loglevel logverbose match maxauthtries maxsessions pamservicename passwordauthentication
    permitemptypasswords permitlisten permitopen permitrootlogin permittty permittunnel permituserrc
    pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication pubkeyauthoptions rdomain refuseconnection
    rekeylimit requiredrsasize revokedkeys rhostsrsaauthentication rsaauthentication setenv skeyauthentication
    streamlocalbindmask streamlocalbindunlink subsystem trustedusercakeys unusedconnectiontimeout x11displayoffset
    x11forwarding x11uselocalhost";

/// Keywords that may not stand in a `Match` block, unless it is `Match all`.
const GLOBAL: &str = "
    addressfamily afstokenpassing checkmail ciphers compression debianbanner dsaauthentication fingerprinthash
    gssapicleanupcredentials gssapicleanupcreds gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange
    gssapistorecredentialsonrekey gssapistrictacceptorcheck hostcertificate hostdsakey hostkey hostkeyagent
    hostkeyalgorithms ignoreuserknownhosts keepalive kerberosgetafstoken kerberosorlocalpasswd kerberostgtpassing
    kerberosticketcleanup kexalgorithms keyregenerationinterval listenaddress logingracetime macs maxstartups modulifile
    pamauthenticationviakbdint permituserenvironment persourcemaxstartups persourcenetblocksize persourcepenalties
    persourcepenaltyexemptlist pidfile port printlastlog printmotd protocol reversemappingcheck rhostsauthentication
    securitykeyprovider serverkeybits sshdauthpath sshdsessionpath strictmodes syslogfacility tcpkeepalive usedns uselogin
    usepam useprivilegeseparation verifyreversemapping versionaddendum xauthlocation";

/// Keywords with `yes` or `no` and nothing else.
const SWITCHES: &str = "
    allowagentforwarding challengeresponseauthentication debianbanner disableforwarding exposeauthinfo gssapiauthentication
    hostbasedauthentication hostbasedusesnamefrompacketonly ignoreuserknownhosts kbdinteractiveauthentication
    passwordauthentication permitemptypasswords permittty permituserrc printlastlog printmotd pubkeyauthentication
    streamlocalbindunlink strictmodes tcpkeepalive usedns usepam x11forwarding x11uselocalhost";

/// Keywords with one of a few values.
const CHOICES: [(&str, &str); 7] = [
    ("addressfamily", "any inet inet6"),
    ("allowstreamlocalforwarding", "yes all no remote local"),
    ("allowtcpforwarding", "yes all no remote local"),
    ("compression", "yes delayed no"),
    ("gatewayports", "clientspecified yes no"),
    ("ignorerhosts", "yes no shosts-only"),
    (
        "permitrootlogin",
        "without-password prohibit-password forced-commands-only yes no",
    ),
];

/// The conditions of `Match` with a value; two more have none.
const CONDITIONS: [&str; 8] = [
    "address",
    "group",
    "host",
    "localaddress",
    "localport",
    "rdomain",
    "user",
    "version",
];

/// A release of OpenSSH, such as 9.2.
pub(super) type Release = (u32, u32);

/// Keywords, and conditions of `Match`, that OpenSSH has known only since a release which some supported base does not have yet.
const NEWER: [(&str, Release); 9] = [
    ("gssapidelegatecredentials", (10, 1)),
    ("invalid-user", (9, 9)),
    ("pamservicename", (9, 8)),
    ("persourcepenalties", (9, 8)),
    ("persourcepenaltyexemptlist", (9, 8)),
    ("refuseconnection", (9, 9)),
    ("sshdauthpath", (10, 0)),
    ("sshdsessionpath", (9, 8)),
    ("version", (10, 0)),
];

/// Returns why sshd of this release, if it is known, does not start with a line; `None` if it does. `keyword` is in lower case.
pub(super) fn fault(
    keyword: &str,
    values: &[String],
    is_conditional: bool,
    release: Option<Release>,
) -> Option<String> {
    let known = fault_of_any(keyword, values, is_conditional).map(str::to_owned);
    known.or_else(|| too_new(keyword, values, release?))
}

/// Returns why a line needs a newer release, if it does.
fn too_new(keyword: &str, values: &[String], release: Release) -> Option<String> {
    let conditions = values.iter().filter(|_| keyword == "match");
    let conditions = conditions.map(|word| word.split('=').next().unwrap_or(word).to_lowercase());
    // A pattern after a condition may have the name of another one.
    let first = conditions.enumerate().filter(|(at, _)| at % 2 == 0);
    let words = [keyword.to_owned()]
        .into_iter()
        .chain(first.map(|(_, word)| word));
    let mut since = words.filter_map(|word| NEWER.iter().find(|(known, _)| *known == word));
    let (_, (major, minor)) = since.find(|(_, since)| release < *since)?;
    let (has, had) = release;
    Some(format!(
        "OpenSSH knows it since {major}.{minor}, and the image has {has}.{had}"
    ))
}

/// Returns why no release of sshd starts with a line, if that is so.
fn fault_of_any(keyword: &str, values: &[String], is_conditional: bool) -> Option<&'static str> {
    let has = |keywords: &str| keywords.split_whitespace().any(|known| known == keyword);
    let is_one_of = |known: &str| {
        let mut known = known.split_whitespace();
        matches!(values, [value] if known.any(|known| value.eq_ignore_ascii_case(known)))
    };
    let choices = CHOICES.iter().find(|(known, _)| *known == keyword);
    if !has(ANYWHERE) && !has(GLOBAL) {
        Some("there is no such keyword")
    } else if is_conditional && has(GLOBAL) {
        Some("it is not allowed in a Match block")
    } else if values.is_empty() {
        Some("it needs a value")
    } else if has(SWITCHES) && !is_one_of("yes no") {
        Some("it must be yes or no")
    } else if choices.is_some_and(|(_, known)| !is_one_of(known)) {
        Some("there is no such value")
    } else if keyword == "match" && !are_conditions(values) {
        Some("there is no such condition")
    } else {
        None
    }
}

fn are_conditions(words: &[String]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, has_value) = match word.split_once('=') {
            Some((name, _)) => (name.to_lowercase(), true),
            None => (word.to_lowercase(), false),
        };
        let is_known = match name.as_str() {
            "all" | "invalid-user" => !has_value,
            name => CONDITIONS.contains(&name) && (has_value || words.next().is_some()),
        };
        if !is_known {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_sshd_takes() {
        let of = |line: &str, is_conditional| {
            let mut words = line.split(' ').map(str::to_owned);
            let keyword = words.next().unwrap_or_default();
            fault_of_any(&keyword, &words.collect::<Vec<_>>(), is_conditional)
        };
        for line in ["permittty YES", "usepam no", "port 22", "ipqos ef cs1"] {
            assert_eq!(of(line, false), None, "{line}");
        }
        for line in ["nosuchkey yes", "permitroot no", "x11 yes"] {
            assert_eq!(of(line, false), Some("there is no such keyword"), "{line}");
        }
        for line in ["permittty true", "printmotd yes no"] {
            assert_eq!(of(line, false), Some("it must be yes or no"), "{line}");
        }
        for line in ["permitrootlogin maybe", "addressfamily ipv4"] {
            assert_eq!(of(line, false), Some("there is no such value"), "{line}");
        }
        for line in ["match all", "match User=x group a,b", "match host *.lan"] {
            assert_eq!(of(line, false), None, "{line}");
        }
        for line in ["match usr x", "match user", "match sessiontype shell"] {
            let refused = Some("there is no such condition");
            assert_eq!(of(line, false), refused, "{line}");
        }
        assert_eq!(of("usepam", false), Some("it needs a value"));
        let refused = Some("it is not allowed in a Match block");
        assert_eq!(of("printmotd no", true), refused);
        assert_eq!(of("permittty no", true), None);
    }

    #[test]
    fn a_keyword_is_known_since_a_release() {
        let of = |line: &str, release| {
            let mut words = line.split(' ').map(str::to_owned);
            let keyword = words.next().unwrap_or_default();
            fault(&keyword, &words.collect::<Vec<_>>(), false, release)
        };
        for (line, since, before) in [
            ("persourcepenalties no", (9, 8), (9, 6)),
            ("match user a invalid-user", (9, 9), (9, 2)),
            ("match version OpenSSH_10*", (10, 0), (9, 9)),
            ("gssapidelegatecredentials no", (10, 1), (10, 0)),
        ] {
            assert_eq!(of(line, Some(since)), None, "{line}");
            assert_eq!(of(line, None), None, "{line}");
            let [major, minor, has, had] = [since.0, since.1, before.0, before.1];
            let expected =
                format!("OpenSSH knows it since {major}.{minor}, and the image has {has}.{had}");
            assert_eq!(of(line, Some(before)), Some(expected), "{line}");
        }
        assert_eq!(of("match user version", Some((9, 2))), None);
        assert_eq!(of("match user=x group=version", Some((9, 2))), None);
    }

    #[test]
    fn no_keyword_is_in_both_tables() {
        let both = ANYWHERE.split_whitespace().chain(GLOBAL.split_whitespace());
        let mut keywords: Vec<_> = both.collect();
        keywords.sort_unstable();
        assert!(keywords.windows(2).all(|pair| pair[0] != pair[1]));
        for switch in SWITCHES.split_whitespace() {
            assert!(keywords.contains(&switch), "{switch}");
        }
    }

    /// Asks sshd about a line in a `Match` block.
    #[cfg(target_os = "linux")]
    fn sshd_says(line: &str) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = std::path::PathBuf::from("/usr/sbin/sshd");
        let sshd = match installed.is_file() {
            true => installed,
            false => root.join("target/checkers/usr/sbin/sshd"),
        };
        assert!(sshd.is_file(), "no sshd: `cargo xtask quick` unpacks one");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), format!("Match user x\n{line}\n")).unwrap();
        // Libraries may be unpacked beside it.
        let script = "LD_LIBRARY_PATH=$(echo \"${1%/sbin/sshd}\"/lib/*-linux-gnu | tr ' ' :) exec \"$1\" -t -f \"$2\"";
        let mut sh = std::process::Command::new("sh");
        let sh = sh.args(["-c", script, "sh"]).arg(sshd).arg(file.path());
        String::from_utf8_lossy(&sh.output().unwrap().stderr).into_owned()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sshd_knows_the_keywords() {
        let is_in = |keywords: &str, keyword| keywords.split_whitespace().any(|it| it == keyword);
        for keyword in ANYWHERE.split_whitespace().chain(GLOBAL.split_whitespace()) {
            let said = sshd_says(&format!("{keyword} maybe"));
            let is_unknown = said.contains("Bad configuration option");
            let is_newer = NEWER.iter().any(|(known, _)| *known == keyword);
            assert!(!is_unknown || is_newer, "{keyword}: {said}");
            // `Subsystem` was global before 9.5.
            if !is_unknown && keyword != "subsystem" {
                let is_global = said.contains("is not allowed within a Match block");
                assert_eq!(is_global, is_in(GLOBAL, keyword), "{keyword}: {said}");
            }
            let choices = CHOICES.iter().any(|(known, _)| *known == keyword);
            if (choices || is_in(SWITCHES, keyword)) && !is_in(GLOBAL, keyword) {
                assert!(said.contains("unsupported option"), "{keyword}: {said}");
            }
        }
        for (keyword, values) in CHOICES {
            for value in values.split(' ').filter(|_| !is_in(GLOBAL, keyword)) {
                let said = sshd_says(&format!("{keyword} {value}"));
                assert!(!said.contains("unsupported"), "{keyword} {value}: {said}");
            }
        }
        for (line, complaint) in [
            ("NoSuchKey yes", "Bad configuration option"),
            ("Match usr x", "Unsupported Match attribute"),
            ("Match user", "Missing Match criteria"),
            ("Banner", "no argument after keyword"),
        ] {
            let said = sshd_says(line);
            assert!(said.contains(complaint), "{line}: {said}");
        }
    }
}

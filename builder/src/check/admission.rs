//! Whether lists besides sshd's own refuse the owner: those of TCP wrappers and of PAM.

use anyhow::Result;

use super::sshd_config::SshdConfig;
use super::system::NodeSystem;
use crate::inspect;

/// The lists of TCP wrappers (`hosts_access(5)`).
const DENIED: &str = "/etc/hosts.deny";
const ALLOWED: &str = "/etc/hosts.allow";

/// The rules of `pam_access(8)`, a directory of further ones, and the files of PAM in which sshd may ask for them.
const RULES: &str = "/etc/security/access.conf";
const MORE_RULES: &str = "/etc/security/access.d";
const PAM: [&str; 2] = ["/etc/pam.d/sshd", "/etc/pam.d/common-account"];

pub(super) fn check(config: &SshdConfig, system: &mut NodeSystem<'_>) -> Result<()> {
    check_wrappers(system)?;
    match config.word("UsePAM").as_deref() {
        Some("yes") => check_rules(system),
        _ => Ok(()),
    }
}

/// Checks the lists of an sshd that was built with TCP wrappers, as Debian's is.
fn check_wrappers(system: &mut NodeSystem<'_>) -> Result<()> {
    let allowed = system.root.text(ALLOWED)?.unwrap_or_default();
    let denied = system.root.text(DENIED)?.unwrap_or_default();
    // The first line for a client counts, and may allow it (hosts_options(5)).
    let mut refusals = lines(&denied).take_while(|line| !line.to_lowercase().contains("allow"));
    let line = refusals.find(|line| denies_everyone(line));
    // A list of what is allowed may allow the owner's address.
    let Some(line) = line.filter(|_| lines(&allowed).next().is_none()) else {
        return Ok(());
    };
    let status = system.root.text(inspect::STATUS)?.unwrap_or_default();
    let is_wrapped = status.split("\n\n").any(|record| {
        record.starts_with("Package: openssh-server\n") && record.contains("libwrap0")
    });
    system.expect(
        !is_wrapped,
        format!("sshd refuses everyone: {DENIED} says `{line}`"),
    );
    Ok(())
}

/// Returns whether a line certainly refuses every client of sshd. With an exception, it may not.
fn denies_everyone(line: &str) -> bool {
    let Some((programs, clients)) = line.split_once(':') else {
        return false;
    };
    let programs: Vec<&str> = programs.split([',', ' ', '\t']).collect();
    let is_certain = !programs.iter().any(|word| is_exception(word));
    let names = |name: &str| programs.iter().any(|word| word.eq_ignore_ascii_case(name));
    let is_sshd = names("ALL") || names("sshd");
    is_all(clients.trim()) && is_sshd && is_certain
}

/// Returns whether a word stands for everything; both kinds of lists take it in lower case as well.
fn is_all(word: &str) -> bool {
    word.eq_ignore_ascii_case("ALL")
}

fn is_exception(word: &str) -> bool {
    word.eq_ignore_ascii_case("EXCEPT")
}

fn check_rules(system: &mut NodeSystem<'_>) -> Result<()> {
    let mut is_asked = false;
    for path in PAM {
        let text = system.root.text(path)?.unwrap_or_default();
        let mut entries = lines(&text).take_while(|line| !may_end(line));
        is_asked |= entries.any(asks);
    }
    let user = &system.node.login.user;
    let groups = system.accounts.groups_of(user);
    let rules = system.root.text(RULES)?.unwrap_or_default();
    let is_all = system.root.names(MORE_RULES)?.is_empty();
    if is_asked && is_all && refuses(&rules, user, &groups) {
        system.add(format!("PAM refuses user `{user}` ({RULES})"));
    }
    Ok(())
}

/// Returns whether PAM may accept an account at this line without those after it.
fn may_end(line: &str) -> bool {
    let is_account = line.starts_with("account");
    let ends = is_account && (line.contains("sufficient") || line.contains("success="));
    ends || line.contains("common-account")
}

/// Returns whether a line asks for the rules and obeys them. Options may name other rules, or how to read them.
fn asks(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["account", "required" | "requisite", module] => module.ends_with("pam_access.so"),
        _ => false,
    }
}

/// Returns whether the rules certainly refuse a user from everywhere: the first rule for a user and an origin counts.
fn refuses(rules: &str, user: &str, groups: &[&str]) -> bool {
    let is_named = |list: &[&str]| {
        list.iter().any(|word| {
            let name = word.trim_matches(['(', ')']);
            is_all(word) || *word == user || groups.contains(&name)
        })
    };
    for line in lines(rules) {
        let fields: Vec<&str> = line.splitn(3, ':').map(str::trim).collect();
        let [sign, users, origins] = fields[..] else {
            continue;
        };
        let words: Vec<&str> = users.split_whitespace().collect();
        let end = words.iter().position(|word| is_exception(word));
        let (listed, excepted) = words.split_at(end.unwrap_or(words.len()));
        match sign {
            // The members of a netgroup are not known.
            _ if users.contains('@') => return false,
            _ if !is_named(listed) || is_named(excepted) => {}
            "+" => return false,
            "-" if is_all(origins) => return true,
            _ => {}
        }
    }
    false
}

/// Returns the lines that are neither empty nor comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let all = text.lines().map(str::trim);
    all.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_hosts_deny_is_for_programs_and_clients() {
        for (line, expected) in [
            ("ALL: ALL", true),
            ("in.ftpd, sshd : ALL", true),
            ("all: all", true),
            ("ALL: PARANOID", false),
            ("ALL: ALL EXCEPT LOCAL", false),
            ("ALL EXCEPT sshd: ALL", false),
            ("all, ALL except sshd : ALL", false),
            ("rpcbind: ALL", false),
            ("ALL", false),
        ] {
            assert_eq!(denies_everyone(line), expected, "{line}");
        }
    }

    #[test]
    fn only_a_module_that_is_asked_and_obeyed_counts() {
        for (line, expected) in [
            ("account  required  pam_access.so", true),
            ("account requisite /lib/security/pam_access.so", true),
            ("account optional pam_access.so", false),
            ("account required pam_access.so nodefgroup", false),
            ("account required pam_nologin.so", false),
            ("auth required pam_access.so", false),
        ] {
            assert_eq!(asks(line), expected, "{line}");
        }
        for (line, expected) in [
            ("account sufficient pam_localuser.so", true),
            ("account [success=1 default=ignore] pam_unix.so", true),
            ("@include common-account", true),
            ("@include common-auth", false),
            ("account required pam_nologin.so", false),
        ] {
            assert_eq!(may_end(line), expected, "{line}");
        }
    }

    #[test]
    fn the_first_rule_for_a_user_counts() {
        for (rules, expected) in [
            ("-:ALL:ALL", true),
            ("-:all:all", true),
            ("+:all:10.0.0.0/8\n-:ALL:ALL", false),
            ("- : ALL EXCEPT root : ALL", true),
            ("-:ALL EXCEPT root pi:ALL", false),
            ("-:ALL EXCEPT (sudo):ALL", false),
            ("-:ALL except pi:ALL", false),
            ("+:root:ALL\n-:ALL:ALL", true),
            ("+:(sudo):ALL\n-:ALL:ALL", false),
            ("+:pi:10.0.0.0/8\n-:ALL:ALL", false),
            ("+:@admins:ALL\n-:ALL:ALL", false),
            ("-:ALL:tty1", false),
            ("# -:ALL:ALL", false),
        ] {
            assert_eq!(refuses(rules, "pi", &["sudo"]), expected, "{rules}");
        }
    }
}

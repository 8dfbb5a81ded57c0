//! The environment of the process: directories, the clock, terminals and processors. It is read once and passed as a value.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the environment and the clock, once"
)]

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::stores::login_files;
use super::{AwsVariables, StoreAccess};
use crate::failure::Kind;
use crate::printable::printable;

/// The facts about its environment that the program uses.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The user's home directory, which may contain `.ssh/*.pub`.
    pub home: Option<PathBuf>,
    /// Default of `--cache`; `None` if no cache directory is known.
    pub cache: Option<PathBuf>,
    /// Time stamp of everything written, in seconds since 1970: `SOURCE_DATE_EPOCH` if set, otherwise the clock.
    pub now: i64,
    /// Clock time in seconds since 1970, for checking what has expired.
    pub clock: i64,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal, which shows progress bars.
    pub stderr_is_terminal: bool,
    /// The user, for the lock of a cluster.
    pub operator: Operator,
    /// The socket of the user's SSH agent.
    pub ssh_agent: Option<PathBuf>,
    /// How to reach stores.
    pub stores: StoreAccess,
    /// Default of `--jobs`.
    pub parallelism: NonZeroUsize,
}

/// Who runs a command, as other operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// User and machine, such as `ada@laptop`.
    pub name: String,
    /// The process on that machine.
    pub process: u32,
}

impl Operator {
    fn read() -> Self {
        let users = ["USER", "LOGNAME", "USERNAME"].map(|name| std::env::var(name).ok());
        let user = users.into_iter().flatten().find(|name| !name.is_empty());
        Self {
            name: format!("{}@{}", user.as_deref().unwrap_or("somebody"), machine()),
            process: std::process::id(),
        }
    }
}

#[cfg(unix)]
fn machine() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn machine() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "another machine".to_owned())
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> anyhow::Result<Self> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        Ok(Self {
            cache: cache_folder(home.clone(), std::env::var_os(CACHE_VARIABLE)),
            operator: Operator::read(),
            ssh_agent: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
            stores: StoreAccess {
                aws: AwsVariables::new(variables()),
                logins: login_files(|name| std::env::var_os(name), home.as_deref()),
            },
            home,
            now: now(std::env::var_os("SOURCE_DATE_EPOCH"))?,
            clock: clock(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            parallelism: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        })
    }
}

/// Returns the variables whose names and values are text.
fn variables() -> impl Iterator<Item = (String, String)> {
    let all = std::env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(windows)]
const CACHE_VARIABLE: &str = "LOCALAPPDATA";
#[cfg(not(windows))]
const CACHE_VARIABLE: &str = "XDG_CACHE_HOME";

/// The directory of caches on this system, relative to the home directory.
#[cfg(windows)]
const CACHE_BELOW_HOME: &str = "AppData/Local";
#[cfg(target_os = "macos")]
const CACHE_BELOW_HOME: &str = "Library/Caches";
#[cfg(not(any(windows, target_os = "macos")))]
const CACHE_BELOW_HOME: &str = ".cache";

/// Returns the program's cache directory. An absolute path in the variable takes precedence; a relative one is ignored, as
/// the XDG base directory specification requires.
fn cache_folder(home: Option<PathBuf>, variable: Option<OsString>) -> Option<PathBuf> {
    variable
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| home.join(CACHE_BELOW_HOME)))
        .map(|caches| caches.join("etcd-image"))
}

fn now(source_date_epoch: Option<OsString>) -> anyhow::Result<i64> {
    let Some(text) = source_date_epoch else {
        return Ok(clock());
    };
    let digits = text.to_str().filter(|text| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let wrong = match digits.map(str::parse) {
        Some(Ok(seconds)) if (0..=LAST_SECOND).contains(&seconds) => return Ok(seconds),
        Some(_) => format!("it is not from 0 to {LAST_SECOND}, the years 1970 to 9000"),
        None => "it is not a number of seconds since 1970".to_owned(),
    };
    Err(Kind::Usage.error(
        format!(
            "reading the environment: SOURCE_DATE_EPOCH is `{}`: {wrong}",
            printable(&text.to_string_lossy())
        ),
        "set it as in SOURCE_DATE_EPOCH=$(date +%s), or unset it",
    ))
}

/// The last second of the year 9000, because a certificate must end before the year 10000.
const LAST_SECOND: i64 = 221_876_927_999;

fn clock() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |duration| i64::try_from(duration.as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn the_cache_variable_wins_over_home() {
        let home = std::env::temp_dir();
        let below_home = home.join(CACHE_BELOW_HOME).join("etcd-image");
        let named = home.join("c");
        let cases = [
            (
                Some(&home),
                Some(named.clone()),
                Some(named.join("etcd-image")),
            ),
            (
                Some(&home),
                Some("relative".into()),
                Some(below_home.clone()),
            ),
            (Some(&home), None, Some(below_home)),
            (None, None, None),
        ];
        for (home, variable, wanted) in cases {
            let variable = variable.map(OsString::from);
            assert_eq!(
                cache_folder(home.cloned(), variable.clone()),
                wanted,
                "{variable:?}"
            );
        }
    }

    #[test]
    fn a_fixed_time_replaces_the_clock() {
        assert_eq!(now(Some("1700000000".into())).unwrap(), 1_700_000_000);
        assert!(now(None).unwrap() > 1_700_000_000);
        let outside = "it is not from 0 to 221876927999, the years 1970 to 9000";
        let unreadable = "it is not a number of seconds since 1970";
        for (wrong, why) in [
            ("", unreadable),
            ("yesterday", unreadable),
            ("2026-11-27", unreadable),
            ("-1", outside),
            ("221876928000", outside),
            ("99999999999999999999", outside),
        ] {
            let error = now(Some(wrong.into())).unwrap_err();
            let failure: &Failure = error.downcast_ref().unwrap();
            assert_eq!(failure.kind, Kind::Usage);
            let wanted = format!("reading the environment: SOURCE_DATE_EPOCH is `{wrong}`: {why}");
            assert_eq!(failure.message, wanted);
        }
    }
}

//! The environment, read once: folders, the clock, terminals, processors. After this only values travel.
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

use crate::failure::{Failure, Kind};

/// What the program may know of where it runs.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The person's home folder, where `.ssh/*.pub` is looked for.
    pub home: Option<PathBuf>,
    /// Default of `--cache`; `None` where no home folder is known.
    pub cache: Option<PathBuf>,
    /// Seconds since 1970 for everything that is dated: `SOURCE_DATE_EPOCH` if set, else the clock.
    pub now: i64,
    /// Seconds since 1970 by the clock, for judging what has ended.
    pub clock: i64,
    /// Whether data goes to a person.
    pub stdout_is_terminal: bool,
    /// Whether messages go to a person, who then gets progress bars.
    pub stderr_is_terminal: bool,
    /// Default of `--jobs`.
    pub parallelism: NonZeroUsize,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> anyhow::Result<Self> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        Ok(Self {
            cache: cache_folder(home.clone(), std::env::var_os(CACHE_VARIABLE)),
            home,
            now: now(std::env::var_os("SOURCE_DATE_EPOCH"))?,
            clock: clock(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            parallelism: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        })
    }
}

#[cfg(windows)]
const CACHE_VARIABLE: &str = "LOCALAPPDATA";
#[cfg(not(windows))]
const CACHE_VARIABLE: &str = "XDG_CACHE_HOME";

/// Where this system keeps caches, below the home folder.
#[cfg(windows)]
const CACHE_BELOW_HOME: &str = "AppData/Local";
#[cfg(target_os = "macos")]
const CACHE_BELOW_HOME: &str = "Library/Caches";
#[cfg(not(any(windows, target_os = "macos")))]
const CACHE_BELOW_HOME: &str = ".cache";

/// The variable wins; a relative one is ignored, as the XDG base directory specification asks.
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
    text.to_str()
        .and_then(|text| text.parse().ok())
        .filter(|seconds| (0..=LAST_SECOND).contains(seconds))
        .ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("SOURCE_DATE_EPOCH is {}", text.display()),
                "set it to seconds since 1970, as in SOURCE_DATE_EPOCH=$(date +%s), or unset it",
            )
        })
}

/// The last second of the year 9000: a certificate must end before the year 10000.
const LAST_SECOND: i64 = 221_876_927_999;

fn clock() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |duration| i64::try_from(duration.as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for wrong in ["", "yesterday", "-1", "99999999999999"] {
            let error = now(Some(wrong.into())).unwrap_err();
            let failure: &Failure = error.downcast_ref().unwrap();
            assert_eq!(failure.kind, Kind::Usage);
            assert_eq!(failure.message, format!("SOURCE_DATE_EPOCH is {wrong}"));
        }
    }
}

//! The part of `boot` that runs inside its own namespaces: this program again, with its request on standard input.

use std::io::Write as _;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};
use lab::qemu;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::{Kind, explain};

/// The answer of the inner program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InnerResult<T> {
    Done(T),
    Failed {
        code: u8,
        message: String,
        hint: String,
    },
}

/// Runs this program's hidden command `word` inside with `request`. Returns what it [`answer`]s, and the process, which may
/// continue after that.
pub(super) fn ask<T: DeserializeOwned>(word: &str, request: &impl Serialize) -> Result<(T, Child)> {
    let program = std::env::current_exe().context("finding this program's own file")?;
    let mut command = qemu::enclosed(&program)?;
    command
        .arg(word)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut inner = command.spawn().context("starting unshare")?;
    if let Some(mut stdin) = inner.stdin.take() {
        // If the program has died already, its exit status says more than a broken pipe.
        let _ = stdin.write_all(&serde_json::to_vec(request)?);
    }
    let answer = inner.stdout.take().and_then(|stdout| {
        let mut values = serde_json::Deserializer::from_reader(stdout).into_iter();
        values.next()?.ok()
    });
    match answer {
        Some(InnerResult::Done(value)) => Ok((value, inner)),
        Some(InnerResult::Failed {
            code,
            message,
            hint,
        }) => {
            inner.wait().context("waiting for the machines to stop")?;
            Err(kind_of_code(code).error(message, hint))
        }
        None => {
            let status = inner.wait().context("waiting for the machines to stop")?;
            Err(Kind::Unhealthy.error(
                format!("the process that watches the machines ended: {status}"),
                "another process killed it, or the memory was exhausted: see `dmesg`",
            ))
        }
    }
}

/// Reads the request, on the inner side of [`ask`].
pub(super) fn request<T: DeserializeOwned>() -> Result<T> {
    serde_json::from_reader(std::io::stdin().lock()).with_context(|| {
        Kind::Usage.context(
            "this command is a part of `etcd-image boot`",
            "run `etcd-image boot`",
        )
    })
}

/// Writes the result, on the inner side of [`ask`].
pub(super) fn answer<T: Serialize>(result: &Result<T>) -> Result<()> {
    let answer = match result {
        Ok(value) => InnerResult::Done(value),
        Err(error) => {
            let (kind, hint) = explain(error);
            let (code, message) = (kind.exit_code(), format!("{error:#}"));
            InnerResult::Failed {
                code,
                message,
                hint,
            }
        }
    };
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, &answer).context("answering")?;
    stdout.flush().context("answering")
}

/// Returns the kind with this exit code.
fn kind_of_code(code: u8) -> Kind {
    use Kind::{Refused, Storage, Unhealthy, Unsupported, Usage, Verification};
    let kinds = [Usage, Verification, Unsupported, Refused, Unhealthy];
    let same = kinds.into_iter().find(|kind| kind.exit_code() == code);
    same.unwrap_or(Storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_their_exit_code_on_the_way_out() {
        for code in 2..=6 {
            assert_eq!(kind_of_code(code).exit_code(), code);
        }
    }

    #[test]
    fn answers_come_back_as_they_were_given() {
        let text = serde_json::to_string(&InnerResult::Done(7)).unwrap();
        assert!(matches!(
            serde_json::from_str(&text).unwrap(),
            InnerResult::Done(7)
        ));
    }
}

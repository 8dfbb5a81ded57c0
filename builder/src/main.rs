//! The entry point: arguments in, exit code out.
#![expect(clippy::disallowed_methods, reason = "reads the command line")]

use std::io::{self, Write as _};
use std::process::ExitCode;

use etcd_image::cli::{Args, Environment};
use etcd_image::failure;

fn main() -> ExitCode {
    let args = match Args::parse_line(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    match Environment::read().and_then(|environment| etcd_image::commands::run(args, environment)) {
        Ok(code) => code,
        Err(error) => explain(&error),
    }
}

/// Prints help and version to standard output with exit code 0, mistakes to standard error with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // A failure to print cannot be reported.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints one line naming the thing and the place, then the next step.
fn explain(error: &anyhow::Error) -> ExitCode {
    let (kind, hint) = failure::explain(error);
    let mut stderr = io::stderr().lock();
    // Without standard error, only the exit code reports the failure.
    let _ = writeln!(stderr, "error: {error:#}");
    let _ = writeln!(stderr, "hint: {hint}");
    ExitCode::from(kind.exit_code())
}

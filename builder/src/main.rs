//! Arguments in, exit code out.
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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => explain(&error),
    }
}

/// Help and version go to standard output with exit code 0, mistakes to standard error with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed stream leaves nobody to tell.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// One line naming the thing and the place, then the next step.
fn explain(error: &anyhow::Error) -> ExitCode {
    let (kind, hint) = failure::explain(error);
    let mut stderr = io::stderr().lock();
    // As above: without standard error there is only the exit code.
    let _ = writeln!(stderr, "error: {error:#}");
    let _ = writeln!(stderr, "hint: {hint}");
    ExitCode::from(kind.exit_code())
}

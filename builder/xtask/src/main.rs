//! Chores of the project: `cargo xtask {setup,demo,test,fixtures,bench}`. Nothing but the standard library.

mod bench;
mod bench_boot;
mod command;
mod demo;
mod qemu;
mod setup;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo        make three node images from a real Debian base, check and boot them
  test        format, lints, documentation and every test, booted clusters too, as CI runs them
  test --full also stand-ins for Raspberry Pi OS, Ubuntu Server and Core, IPv6, more power cuts, lost disks, an idle card
  fixtures    make the test images under target/
  bench       time builds and boots against plain ones
  bench build the builds alone
  bench boot  the boots alone
  setup       install the tools that demo and test need (Debian, Ubuntu)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["setup"] => setup::tools(),
        ["demo"] => demo::run().and_then(|()| demo::boot()),
        ["test"] => test::run(false),
        ["test", "--full"] => test::run(true),
        ["fixtures"] => test::fixtures(),
        ["bench"] => bench::run(),
        ["bench", "build"] => bench::run_builds(),
        ["bench", "boot"] => bench::run_boots(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            command::say(&message);
            ExitCode::FAILURE
        }
    }
}

//! Chores of the project: `cargo xtask {setup,demo,quick,test,lab,mutate,fuzz,faults,fixtures,bench}`. They use only the standard library.

#![allow(
    clippy::disallowed_methods,
    reason = "chores start programs and write files; the product does not"
)]

mod bench;
mod bench_boot;
mod bench_cold;
mod bench_curve;
mod bench_flash;
mod bench_outputs;
mod bench_peers;
mod cases;
mod command;
mod demo;
mod faults;
mod fuzz;
mod lab;
mod mutate;
mod peers_plot;
mod peers_record;
mod qemu;
mod setup;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo         build three node images from a real Debian base, verify them and boot them
  quick [NAME] run the tests that take a moment, or all that boot nothing and whose names contain NAME
  test         check format, lints and documentation, run the tests that take seconds, boot one cluster
  test --slow  run the other tests that boot nothing, 500 mutated bases and 100 brief scenarios of the laboratory
  test --boot  boot the other clusters that CI boots
  test --cases [a…e]
               boot the examples and compare them with the published walk-throughs that they replace, in one table
  test --full  run everything, including 20,000 mutated bases, 1,000 scenarios and the boots that take hours
  lab [NAME…] [--scenarios N] [--brief] [--seed S]
               run nodes' own files with real etcd in network namespaces: scenarios by name, or N random ones
  mutate [--cases N] [--seed S] [--first N]
               build from N bases with damaged metadata, from case number N on: each is refused or gives sound images
  fuzz [TARGET] [--coverage] [--seconds N] [--seed S]
               feed parsers, file systems and decisions with damaged inputs, N seconds for each target;
               --coverage: under libFuzzer, which keeps the inputs that reach new code
  faults [N]   disturb builds at up to N points of each kind: a system call fails, or the process is killed
  fixtures     make the test images under target/
  bench        measure builds and boots (`bench build` or `bench boot` for one of them)
  bench curve  measure builds of 1, 3, 30 and 300 nodes on a small base, with 2 and 64 jobs
  bench outputs
               measure compressed images beside xz, zstd and gzip, and cards beside dd and bmaptool
  bench peers [N…]
               measure builds of 1, 3 and 30 nodes, or of N, beside cp, a script with loop mounts, debugfs and virt-customize
  bench record put the table and the plot of the last `bench peers` into the README
  setup        install the tools that demo and test need (Debian, Ubuntu)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["setup"] => setup::tools(),
        ["demo"] => demo::run().and_then(|()| demo::boot()),
        ["quick", names @ ..] => test::run_quick(names),
        ["test"] => test::run(),
        ["test", "--slow"] => test::run_slow(),
        ["test", "--boot"] => test::run_boots(),
        ["test", "--cases", letters @ ..] => cases::run(letters),
        ["test", "--full"] => test::run_full(),
        ["lab", words @ ..] => lab::run(words),
        ["mutate", words @ ..] => mutate::run(words),
        ["fuzz", words @ ..] => fuzz::run(words),
        ["faults"] => faults::run("1"),
        ["faults", most] => faults::run(most),
        ["fixtures"] => test::fixtures(),
        ["bench"] => bench::run(),
        ["bench", "build"] => bench::run_builds(),
        ["bench", "boot"] => bench::run_boots(),
        ["bench", "curve"] => bench_curve::run(),
        ["bench", "peers", counts @ ..] => bench_peers::run(counts),
        ["bench", "record"] => peers_record::run(),
        ["bench", "outputs"] => bench::run_outputs(),
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

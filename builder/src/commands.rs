//! Every command as a list of intentions.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{self, Args, Command, Environment, Voice};
use crate::job::Job;
use crate::report::{self, Summary};
use crate::{recipe, spec};

/// Runs one command.
pub fn run(args: Args, environment: Environment) -> Result<()> {
    let voice = args.voice;
    match args.command {
        Command::Build(work) => {
            let job = Job::new(work, environment, &voice);
            let manifest = crate::build(&job)?;
            let (out, state) = (&job.work.output.out, &job.work.cluster.state);
            print(
                &voice,
                &manifest,
                &Summary {
                    manifest: &manifest,
                    out,
                    state,
                },
            )
        }
        Command::Plan(work) => {
            let plans = report::Plans::new(crate::plan(&Job::new(work, environment, &voice))?);
            print(&voice, &plans, &plans)
        }
        Command::Fetch(work) => {
            let inputs = crate::fetch(&Job::new(work, environment, &voice))?;
            print(&voice, &inputs, &inputs)
        }
        Command::Inspect { image } => {
            let inspection = report::inspect(&image)?;
            print(&voice, &inspection, &inspection)
        }
        Command::Verify { target } => {
            let verification = report::verify(&target, environment.now)?;
            print(&voice, &verification, &verification)?;
            verification.verdict()
        }
        Command::Recipes { recipes } => {
            let list = recipe::List(recipe::load(recipes.as_deref())?);
            print(&voice, &list, &list)
        }
        Command::Init { config, nodes } => spec::init(&config, nodes),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { dir } => cli::man(&dir),
    }
}

/// Data goes to standard output, as JSON or as text.
fn print(voice: &Voice, data: &impl Serialize, text: &impl std::fmt::Display) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match voice.json {
        true => {
            serde_json::to_writer_pretty(&mut stdout, data)?;
            writeln!(stdout)?;
        }
        false if voice.quiet => {}
        false => write!(stdout, "{text}")?,
    }
    Ok(())
}

//! Tests of the command-line interface.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Args {
    let words = std::iter::once("etcd-image").chain(line.split_whitespace());
    Args::parse_line(words.map(OsString::from)).expect("a valid command line")
}

fn refused(line: &str) -> clap::error::ErrorKind {
    let words = std::iter::once("etcd-image").chain(line.split_whitespace());
    let error = Args::parse_line(words.map(OsString::from)).expect_err("an invalid command line");
    assert_eq!(error.exit_code(), 2, "{line}");
    error.kind()
}

fn commands() -> Vec<clap::Command> {
    let mut program = Args::command();
    program.build();
    let mut all: Vec<_> = program.get_subcommands().cloned().collect();
    let inner = all.iter().flat_map(clap::Command::get_subcommands);
    all.extend(inner.cloned().collect::<Vec<_>>());
    all.push(program);
    all
}

/// Returns the text of the refusal of a command line.
fn refusal(line: &str) -> String {
    let words = std::iter::once("etcd-image").chain(line.split_whitespace());
    let error = Args::parse_line(words.map(OsString::from)).expect_err("an invalid command line");
    error.to_string()
}

#[test]
fn a_shard_needs_a_fleet_whatever_else_is_given() {
    for line in [
        "build --shard 1/2",
        "build --nodes 3 --shard 1/2",
        "plan --config a.toml --shard 1/2",
    ] {
        let text = refusal(line);
        assert!(text.contains("--fleet"), "{line}: {text}");
    }
}

#[test]
fn a_command_of_another_command_is_found() {
    for (line, wanted) in [
        ("status", "exist: 'cluster status', 'pki status'"),
        ("--quiet remove etcd1", "exists: 'cluster remove'"),
        ("upgrade", "exists: 'cluster upgrade'"),
        ("prune", "exists: 'cache prune'"),
        ("cluster stauts", "exists: 'status'"),
    ] {
        let text = refusal(line);
        assert!(text.contains(wanted), "{line}: {text}");
    }
    assert!(!refusal("cluster prune").contains("cache prune"));
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = Args::command().render_help().to_string();
    assert!(help.contains("130 interrupted"), "{help}");
}

#[test]
fn what_does_not_end_is_not_printed_as_json() {
    for (line, what) in [
        (
            "cluster logs etcd1 --follow --json",
            "--json prints one document and --follow never ends: use one of them",
        ),
        (
            "cluster status --watch 5 --json",
            "--json prints one document and --watch repeats: use one of them",
        ),
    ] {
        let text = refusal(line);
        assert!(text.contains(what), "{line}: {text}");
    }
}

#[test]
fn a_refusal_shows_the_usage_of_its_command() {
    for (line, usage) in [
        ("update --offline", "Usage: etcd-image update "),
        ("build --nodes 3 --shard 1/2", "Usage: etcd-image build "),
        ("state init --json", "Usage: etcd-image state init "),
    ] {
        let text = refusal(line);
        assert!(text.contains(usage), "{line}: {text}");
    }
}

#[test]
fn a_wrong_value_says_what_to_write() {
    for (line, what) in [
        ("build --jobs 0", "write a number, 1 or more"),
        ("build --nodes x", "write a number, such as 3"),
        ("init --nodes x", "write a number, such as 3"),
        ("cluster status --watch x", "write a number, 1 or more"),
        (
            "fetch --mirror nope --offline",
            "write a URL, as in http://mirror.example/debian",
        ),
    ] {
        let text = refusal(line);
        assert!(text.contains(what), "{line}: {text}");
    }
    for mirror in ["http://localhost:3142/debian", "file:/srv/debian"] {
        parse(&format!("fetch --mirror {mirror}"));
    }
}

#[test]
fn commands_that_only_read_keys_do_not_offer_to_keep_them() {
    for name in ["verify", "update"] {
        let mut all = commands().into_iter();
        let mut command = all.find(|command| command.get_name() == name).expect(name);
        let help = command.render_help().to_string();
        assert!(
            help.contains("Read the CA, keys and identities from here"),
            "{help}"
        );
        for wrong in ["Keep the CA", "Build this many"] {
            assert!(!help.contains(wrong), "{help}");
        }
    }
}

#[test]
fn reboot_names_both_ways_to_choose_nodes() {
    let text = refusal("cluster reboot");
    assert!(text.contains("<NODE|--rolling>"), "{text}");
}

#[test]
fn only_commands_that_wait_offer_to_wait() {
    parse("cluster add etcd4 --wait 0");
    parse("cluster replace etcd2 --wait 0");
    refused("cluster remove etcd4 --wait 0");
}

#[test]
fn a_command_does_not_list_an_option_that_it_always_refuses() {
    let help = |name: &str| {
        let mut all = commands().into_iter();
        let mut command = all.find(|command| command.get_name() == name).expect(name);
        command.render_long_help().to_string()
    };
    assert!(help("build").contains("--json") && help("fetch").contains("--offline"));
    assert!(!help("update").contains("--offline"));
    for name in ["add", "replace", "remove"] {
        for option in [
            "nodes",
            "fleet",
            "only",
            "shard",
            "restore",
            "restore-identity",
            "encrypt-to",
        ] {
            let lists = help(name).contains(&format!("--{option} "));
            assert!(!lists, "{name} --{option}");
        }
        assert!(help(name).contains("--config "), "{name}");
    }
    for (name, line) in [
        ("init", "init --json"),
        ("man", "man pages --json"),
        ("completions", "completions bash --json"),
        ("state", "state init --json"),
    ] {
        assert!(!help(name).contains("--json"), "{name}");
        let text = refusal(line);
        assert!(
            text.contains("`--json` is not supported by this command"),
            "{line}: {text}"
        );
    }
    let mut program = Args::command();
    program.build();
    let state = program.find_subcommand_mut("state").expect("state");
    let init = state.find_subcommand_mut("init").expect("state init");
    assert!(!init.render_long_help().to_string().contains("--json"));
}

#[test]
fn a_hidden_command_has_no_manual_page() {
    let folder = tempfile::TempDir::new().expect("a directory");
    man(folder.path()).expect("manual pages");
    let exists = |name: &str| folder.path().join(name).exists();
    assert!(exists("etcd-image-boot.1") && !exists("etcd-image-boot-inside.1"));
    assert!(exists("etcd-image-cluster-alarm-disarm.1"));
}

#[test]
fn definitions_are_sound_and_every_option_is_documented() {
    Args::command().debug_assert();
}

#[test]
fn help_fits_into_80_columns() {
    for mut command in commands() {
        for help in [command.render_help(), command.render_long_help()] {
            let help = help.to_string();
            let long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{}", command.get_name());
        }
    }
}

#[test]
fn every_command_and_option_has_one_sentence_of_help() {
    for command in commands() {
        let about = command.get_about().map(ToString::to_string);
        let arguments = command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set());
        let helps = arguments.map(|argument| argument.get_help().map(ToString::to_string));
        for help in helps.chain([about]) {
            let help = help.expect("everything is documented");
            let sound = help.starts_with(|c: char| c.is_ascii_uppercase()) && !help.ends_with('.');
            assert!(
                sound && help.chars().count() <= 140,
                "{}: {help}",
                command.get_name()
            );
        }
    }
}

#[test]
fn the_help_names_the_defaults_of_the_settings() {
    let build = Args::command().find_subcommand("build").cloned().unwrap();
    for (option, table, setting) in [("base", "cluster", "base"), ("etcd", "etcd", "version")] {
        let mut arguments = build.get_arguments();
        let argument = arguments
            .find(|argument| argument.get_id() == option)
            .unwrap();
        let default = crate::spec::settings::default_text(table, setting);
        let help = argument.get_help().unwrap().to_string();
        assert!(help.ends_with(&format!("[default: {default}]")), "{help}");
    }
}

#[test]
fn defaults_are_those_of_the_design() {
    let Command::Build(work) = parse("build").command else {
        panic!("not build")
    };
    assert_eq!(work.output.out, PathBuf::from("images"));
    assert_eq!(work.fetch.sources.state, PathBuf::from("etcd-cluster"));
    assert_eq!(work.fetch.sources.config, None);
    assert_eq!(work.nodes.nodes, None);
    assert!(work.nodes.only.is_empty() && work.nodes.ssh_key.is_empty());
    assert!(!work.fetch.cache.offline);
}

#[test]
fn shared_options_keep_their_names() {
    let fetch = "--config c --base b --etcd 3.6.14 --state s --cache c --offline --json --jobs 2 --recipes r --mirror http://m";
    let nodes = "--nodes 3 --out o --only etcd1 etcd2 --overlays d --ssh-key a --ssh-key b";
    for line in [
        format!("build {fetch} {nodes}"),
        format!("plan {fetch} {nodes}"),
        format!("fetch {fetch}"),
    ] {
        parse(&line);
        parse(&format!("{line} --quiet"));
        parse(&format!("{line} -v"));
    }
}

#[test]
fn an_option_without_effect_is_refused() {
    use clap::error::ErrorKind;
    for option in [
        "--nodes 3",
        "--out o",
        "--only a",
        "--overlays d",
        "--ssh-key a",
    ] {
        assert_eq!(
            refused(&format!("fetch {option}")),
            ErrorKind::UnknownArgument
        );
    }
    for line in ["init --json", "--json completions bash", "man d --json"] {
        assert_eq!(refused(line), ErrorKind::ArgumentConflict, "{line}");
    }
}

#[test]
fn only_takes_several_names() {
    let Command::Build(work) = parse("build --only etcd1 etcd2 --only etcd3,etcd4").command else {
        panic!("not build")
    };
    assert_eq!(work.nodes.only, ["etcd1", "etcd2", "etcd3", "etcd4"]);
}

#[test]
fn mistakes_exit_with_2() {
    use clap::error::ErrorKind;
    let cases = [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("make", ErrorKind::InvalidSubcommand),
        ("build --node 3", ErrorKind::UnknownArgument),
        ("build --nodes three", ErrorKind::ValueValidation),
        ("build --jobs 0", ErrorKind::ValueValidation),
        ("inspect", ErrorKind::MissingRequiredArgument),
        ("completions csh", ErrorKind::InvalidValue),
    ];
    for (line, kind) in cases {
        assert_eq!(refused(line), kind, "{line}");
    }
}

/// Returns the names of all commands: `build`, `cluster add`.
fn names_of_commands() -> BTreeSet<String> {
    let args = Args::command();
    let mut names = BTreeSet::new();
    for command in args.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = command.get_name();
        let inner: Vec<_> = command.get_subcommands().collect();
        if inner.is_empty() {
            names.insert(name.to_owned());
        }
        names.extend(inner.iter().map(|it| format!("{name} {}", it.get_name())));
    }
    names
}

/// Returns the names in the first column of the README's table of commands. A name without its group has that of the one before.
fn documented() -> BTreeSet<String> {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## Commands\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.replace("\\|", "/"));
    let args = Args::command();
    let mut names = BTreeSet::new();
    for cell in cells.map(|row| row.split('|').nth(1).unwrap().to_owned()) {
        let mut group = "";
        for words in cell.split('`').skip(1).step_by(2) {
            let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
            let inner = match args.find_subcommand(first) {
                Some(command) if command.has_subcommands() => {
                    group = first;
                    rest.split(' ').next().unwrap_or_default()
                }
                Some(_) => {
                    names.insert(first.to_owned());
                    continue;
                }
                None => first,
            };
            let inner = inner.trim_matches(['[', ']']).split('/');
            names.extend(inner.map(|name| format!("{group} {name}")));
        }
    }
    names
}

#[test]
fn the_readme_lists_every_command() {
    assert_eq!(documented(), names_of_commands());
}

//! Measures builds on the real base beside what others do: a copy, a script with loop mounts, debugfs with mtools, and libguestfs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench;
use crate::command::{self, Outcome, path, root, say};
use crate::peers_plot::plot;
use crate::{demo, setup};

/// The numbers of nodes.
const COUNTS: [u32; 3] = [1, 3, 30];
/// A run that is expected to take fewer seconds is repeated.
const SHORT: f64 = 30.0;
/// A run that is expected to take more seconds is left out.
const TOO_LONG: f64 = 600.0;
/// The program, compiled as users get it.
pub(crate) const PROGRAM: &str = "target/release/etcd-image";
/// The competitors: their script, what it needs besides, and their name in the table.
const PEERS: [(&str, &[&str], &str); 4] = [
    ("copy", &[], "`cp --sparse=always`, which adds nothing"),
    (
        "mount",
        &["root", "/dev/loop0", "losetup"],
        "`xz -dc`, loop mount, copy; as root",
    ),
    ("debugfs", &["debugfs", "mcopy"], "`debugfs -w` and mtools"),
    (
        "virt-customize",
        &["virt-customize"],
        "`virt-customize` of libguestfs",
    ),
];

/// What one run costs.
#[derive(Clone, Copy)]
pub(crate) struct PeerCost {
    pub(crate) wall: f64,
    processor: f64,
    peak_mib: f64,
    written_mib: f64,
}

/// The costs of a program by the number of nodes; none if it is not available.
pub(crate) struct ProgramCosts {
    pub(crate) name: &'static str,
    pub(crate) costs: Vec<(u32, PeerCost)>,
}

/// Measures these numbers of nodes; prints the table, and writes it and a plot below target/.
pub(crate) fn run(counts: &[&str]) -> Outcome {
    let counts = counts
        .iter()
        .map(|it| it.parse().map_err(|_| format!("`{it}` is not a number")));
    let mut counts = counts.collect::<Outcome<Vec<u32>>>()?;
    if counts.is_empty() {
        counts.extend(COUNTS);
    }
    setup::checkers()?;
    command::run(
        "cargo",
        &["build", "--quiet", "--release", "--bin", "etcd-image"],
    )?;
    let folder = root().join("target/bench-peers");
    let _ = fs::remove_dir_all(&folder);
    command::create_folder(&folder)?;
    let measured = PeerInputs::make(&folder).and_then(|inputs| inputs.measure_all(&counts));
    let _ = fs::remove_dir_all(&folder);
    let lines = measured?;
    let table = table(&lines);
    say(&table);
    for (name, text) in [
        ("bench-peers.md", &table),
        ("bench-peers.svg", &plot(&lines)),
    ] {
        let path = root().join("target").join(name);
        fs::write(&path, text).map_err(|error| format!("writing {}: {error}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn table(lines: &[ProgramCosts]) -> String {
    let mut table = String::from(
        "| program | nodes | wall, s | processor, s | peak MiB | written MiB |\n|---|---|---|---|---|---|\n",
    );
    for line in lines {
        // Writing into a string cannot fail.
        if line.costs.is_empty() {
            let _ = writeln!(table, "| {} | – | not available | – | – | – |", line.name);
        }
        for (count, cost) in &line.costs {
            let PeerCost {
                wall,
                processor,
                peak_mib,
                written_mib,
            } = cost;
            let _ = writeln!(
                table,
                "| {} | {count} | {wall:.1} | {processor:.1} | {peak_mib:.0} | {written_mib:.0} |",
                line.name
            );
        }
    }
    table
}

/// What every program gets.
struct PeerInputs {
    folder: PathBuf,
    base: PathBuf,
    packed: PathBuf,
    files: PathBuf,
}

impl PeerInputs {
    /// Packs the base, and gathers the files of a node that the others would copy.
    fn make(folder: &Path) -> Outcome<Self> {
        let inputs = Self {
            folder: folder.to_owned(),
            base: bench::base_image(PROGRAM)?,
            packed: folder.join("base.img.xz"),
            files: folder.join("files"),
        };
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let (base, packed) = (shown(&inputs.base), shown(&inputs.packed));
        command::run("sh", &["-c", &format!("xz -T0 -1 < '{base}' > '{packed}'")])?;
        let files = inputs.files.to_string_lossy();
        // dpkg-deb makes one directory, without those above it.
        command::create_folder(&inputs.files)?;
        for ending in ["etcd-server.deb", "etcd-client.deb"] {
            let package = shown(&inputs.base.with_extension(ending));
            command::run("dpkg-deb", &["-x", &package, &format!("{files}/unpacked")])?;
        }
        let script = format!(
            "cd '{files}' && mkdir -p usr/local/bin etc/etcd/pki && mv unpacked/usr/bin/etcd unpacked/usr/bin/etcdctl usr/local/bin \
             && rm -r unpacked && echo 192.168.0.50 etcd1 > etc/hosts && echo name: etcd > etc/etcd/etcd.conf.yml \
             && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=etcd -keyout etc/etcd/pki/server.key -out etc/etcd/pki/server.crt 2> /dev/null"
        );
        command::run("sh", &["-c", &script])?;
        Ok(inputs)
    }

    fn measure_all(&self, counts: &[u32]) -> Outcome<Vec<ProgramCosts>> {
        let ours = |count: u32, out: &str| self.build(count, out);
        let mut lines = vec![self.line("`etcd-image build`, release", counts, &ours)?];
        for (script, needed, name) in PEERS {
            let words = |count: u32, out: &str| {
                let script = format!("builder/xtask/peers/{script}.sh");
                let paths = [&self.base, &self.packed, &self.files];
                let paths = paths.map(|path| path.display().to_string());
                let mut words = vec!["sh".to_owned(), script];
                words.extend(paths);
                words.extend([out.to_owned(), count.to_string()]);
                Ok(words)
            };
            let counts = if needed.iter().all(|it| is_there(it)) {
                counts
            } else {
                &[]
            };
            lines.push(self.line(name, counts, &words)?);
        }
        Ok(lines)
    }

    /// Measures a program after one run that fills the caches: the median of three runs if they are short.
    fn line(
        &self,
        name: &'static str,
        counts: &[u32],
        words: &dyn Fn(u32, &str) -> Outcome<Vec<String>>,
    ) -> Outcome<ProgramCosts> {
        let once = |count: u32| {
            let out = self.folder.join("out");
            command::create_folder(&out)?;
            let cost = self.cost(&words(count, &out.to_string_lossy())?);
            fs::remove_dir_all(&out).map_err(|error| error.to_string())?;
            cost
        };
        if counts.is_empty() {
            let costs = Vec::new();
            return Ok(ProgramCosts { name, costs });
        }
        let first = once(1)?.wall;
        let mut costs = Vec::new();
        for count in counts {
            let expected = first * f64::from(*count);
            if expected > TOO_LONG {
                say(&format!("{name}: {count} left out, {expected:.0} s"));
                continue;
            }
            say(&format!("{name}: {count}"));
            let rounds = if expected < SHORT { 3 } else { 1 };
            let mut runs = (0..rounds)
                .map(|_| once(*count))
                .collect::<Outcome<Vec<PeerCost>>>()?;
            runs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
            costs.extend(runs.get(runs.len() / 2).map(|cost| (*count, *cost)));
        }
        Ok(ProgramCosts { name, costs })
    }

    fn cost(&self, words: &[String]) -> Outcome<PeerCost> {
        let folder = self.folder.to_string_lossy();
        let mut all = vec!["builder/xtask/peers/measure.py", &folder];
        all.extend(words.iter().map(String::as_str));
        let told = command::output("python3", &all)?;
        let numbers = told.split_whitespace().map(str::parse);
        match numbers.collect::<Result<Vec<f64>, _>>().as_deref() {
            Ok(&[wall, processor, peak_mib, written_mib]) => Ok(PeerCost {
                wall,
                processor,
                peak_mib,
                written_mib,
            }),
            _ => Err(format!("`{}` printed {told}", words.join(" "))),
        }
    }

    fn build(&self, count: u32, out: &str) -> Outcome<Vec<String>> {
        let [state, key] = [self.folder.join(format!("state-{count}")), demo::ssh_key()?];
        let config = self.folder.join(format!("cluster-{count}.toml"));
        let node = |n: u32| {
            format!(
                "[[node]]\nname = \"etcd{n}\"\naddress = \"10.0.{}.{}\"\n",
                n / 200,
                n % 200 + 10
            )
        };
        let nodes: String = (1..=count).map(node).collect();
        let text = format!("[network]\nprefix = 16\ngateway = \"none\"\ndns = []\n{nodes}");
        fs::write(&config, text).map_err(|error| error.to_string())?;
        // The others get their keys ready-made as well.
        let paths = [&config, &state].map(|path| path.display().to_string());
        let init = ["state", "init", "--config", &paths[0], "--state", &paths[1]];
        command::run(PROGRAM, &init)?;
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let words = [
            "--quiet",
            "build",
            "--offline",
            "--base",
            "debian-trixie",
            "--etcd",
            "debian",
            "--out",
            out,
        ];
        let mut words: Vec<String> = [PROGRAM]
            .iter()
            .chain(&words)
            .map(|it| (*it).to_owned())
            .collect();
        for (option, value) in [
            ("--config", &config),
            ("--state", &state),
            ("--ssh-key", &key),
        ] {
            words.extend([option.to_owned(), path(value)]);
        }
        Ok(words)
    }
}

/// Returns whether a program, a file, or the right to mount is available.
fn is_there(needed: &str) -> bool {
    match needed {
        "root" => command::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0"),
        file if file.starts_with('/') => Path::new(file).exists(),
        program => path().iter().any(|folder| folder.join(program).is_file()),
    }
}

//! Measures whether a base is unpacked while it is downloaded: the server needs as long as unpacking alone, which is the hardest case.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::bench::{measure, median};
use crate::command::{self, Outcome, program, say};
use crate::demo;

/// The limit of the time of a cold fetch over that of its slowest stage alone.
pub(crate) const LIMIT: f64 = 1.15;

const ROUNDS: usize = 3;

/// Returns the time of a cold fetch of this image over that of unpacking it. `etcd` is a directory of etcd's programs.
pub(crate) fn measure_fetch(packed: &Path, etcd: &Path, folder: &Path) -> Outcome<f64> {
    let size = std::fs::metadata(packed).map_err(|error| error.to_string())?;
    let size = u32::try_from(size.len()).map_err(|error| error.to_string())?;
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let seconds = |base: &[&str]| {
            let cache = folder.join("cold-cache");
            let paths = [etcd, &cache].map(|path| path.to_string_lossy().into_owned());
            let more = ["--etcd", &paths[0], "--cache", &paths[1]];
            let words = [&[demo::PROGRAM, "fetch"], base, &more].concat();
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let run = measure(&words);
            let _ = std::fs::remove_dir_all(&cache);
            Outcome::<f64>::Ok(run?.wall.as_secs_f64())
        };
        let alone = seconds(&["--base", &packed.to_string_lossy()])?;
        let server = Server::start(packed, f64::from(size) / alone)?;
        let recipes = folder.join("cold-recipes");
        write_recipe(&recipes, packed, server.port)?;
        let cold = seconds(&["--base", "cold", "--recipes", &recipes.to_string_lossy()])?;
        say(&format!(
            "round {round}: unpacking {alone:.2} s, downloading as long, both {cold:.2} s"
        ));
        if round > 0 {
            ratios.push(cold / alone);
        }
    }
    Ok(median(ratios))
}

/// Writes the recipe of the image on a server.
fn write_recipe(folder: &Path, packed: &Path, port: u16) -> Outcome {
    let told = command::output("sha256sum", &[&packed.to_string_lossy()])?;
    let sha256 = told.split_whitespace().next().unwrap_or_default();
    let text = format!(
        "title = \"t\"\nrelease = \"1\"\nprovisioned-by = \"p\"\nsystemd = 257\noverlays = [\"appliance\"]\nfirmware = []\n\
         boards = [\"pi4\"]\n[recognize]\nid = \"debian\"\nversion = \"13\"\n[download]\nurl = \"http://127.0.0.1:{port}/base.img.xz\"\n\
         sha256 = \"{sha256}\"\n"
    );
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("cold.toml"), text))
        .map_err(|error| format!("writing {}: {error}", folder.display()))
}

/// A server of one file, which ends with this value.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server that sends so many bytes in a second.
    fn start(file: &Path, pace: f64) -> Outcome<Self> {
        let (file, pace) = (file.to_string_lossy(), pace.to_string());
        let words = ["builder/xtask/peers/serve.py", &file, &pace];
        let child = program("python3", &words).stdout(Stdio::piped()).spawn();
        let mut server = Self {
            process: child.map_err(|error| format!("starting python3: {error}"))?,
            port: 0,
        };
        let mut line = String::new();
        if let Some(told) = server.process.stdout.take() {
            let read = BufReader::new(told).read_line(&mut line);
            read.map_err(|error| error.to_string())?;
        }
        let port = line.trim().parse();
        server.port = port.map_err(|error| format!("serve.py printed `{line}`: {error}"))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Compares the time of three booted nodes to their quorum with the time of their bare base to its login prompt.
//!
//! Both run in the same QEMU machine, one after the other. The base runs alone and unmodified.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Outcome, output, program, run, say};
use crate::demo;

/// The limit of the time to quorum of three nodes over the bare base's time to its prompt.
pub(crate) const LIMIT: f64 = 1.6;

/// The time after which a base without a prompt counts as failed.
const PROMPT_TIMEOUT: Duration = Duration::from_mins(15);

/// Returns the ratio of one run. `folder` is empty and may be filled.
pub(crate) fn measure(base: &Path, folder: &Path) -> Outcome<f64> {
    let boot = demo::boot_command()?;
    let words: Vec<&str> = boot.iter().map(String::as_str).chain(["--json"]).collect();
    let report = output(demo::PROGRAM, &words[1..])?;
    let quorum: f64 = field(&report, "seconds_to_quorum")?
        .parse()
        .map_err(|error| format!("seconds_to_quorum: {error}"))?;
    let prompt = prompt(base, folder, &field(&report, "cmdline_added")?)?.as_secs_f64();
    let ratio = quorum / prompt;
    say(&format!(
        "three nodes: quorum after {quorum:.0} s; bare base: login prompt after {prompt:.0} s; ratio {ratio:.2}"
    ));
    Ok(ratio)
}

/// Returns the first value with a name in pretty-printed JSON.
fn field(json: &str, name: &str) -> Outcome<String> {
    let key = format!("\"{name}\": ");
    let value = json.lines().find_map(|line| line.trim().strip_prefix(&key));
    value
        .map(|value| value.trim_end_matches(',').trim_matches('"').to_owned())
        .ok_or_else(|| format!("the report has no {name}"))
}

/// Boots the base alone until its login prompt appears.
fn prompt(base: &Path, folder: &Path, added: &str) -> Outcome<Duration> {
    let console = folder.join("console");
    let arguments = machine(base, folder, added, &console)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let mut qemu = program("qemu-system-aarch64", &arguments)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("starting QEMU: {error}"))?;
    let seen = wait(&mut qemu, &console, started);
    let _ = qemu.kill();
    let _ = qemu.wait();
    seen
}

fn wait(qemu: &mut Child, console: &Path, started: Instant) -> Outcome<Duration> {
    while started.elapsed() < PROMPT_TIMEOUT {
        std::thread::sleep(Duration::from_millis(250));
        let said = std::fs::read(console).unwrap_or_default();
        if String::from_utf8_lossy(&said).contains(" login: ") {
            return Ok(started.elapsed());
        }
        if let Ok(Some(status)) = qemu.try_wait() {
            return Err(format!("QEMU ended before a login prompt: {status}"));
        }
    }
    Err("the bare base shows no login prompt".to_owned())
}

/// Returns the command of the machine that `etcd-image boot` uses, with a network that answers DHCP but is isolated.
fn machine(base: &Path, folder: &Path, added: &str, console: &Path) -> Outcome<Vec<String>> {
    let boot = |name: &str| from_boot_partition(base, folder, name);
    let (kernel, initrd) = (boot("vmlinuz-*")?, boot("initrd.img-*")?);
    let own = std::fs::read_to_string(boot("cmdline.txt")?).map_err(|error| error.to_string())?;
    let disk = folder.join("bare.qcow2").display().to_string();
    let base = base.display().to_string();
    let create = [
        "create", "-q", "-f", "qcow2", "-F", "raw", "-b", &base, &disk, "2G",
    ];
    run("qemu-img", &create)?;
    let fixed = format!(
        "-nodefaults -no-reboot -display none -monitor none -M virt -cpu cortex-a72 -smp 1 -m 768 \
         -netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile= \
         -drive file={disk},format=qcow2,if=none,id=card -device virtio-blk-pci,drive=card \
         -serial file:{} -kernel {} -initrd {} -append",
        console.display(),
        kernel.display(),
        initrd.display(),
    );
    let mut words: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    words.push(format!("{} {added}", own.trim()));
    Ok(words)
}

/// Copies the file that matches the pattern from the base's first partition, which begins at 8 MiB.
fn from_boot_partition(base: &Path, folder: &Path, pattern: &str) -> Outcome<PathBuf> {
    let copy = folder.join(pattern.trim_end_matches("-*"));
    let (image, from) = (format!("{}@@8M", base.display()), format!("::{pattern}"));
    run(
        "mcopy",
        &["-n", "-i", &image, &from, &copy.to_string_lossy()],
    )?;
    Ok(copy)
}

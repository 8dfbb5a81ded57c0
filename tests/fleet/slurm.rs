//! Runs the Slurm example for real: a controller and two compute daemons on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::shards::content;
use crate::support::fixture::{image, release};
use crate::support::port::free_port;
use crate::support::scene::{PROGRAM, Scene};
use crate::support::tool::tool;

/// The directories of programs, which Slurm's commands and the job need.
const PATH: &str = "/usr/sbin:/usr/bin:/bin";

#[test]
#[ignore = "needs Slurm, of the package slurm-wlm"]
fn an_array_job_with_a_killed_task_gives_what_one_machine_gives() {
    must_give_what_one_machine_gives(6, "[ \"$(ls shards/3 2>/dev/null)\" ]");
}

#[test]
#[ignore = "needs Slurm, of the package slurm-wlm, and ten minutes"]
fn an_array_job_builds_a_hundred_clusters_of_three_nodes() {
    let has_ten = "[ \"$(ls shards/3/*/*.img 2>/dev/null | wc -l)\" -ge 10 ]";
    must_give_what_one_machine_gives(100, has_ten);
}

/// Builds clusters of three nodes with the example, and compares every file with those of a single machine. The program of the third
/// task is killed when the shell command `condition` succeeds.
fn must_give_what_one_machine_gives(clusters: u32, condition: &str) {
    let scene = Scene::with("raspios-trixie");
    let (base, etcd) = (image("raspios-trixie"), release("arm64"));
    let template = format!(
        "[cluster]\nbase = \"{}\"\n[etcd]\nversion = \"{}\"\n",
        base.display(),
        etcd.display()
    );
    let row = |n: u32| {
        let net = format!("192.168.{n}");
        format!("lab-{n},{net}.11 {net}.12 {net}.13,{net}.1\n")
    };
    let rows: String = (1..=clusters).map(row).collect();
    scene.file("cluster.toml", &template);
    scene.file(
        "fleet.toml",
        "template = \"cluster.toml\"\ntable = \"clusters.csv\"\n",
    );
    scene.file(
        "clusters.csv",
        &format!("name,addresses,network.gateway\n{rows}"),
    );
    scene
        .bare(&["state", "init", "--fleet", "fleet.toml"])
        .done();
    scene.build(&["--fleet", "fleet.toml"]);
    scene.file("bin/etcd-image", &killed_once(condition));
    fs::set_permissions(
        scene.at("bin/etcd-image"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();

    let slurm = Slurm::start(&scene.at("slurm"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("builder/examples/slurm-array.sh");
    slurm.run_array(&scene, &script);
    let log = scene.text("shard-3.log");
    assert!(scene.at("killed").exists(), "no task was killed:\n{log}");

    let shards = (1..=8).map(|n| format!("shards/{n}")).collect::<Vec<_>>();
    let shards = shards.iter().map(String::as_str);
    let merge: Vec<&str> = ["merge", "--out", "merged"]
        .into_iter()
        .chain(shards)
        .collect();
    scene.bare(&merge).done();
    let (merged, images) = (content(&scene, "merged"), content(&scene, "images"));
    let is_image =
        |(name, _): &&(String, String)| Path::new(name).extension() == Some("img".as_ref());
    assert_eq!(
        images.iter().filter(is_image).count(),
        clusters as usize * 3
    );
    assert_eq!(merged, images);
}

/// Returns a program that runs the product, and kills it in the first attempt of the third task when `condition` succeeds. Only its exit
/// code shows that it was killed: a signal also reaches a program that has ended and that nobody has waited for, which has no `exe`.
fn killed_once(condition: &str) -> String {
    format!(
        "#!/bin/sh\nif [ \"$SLURM_ARRAY_TASK_ID\" = 3 ] && [ ! -e killed ]; then\n  {PROGRAM} \"$@\" &\n  \
         until {condition} || [ ! -e /proc/$!/exe ]; do sleep 0.01; done\n  \
         kill -9 $!\n  wait $!\n  code=$?\n  [ $code != 137 ] || touch killed\n  exit $code\nfi\nexec {PROGRAM} \"$@\"\n"
    )
}

/// The daemons of a Slurm cluster, which end with it.
struct Slurm {
    configuration: PathBuf,
    daemons: Vec<Child>,
}

impl Slurm {
    fn start(folder: &Path) -> Self {
        let user = tool("id", &["-un"]).done().text();
        let host = tool("hostname", &["-s"]).done().text();
        let (user, host) = (user.trim(), host.trim());
        let [controller, one, two] = [(); 3].map(|()| free_port("127.0.0.1"));
        let shown = folder.display();
        let configuration = folder.join("slurm.conf");
        for name in ["state", "spool-n1", "spool-n2"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let node = |name: &str, port: u16| {
            format!(
                "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=4096\n"
            )
        };
        let text = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\n\
             AuthType=auth/none\nCredType=cred/none\nAuthInfo=cred_expire=5\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n\
             SlurmUser={user}\nSlurmdUser={user}\nSlurmdParameters=config_overrides\nReturnToService=2\n\
             StateSaveLocation={shown}/state\nSlurmdSpoolDir={shown}/spool-%n\n\
             SlurmctldPidFile={shown}/slurmctld.pid\nSlurmdPidFile={shown}/slurmd-%n.pid\n{}{}\
             PartitionName=all Nodes=ALL Default=YES State=UP\n",
            node("n1", one),
            node("n2", two)
        );
        fs::write(&configuration, text).unwrap();
        let mut slurm = Self {
            configuration,
            daemons: Vec::new(),
        };
        slurm.daemon(folder, "slurmctld", &["-D", "-i"]);
        slurm.daemon(folder, "slurmd", &["-D", "-N", "n1"]);
        slurm.daemon(folder, "slurmd", &["-D", "-N", "n2"]);
        slurm.wait_until_idle();
        slurm
    }

    fn daemon(&mut self, folder: &Path, program: &str, arguments: &[&str]) {
        let log = fs::File::create(folder.join(format!("{}.log", self.daemons.len()))).unwrap();
        let child = self
            .command(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.daemons.push(child.unwrap());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command
            .arg(program)
            .env("PATH", PATH)
            .env("SLURM_CONF", &self.configuration);
        command
    }

    fn wait_until_idle(&self) {
        for _ in 0..300 {
            let told = self
                .command("sinfo")
                .args(["-h", "-o", "%T %D"])
                .output()
                .unwrap();
            if String::from_utf8_lossy(&told.stdout).trim() == "idle 2" {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the compute daemons are not idle after a minute");
    }

    /// Submits the script in the directory of a scene, and waits until every task has succeeded.
    fn run_array(&self, scene: &Scene, script: &Path) {
        let path = format!("{}:{PATH}", scene.at("bin").display());
        let mut submit = self.command("sbatch");
        submit.arg("--wait").arg(script).current_dir(scene.at(""));
        let submitted = submit
            .env("HOME", scene.at("home"))
            .env("PATH", path)
            .output()
            .unwrap();
        let logs = (1..=8).map(|n| fs::read_to_string(scene.at(&format!("shard-{n}.log"))));
        let logs: Vec<_> = logs.map(Result::unwrap_or_default).collect();
        assert!(
            submitted.status.success(),
            "{submitted:?}\n{}",
            logs.join("\n")
        );
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

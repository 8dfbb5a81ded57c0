//! Installs the requirements of the chores on a Debian or Ubuntu machine, and lists what is missing on other systems.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;

use crate::command::{Outcome, output, path, retry, root, run, say, succeeds};
use crate::qemu;

/// A program, or the path of a file, and the Debian package that contains it.
type Tool = (&'static str, &'static str);

/// The tests' checkers: another author's program reads every byte that this project writes.
const CHECKERS: [Tool; 35] = [
    ("debugfs", "e2fsprogs"),
    ("fsck.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("sgdisk", "gdisk"),
    ("openssl", "openssl"),
    ("gpg", "gpg"),
    ("gpg-agent", "gpg-agent"),
    ("ssh-keygen", "openssh-client"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("bsdcat", "libarchive-tools"),
    ("bmaptool", "bmap-tools"),
    ("curl", "curl"),
    ("/usr/sbin/update-ca-certificates", "ca-certificates"),
    ("cc", "gcc"),
    ("setfattr", "attr"),
    ("mksquashfs", "squashfs-tools"),
    ("dpkg-deb", "dpkg"),
    ("qemu-img", "qemu-utils"),
    ("strace", "strace"),
    ("age", "age"),
    ("protoc", "protobuf-compiler"),
    ("/usr/include/google/protobuf/any.proto", "libprotobuf-dev"),
    ("/usr/lib/python3/dist-packages/grpc", "python3-grpcio"),
    ("/usr/lib/python3/dist-packages/pip", "python3-pip"),
    ("/usr/lib/python3/dist-packages/yaml", "python3-yaml"),
    (
        "/usr/lib/python3/dist-packages/cryptography",
        "python3-cryptography",
    ),
    (
        "/usr/lib/python3/dist-packages/configobj",
        "python3-configobj",
    ),
    ("/usr/lib/python3/dist-packages/jinja2", "python3-jinja2"),
    (
        "/usr/lib/python3/dist-packages/jsonpatch.py",
        "python3-jsonpatch",
    ),
    (
        "/usr/lib/python3/dist-packages/jsonschema",
        "python3-jsonschema",
    ),
    (
        "/usr/lib/python3/dist-packages/oauthlib",
        "python3-oauthlib",
    ),
    (
        "/usr/lib/python3/dist-packages/requests",
        "python3-requests",
    ),
    ("/usr/lib/python3/dist-packages/serial", "python3-serial"),
];

/// The tools that make the Debian base.
const MAKERS: [Tool; 4] = [
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    ("qemu-aarch64-static", "qemu-user-static"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// Debian's package of QEMU.
const QEMU: &str = "qemu-system-arm";

/// The tools that boot the images.
const BOOTERS: [Tool; 6] = [
    ("qemu-system-aarch64", QEMU),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
];

/// The tools that create the laboratory's networks and build its images.
const LABORATORY: [Tool; 13] = [
    ("/usr/bin/python3", "python3"),
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("openssl", "openssl"),
    ("debugfs", "e2fsprogs"),
    ("fsck.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("dpkg-deb", "dpkg"),
];

/// The command that updates apt's package lists.
const UPDATE: [&str; 3] = ["apt-get", "update", "-q"];

/// A script that unpacks cloud-init, which checks seeds. An installed one would search for a seed on this machine at every boot.
const UNPACK: &str = "mkdir -p target/checkers && cd target/checkers && apt-get download -q cloud-init \
    && dpkg-deb -x cloud-init_*.deb . && rm cloud-init_*.deb";

/// A script that unpacks sshd, which decides about keys. An installed one would serve this machine.
const UNPACK_SSHD: &str = "mkdir -p target/checkers && cd target/checkers \
    && apt-get download -q openssh-server libwrap0 \
    && for each in openssh-server_*.deb libwrap0_*.deb; do dpkg-deb -x $each . && rm $each; done";

/// A script that unpacks the library that shows programs another time.
const UNPACK_FAKETIME: &str = "mkdir -p target/checkers && cd target/checkers && apt-get download -q libfaketime \
    && dpkg-deb -x libfaketime_*.deb . && rm libfaketime_*.deb";

/// A script that unpacks Prometheus and its checker of configurations and rules (19 MB). An installed one would run on this machine.
const UNPACK_PROMETHEUS: &str = "mkdir -p target/checkers && cd target/checkers && apt-get download -q prometheus \
    && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool ./usr/bin/prometheus && rm prometheus_*.deb";

/// A script that unpacks a registry of container images and another author's client of it. An installed registry would serve this
/// machine, and the installed client brings a firewall.
const UNPACK_REGISTRY: &str = "mkdir -p target/checkers && cd target/checkers \
    && apt-get download -q docker-registry skopeo libgpgme11 \
    && for each in docker-registry_*.deb skopeo_*.deb libgpgme11_*.deb; do dpkg-deb -x $each . && rm $each; done";

/// A script that unpacks oras, another client of registries, which no Debian package has (70 KB, without dependencies of its own here).
const UNPACK_ORAS: &str = "mkdir -p target/checkers && cd target/checkers \
    && echo oras==0.2.43 --hash=sha256:bf295b1cfb5017f579c35c3394c7a71707f6aff463cb6699d5d191a6d8b56ea6 > oras.txt \
    && /usr/bin/python3 -m pip install -q --no-deps --only-binary :all: --target oras -r oras.txt && rm oras.txt";

/// A script that unpacks the SPDX project's validator of bills of materials with the packages that it needs (2 MB); no Debian package has
/// it.
const UNPACK_SPDX: &str = "mkdir -p target/checkers && cd target/checkers && cat > spdx.txt <<END
spdx-tools==0.8.5 --hash=sha256:7c2d5865941be9d2e898f5b084e8d5422dd298dc5a29320ddb198fec304f59c4
beartype==0.23.1 --hash=sha256:4461b4dc57e3fdd6c8a8464b22cf118002eea107c33e9fef651c69068ab3cce3
boolean.py==5.0 --hash=sha256:ef28a70bd43115208441b53a045d1549e2f0ec6e3d08a9d142cbc41c1938e8d9
license-expression==30.4.4 --hash=sha256:421788fdcadb41f049d2dc934ce666626265aeccefddd25e162a26f23bcbf8a4
semantic-version==2.10.0 --hash=sha256:de78a3b8e0feda74cabc54aab2da702113e33ac9d9eb9d2389bcf1f58b7d9177
uritools==6.1.5 --hash=sha256:6cc6b29458d7df933c8fcebafe766442265742875c339711986c8f6d639f8909
END
rm -rf spdx.new && /usr/bin/python3 -m pip install -q --no-deps --only-binary :all: --no-compile --target spdx.new -r spdx.txt
rm spdx.txt && mv spdx.new spdx";

/// A script that unpacks the schemas of Kubernetes and of the workflows of GitHub Actions (5 MB) from two Python packages; no Debian package
/// has them.
const UNPACK_SCHEMAS: &str = "mkdir -p target/checkers && cd target/checkers && cat > schemas.txt <<END
kubernetes-validate==1.37.0 --hash=sha256:85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
check-jsonschema==0.39.0 --hash=sha256:14ce5c94871c551268ea948ffe21e9f1464dc48fb20bf9a4c13deeaaf756cf9b
END
rm -rf schemas.new && /usr/bin/python3 -m pip download -q --no-deps --only-binary :all: -d schemas.new -r schemas.txt && rm schemas.txt
cd schemas.new && bsdtar -xf kubernetes_validate-*.whl 'kubernetes_validate/kubernetes-json-schema/v1.33.0-local-strict/*'
bsdtar -xf check_jsonschema-*.whl check_jsonschema/builtin_schemas/vendor/github-workflows.json
rm ./*.whl && cd .. && mv schemas.new schemas";

/// A script that unpacks moto, a server of S3 that checks signatures, and the command line of AWS (65 MB) with the packages that they need
/// for S3 and for users; Debian's packages of the checkers have the others. No Debian package has moto.
const UNPACK_AWS: &str = "mkdir -p target/checkers && cd target/checkers && cat > aws.txt <<END
awscli==1.45.11 --hash=sha256:30cb321c6e83ab446ec279c16bb0e3ad5b9e0497e1f7598957af834729166c7d
blinker==1.9.0 --hash=sha256:ba0efaa9080b619ff2f3459d1d500c57bddea4a6b424b60a91141db6fd2f08bc
boto3==1.43.11 --hash=sha256:8b166545ca2d6ea49d308db38b9a4f2c54ff718f3d6a55b3fed0184dc2c21597
botocore==1.43.11 --hash=sha256:0108b5604df5a26918936c845e1e761866ee9ea8d1c1f9358ed3c69afdc37436
click==8.4.0 --hash=sha256:40c50b7c6c6adac2823d411041ec84f3f103f1b280d5e9ce0d7f998995832f81
colorama==0.4.6 --hash=sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6
docutils==0.19 --hash=sha256:5e1de4d849fee02c63b040a4a3fd567f4ab104defd8a5511fbbc24a8a017efbc
flask-cors==6.0.2 --hash=sha256:e57544d415dfd7da89a9564e1e3a9e515042df76e12130641ca6f3f2f03b699a
flask==3.1.3 --hash=sha256:f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c
itsdangerous==2.2.0 --hash=sha256:c6242fc49e35958c8b15141343aa660db5fc54d4f13a1db01a3f5891b98700ef
jmespath==1.1.0 --hash=sha256:a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
moto==5.2.1 --hash=sha256:19d2fbd6e613aa5b4e364c52cd5d3cea371643a0f4210689a703227bd2924c5c
py-partiql-parser==0.6.3 --hash=sha256:deb0769c3346179d2f590dcbde556f708cdb929059fb654bad75f4cf6e07f582
pyasn1==0.6.3 --hash=sha256:a80184d120f0864a52a073acc6fc642847d0be408e7c7252f31390c0f4eadcde
python-dateutil==2.9.0.post0 --hash=sha256:a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427
responses==0.26.0 --hash=sha256:03ec4409088cd5c66b71ecbbbd27fe2c58ddfad801c66203457b3e6a04868c37
rsa==4.7.2 --hash=sha256:78f9a9bf4e7be0c5ded4583326e7461e3a3c5aae24073648b4bdfa797d78c9d2
s3transfer==0.17.0 --hash=sha256:ce3801712acf4ad3e89fb9990df97b4972e93f4b3b0004d214be5bce12814c20
werkzeug==3.1.8 --hash=sha256:63a77fb8892bf28ebc3178683445222aa500e48ebad5ec77b0ad80f8726b1f50
xmltodict==1.0.4 --hash=sha256:a4a00d300b0e1c59fc2bfccb53d7b2e88c32f200df138a0dd2229f842497026a
END
rm -rf aws.new && /usr/bin/python3 -m pip install -q --no-deps --only-binary :all: --no-compile --target aws.new -r aws.txt
rm -r aws.txt aws.new/awscli/examples && mv aws.new aws";

/// A program in Python that succeeds if moto and the command line of AWS run with this Python.
const RUNS_AWS: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// A script that unpacks Patroni with the Python modules that it needs.
const UNPACK_PATRONI: &str = "mkdir -p target/cases/patroni && cd target/cases/patroni \
    && apt-get download -q patroni python3-psycopg2 python3-dnspython python3-prettytable python3-wcwidth python3-psutil \
        python3-cdiff python3-etcd python3-yaml python3-urllib3 python3-dateutil python3-click python3-six \
    && for each in *.deb; do dpkg-deb -x $each . && rm $each; done";

/// The command that compiles snapd, the checker of Ubuntu Core's seeds, once, with an unpacked compiler (90 MB, a minute).
const BUILD_SNAPD: [&str; 2] = [
    "tests/support/checker/snapd/build.sh",
    "target/checkers/snapd",
];

/// Installs only the checkers, which the tests on fixtures need.
pub(crate) fn checkers() -> Outcome {
    install(&CHECKERS)?;
    unpack_checkers()
}

/// Unpacks or compiles, under target/, the checkers that are not installed.
pub(crate) fn unpack_checkers() -> Outcome {
    if !root()
        .join("target/checkers/usr/lib/cloud-init/ds-identify")
        .is_file()
    {
        unpack(&["-euc", UNPACK])?;
    }
    if !found("/usr/sbin/sshd") && !root().join("target/checkers/usr/sbin/sshd").is_file() {
        unpack(&["-euc", UNPACK_SSHD])?;
    }
    faketime()?;
    let has =
        |name: &&str| found(name) || root().join("target/checkers/usr/bin").join(name).is_file();
    if !["promtool", "prometheus"].iter().all(has) {
        unpack(&["-euc", UNPACK_PROMETHEUS])?;
    }
    if !["docker-registry", "skopeo"].iter().all(has) {
        unpack(&["-euc", UNPACK_REGISTRY])?;
    }
    if !root().join("target/checkers/oras/oras/client.py").is_file() {
        unpack(&["-euc", UNPACK_ORAS])?;
    }
    if !root().join("target/checkers/spdx").is_dir() {
        unpack(&["-euc", UNPACK_SPDX])?;
    }
    if !root().join("target/checkers/schemas").is_dir() {
        unpack(&["-euc", UNPACK_SCHEMAS])?;
    }
    if !root().join("target/checkers/aws").is_dir() {
        match succeeds("/usr/bin/python3", &["-c", RUNS_AWS]) {
            true => unpack(&["-euc", UNPACK_AWS])?,
            false => say("the tests with a real S3 server will be skipped: they need Python 3.10"),
        }
    }
    unpack(&BUILD_SNAPD)
}

/// Unpacks the library that shows programs another time.
fn faketime() -> Outcome {
    if succeeds("sh", &["-c", "ls target/checkers/usr/lib/*/faketime"]) {
        return Ok(());
    }
    unpack(&["-euc", UNPACK_FAKETIME])
}

/// Unpacks Patroni under target/, and installs the database that it looks after.
pub(crate) fn patroni() -> Outcome {
    if !succeeds("sh", &["-c", "ls /usr/lib/postgresql/*/bin/initdb"]) {
        with_new_lists(|| apt(&["postgresql"]))?;
    }
    if root()
        .join("target/cases/patroni/usr/bin/patroni")
        .is_file()
    {
        return Ok(());
    }
    unpack(&["-euc", UNPACK_PATRONI])
}

/// Runs a script that downloads packages; if it fails, updates apt's lists and tries again.
fn unpack(script: &[&str]) -> Outcome {
    run("sh", script).or_else(|_| with_new_lists(|| run("sh", script)))
}

/// Updates apt's lists before an action that needs them, and repeats both if one fails.
fn with_new_lists(action: impl Fn() -> Outcome) -> Outcome {
    let update = as_root(&UPDATE)?;
    retry(|| {
        start(&update)?;
        action()
    })
}

/// Installs Slurm, whose daemons the tests start themselves.
pub(crate) fn slurm() -> Outcome {
    install(&[("slurmctld", "slurm-wlm")])
}

/// Installs the tools that make, boot and log in to nodes, without the checkers.
pub(crate) fn makers() -> Outcome {
    let keys = [("ssh-keygen", "openssh-client")];
    install(&[&MAKERS[..], &BOOTERS, &keys].concat())
}

/// Installs the requirements of the laboratory in network namespaces; mmdebstrap fetches etcd for it.
pub(crate) fn lab() -> Outcome {
    install(&[&LABORATORY[..], &MAKERS].concat())?;
    faketime()
}

/// Installs or unpacks all tools that the chores need.
pub(crate) fn tools() -> Outcome {
    installed()?;
    unpack_checkers()
}

/// Installs the packages of all tools that the chores need, which may need a password.
pub(crate) fn installed() -> Outcome {
    let keys = [("ssh-keygen", "openssh-client")];
    install(&[&CHECKERS[..], &MAKERS, &BOOTERS, &LABORATORY, &keys].concat())
}

/// Installs the packages of all missing tools in one step that removes no package, and checks afterwards that every tool exists.
fn install(tools: &[Tool]) -> Outcome {
    let missing = packages(tools, &|program| !found(program));
    if missing.is_empty() {
        return Ok(());
    }
    if !found("apt-get") {
        return Err(format!("please install what brings: {}", missing.join(" ")));
    }
    with_new_lists(|| install_without_removing(&missing))?;
    let absent = packages(tools, &|program| !found(program));
    match absent.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "apt-get succeeded, but programs of these packages are still missing: {}",
            absent.join(" ")
        )),
    }
}

/// Installs all packages at once. If QEMU would replace an installed package, it is unpacked under target/ instead.
fn install_without_removing(packages: &[&str]) -> Outcome {
    let conflicts =
        |packages: &[&str]| !succeeds("apt-get", &[&["-s"], &INSTALL[..], packages].concat());
    if !packages.contains(&QEMU) || !conflicts(packages) {
        return apt(packages);
    }
    let needed = qemu::needed(QEMU)?;
    let others = packages.iter().copied().filter(|package| *package != QEMU);
    let libraries = needed.libraries.iter().map(String::as_str);
    apt(&others.chain(libraries).collect::<Vec<_>>())?;
    qemu::unpack(&needed)
}

/// The arguments of an installation that never prompts and never replaces a conflicting installed package.
const INSTALL: [&str; 5] = [
    "install",
    "-q",
    "-y",
    "--no-install-recommends",
    "--no-remove",
];

fn apt(packages: &[&str]) -> Outcome {
    let environment = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    start(&as_root(&[&environment, &INSTALL[..], packages].concat())?)
}

/// Returns the packages of the wanted tools, each once.
fn packages<'a>(tools: &[(&str, &'a str)], wanted: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
    let chosen = tools.iter().filter(|(program, _)| wanted(program));
    let sorted: BTreeSet<&str> = chosen.map(|(_, package)| *package).collect();
    sorted.into_iter().collect()
}

/// Returns whether a program or file exists. Administrators' programs are outside an ordinary user's PATH.
fn found(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    path().iter().any(|folder| folder.join(program).is_file())
}

/// Returns the words that run a command as root.
fn as_root<'a>(command: &[&'a str]) -> Outcome<Vec<&'a str>> {
    if output("id", &["-u"])?.trim() == "0" {
        return Ok(command.to_owned());
    }
    // sudo can ask for a password only at a terminal.
    if succeeds("sudo", &["-n", "true"]) || (found("sudo") && std::io::stdin().is_terminal()) {
        return Ok([&["sudo"], command].concat());
    }
    Err(format!("please run as root: {}", command.join(" ")))
}

fn start(words: &[&str]) -> Outcome {
    let (name, arguments) = words.split_first().ok_or("nothing to run")?;
    run(name, arguments)
}

//! Starts the laboratory: nodes' own files with real etcd in network namespaces.

use crate::command::{self, Outcome, root};
use crate::setup;

/// The laboratory's program.
const PROGRAM: &str = "target/debug/lab";
/// Each series of etcd in the scenarios, and the Debian release that contains it. No Debian release contains etcd 3.6.
const ETCD: [(&str, &str); 2] = [("3.5", "trixie"), ("3.4", "bookworm")];

/// A script that unpacks the .proto files of etcd's API, as `client/grpcurl.sh` expects them, into `FOLDER/usr/share/gocode/src`:
/// `sh -c SCRIPT sh SUITE FOLDER`. Only Debian 12 has Google's.
const PROTOS: &str = "rm -rf $2.new $2.google && mkdir -p $2.new && arch=$(dpkg --print-architecture) \
    && sh builder/lab/packages.sh $1 $arch $2.new golang-etcd-server-dev golang-github-gogo-protobuf-dev golang-github-grpc-ecosystem-grpc-gateway-dev \
    && sh builder/lab/packages.sh bookworm $arch $2.google golang-github-grpc-ecosystem-grpc-gateway-dev \
    && mkdir -p $2.new/usr/share/gocode/src/github.com/googleapis \
    && mv $2.google/usr/share/gocode/src/github.com/grpc-ecosystem/grpc-gateway/third_party/googleapis $2.new/usr/share/gocode/src/github.com/googleapis/ \
    && rm -r $2.google && mv $2.new $2";

/// Installs the laboratory's requirements, builds it and runs it with these arguments.
pub(crate) fn run(words: &[&str]) -> Outcome {
    setup::lab()?;
    etcd()?;
    // For one package alone, cargo would compile its dependencies again, with fewer features.
    command::run("cargo", &["build", "--quiet", "--workspace", "--bins"])?;
    command::run(PROGRAM, words)
}

/// Fetches etcd for this machine, and the .proto files of its API, which the tests of running clusters need as well.
pub(crate) fn etcd() -> Outcome {
    for (series, suite) in ETCD {
        let folder = format!("target/lab/etcd/{series}");
        if !root().join(&folder).join("etcd").is_file() {
            setup::lab()?;
            command::retry(|| command::run("sh", &["builder/lab/etcd.sh", suite, &folder]))?;
        }
        let folder = format!("target/lab/proto/{series}");
        if !root().join(&folder).is_dir() {
            setup::lab()?;
            command::retry(|| command::run("sh", &["-euc", PROTOS, "sh", suite, &folder]))?;
        }
    }
    Ok(())
}

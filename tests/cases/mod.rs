//! Boots the clusters of `builder/examples/` and runs the final commands of the published walk-throughs that they replace.
//!
//! `cargo xtask test --cases` runs them and prints one table. A file `LETTER.toml` beside this one lists the items that the
//! reader of a walk-through ends up with, and the command that shows each. The walk-throughs are named A to E:
//!
//! - A: three Raspberry Pis at home, which a Go program uses
//! - B: four Raspberry Pis with Ubuntu Core
//! - C: the store of a `PostgreSQL` cluster with Patroni
//! - D: etcd beside a Kubernetes cluster
//! - E: Kubernetes from scratch on virtual machines

mod case;
mod example;
mod list;
mod patroni;

use case::Case;
use example::{Base, Example};

use crate::support::cluster::{ETCD_3_4, inside};
use crate::support::{core_like, enclosed, pi_like, ubuntu_like};

/// Debian 13 with etcd's package, which the program makes.
const DEBIAN: Base = Base::Recipe("debian-trixie");

/// Builds and boots the example of a walk-through and runs its commands.
fn run(list: &'static str, etcd: &'static str, base: Base) {
    let example = Example::read(list, etcd, base);
    if !enclosed::is_inside() {
        example.build();
    }
    inside(|| {
        let mut case = Case::boot(example);
        case.runs_all();
        case.ends();
    });
}

#[test]
#[ignore = "boots three machines: about five minutes"]
fn a_pi_home_lab() {
    let base = Base::StandIn("pi.img", pi_like::make);
    run("A", ETCD_3_4, base);
}

#[test]
#[ignore = "boots four machines twice: about ten minutes"]
fn b_ubuntu_core() {
    let base = Base::StandIn("core.img", |path| core_like::make("dangerous", path));
    run("B", "debian", base);
}

#[test]
#[ignore = "boots three machines: about five minutes"]
fn c_patroni_dcs() {
    run("C", "debian", DEBIAN);
}

#[test]
#[ignore = "needs Debian's patroni, which `cargo xtask test --cases` unpacks: about a minute"]
fn c_patroni_promotes_a_standby() {
    patroni::run();
}

#[test]
#[ignore = "boots three machines: about five minutes"]
fn d_kubernetes_external() {
    let base = Base::StandIn("ubuntu.img", ubuntu_like::make);
    run("D", "debian", base);
}

#[test]
#[ignore = "boots one machine: about three minutes"]
fn d_kubernetes_external_without_tls() {
    let base = Base::StandIn("ubuntu.img", ubuntu_like::make);
    run("D-http", "debian", base);
}

#[test]
#[ignore = "makes a base and boots three machines: about ten minutes"]
fn e_kubernetes_by_hand() {
    run("E", ETCD_3_4, DEBIAN);
}

//! What `cargo xtask test --full` boots besides: the same power cuts, many more times, and crueller.

use crate::support::cluster::inside;
use crate::support::three::Three;

#[test]
#[ignore = "boots three machines twenty-one times: about an hour"]
fn twenty_power_cuts_lose_no_acknowledged_write() {
    inside(
        "boot_full::twenty_power_cuts_lose_no_acknowledged_write",
        || {
            Three::healthy("twenty").keeps_its_promises_through_power_cuts(20);
        },
    );
}

//! Runs a test once more inside namespaces of its own, which the kernel ends with it.

use std::process::Command;
use std::thread;

use lab::qemu::enclosed;

/// The environment variable that is set in the process inside the namespaces.
const INSIDE: &str = "ETCD_IMAGE_TEST_INSIDE";

/// Returns whether this process runs inside the namespaces.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test once more inside namespaces, where it executes `body`.
pub(crate) fn inside(body: impl FnOnce()) {
    if is_inside() {
        return body();
    }
    // The thread of a test has its name.
    let test = thread::current();
    let name = test.name().filter(|name| name.contains("::")).unwrap();
    let mut command: Command = enclosed(&std::env::current_exe().unwrap()).unwrap();
    command.args([name, "--exact", "--include-ignored", "--nocapture"]);
    let status = command.env(INSIDE, "1").status().unwrap();
    assert!(status.success(), "inside: {status}");
}

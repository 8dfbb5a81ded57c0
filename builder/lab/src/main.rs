//! `lab`: the laboratory in network namespaces, which `cargo xtask lab` starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return lab::netns::main();
    #[cfg(not(target_os = "linux"))]
    ExitCode::FAILURE
}

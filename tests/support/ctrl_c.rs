//! Presses Ctrl-C while the program writes a card.

use super::scene::{Outcome, Scene};

/// Starts a command, and interrupts it as soon as the beginning of a card is erased.
const INTERRUPT: &str = r#"
import signal, subprocess, sys, time
card, command = sys.argv[1], sys.argv[2:]
child = subprocess.Popen(command)
while child.poll() is None:
    with open(card, "rb") as file:
        if not any(file.read(4096)):
            child.send_signal(signal.SIGINT)
            break
    time.sleep(0.001)
sys.exit(child.wait())
"#;

/// Runs `etcd-image` with exactly these arguments and environment variables, each as `NAME=VALUE`, and interrupts it while it
/// writes this card, whose beginning must not be zero. It may end before the signal comes.
pub(crate) fn while_writing(
    scene: &Scene,
    card: &str,
    variables: &[String],
    arguments: &[&str],
) -> Outcome {
    let mut program = vec!["/usr/bin/env"];
    program.extend(variables.iter().map(String::as_str));
    program.extend(["/usr/bin/python3", "-c", INTERRUPT, card]);
    scene.bare_under(&program, arguments)
}

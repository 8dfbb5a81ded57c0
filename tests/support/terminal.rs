//! Answers a question of the program at a terminal.

use super::scene::{Outcome, Scene};

/// Runs a command at a terminal of its own, types a line after a question, and prints everything that the terminal has shown.
/// A secret line is typed as soon as the terminal no longer shows what is typed.
const TERMINAL: &str = r#"
import os, pty, sys, termios, time
kind, question, line, command = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown, typed = b"", False
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    shown += part
    if not typed and question in shown:
        late = time.monotonic() + 300
        while kind == "secret" and termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < late:
            time.sleep(0.01)
        os.write(terminal, line + b"\n")
        typed = True
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// Runs `etcd-image` at a terminal, at which somebody types this line after this question. The standard output of the result
/// is what the terminal has shown.
pub(crate) fn typed(scene: &Scene, question: &str, line: &str, arguments: &[&str]) -> Outcome {
    at(scene, ["shown", question, line], arguments)
}

/// Does the same with a line that the terminal does not show.
pub(crate) fn typed_secret(
    scene: &Scene,
    question: &str,
    line: &str,
    arguments: &[&str],
) -> Outcome {
    at(scene, ["secret", question, line], arguments)
}

fn at(scene: &Scene, typed: [&str; 3], arguments: &[&str]) -> Outcome {
    let terminal = [&["/usr/bin/python3", "-c", TERMINAL], &typed[..]].concat();
    scene.bare_under(&terminal, arguments)
}

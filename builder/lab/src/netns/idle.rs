//! A host that holds many connections to a node's port for members and sends nothing.

use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

const PORT: u16 = 2380;
/// The number of connections to one node.
const LINES: usize = 30;
const PAUSE: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// Connections that are opened again whenever a node closes them, until this value is dropped.
#[derive(Debug)]
pub(super) struct IdleHost {
    stopped: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl IdleHost {
    pub(super) fn connect(nodes: impl Iterator<Item = IpAddr>) -> Self {
        let (stopped, opened) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let hold = |node| {
            let (stopped, opened) = (Arc::clone(&stopped), Arc::clone(&opened));
            std::thread::spawn(move || hold(SocketAddr::new(node, PORT), &stopped, &opened))
        };
        let threads = nodes.map(hold).collect();
        Self {
            stopped,
            opened,
            threads,
        }
    }

    /// Returns how many connections nodes have accepted.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }
}

impl Drop for IdleHost {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn hold(node: SocketAddr, stopped: &AtomicBool, opened: &AtomicU64) {
    let mut lines = Vec::new();
    while !stopped.load(Relaxed) {
        lines.retain_mut(is_open);
        while lines.len() < LINES
            && let Ok(line) = TcpStream::connect_timeout(&node, CONNECT_TIMEOUT)
            && line.set_nonblocking(true).is_ok()
        {
            opened.fetch_add(1, Relaxed);
            lines.push(line);
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_open(line: &mut TcpStream) -> bool {
    matches!(line.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

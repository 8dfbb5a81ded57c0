//! Ports for programs that cannot choose one by themselves and say which.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port, and how many follow. The kernel chooses ports for everybody else from 32768 on.
const FIRST: u16 = 10_000;
const MANY: u32 = 22_000;
/// The distance between the first ports of two processes, each of which runs one test.
const DISTANCE: u32 = 16;

/// Returns a port of this address that is free. Nobody else takes it before the caller's program does, unlike one that the
/// kernel has chosen and may choose again for another test. Other tests do not get it as long as this one runs.
pub(crate) fn free_port(host: &str) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = (process::id().wrapping_mul(DISTANCE) + number) % MANY;
        let port = FIRST + u16::try_from(place).unwrap();
        if is_reserved(port) && TcpListener::bind((host, port)).is_ok() {
            return port;
        }
    }
}

/// Reserves a port for this process until it ends, unless another one has it: the first ports of two processes may be the same, and
/// a program does not listen at once.
fn is_reserved(port: u16) -> bool {
    static LOCKS: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ports");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(port.to_string())).unwrap();
    let is_reserved = lock.try_lock().is_ok();
    if is_reserved {
        LOCKS.lock().unwrap().push(lock);
    }
    is_reserved
}

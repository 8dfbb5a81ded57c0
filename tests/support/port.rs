//! Ports for programs that cannot choose one by themselves and say which.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port, and how many follow. The kernel chooses ports for everybody else from 32768 on.
const FIRST: u16 = 10_000;
const MANY: u32 = 22_000;
/// The distance between the first ports of two processes, each of which runs one test.
const DISTANCE: u32 = 16;

/// Returns a port of this address that is free. Nobody else takes it before the caller's program does, unlike one that the
/// kernel has chosen and may choose again for another test.
pub(crate) fn free_port(host: &str) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = (process::id().wrapping_mul(DISTANCE) + number) % MANY;
        let port = FIRST + u16::try_from(place).unwrap();
        if TcpListener::bind((host, port)).is_ok() {
            return port;
        }
    }
}

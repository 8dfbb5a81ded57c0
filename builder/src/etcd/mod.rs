//! A client of running clusters: etcd's gRPC API over mutual TLS.
//!
//! Its functions block. The asynchronous libraries below them run on the caller's thread inside [`Session`], and nowhere else
//! in the program.

mod call_error;
mod client;
mod lease;
mod maintenance;
mod messages;
mod session;
mod timeouts;
mod transaction;
mod transport;

pub use call_error::CallError;
pub use client::Client;
pub use maintenance::KeyRange;
pub use messages::{Alarm, Hash, Member, Pair, Status};
pub use session::Session;
pub use timeouts::Timeouts;

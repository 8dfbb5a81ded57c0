//! Tests what `etcd-image build` writes, and that it writes nothing else.

mod compressed;
mod foreign;
mod identity;
mod images;
mod interrupted;
mod killed;
mod lock;
#[cfg(unix)]
mod made_base;
mod new_base;
mod prometheus;
mod publication;
mod tampered;
mod unchanged;

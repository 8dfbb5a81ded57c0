//! Tests what `etcd-image build` writes, and that it writes nothing else.

mod compressed;
mod identity;
mod images;
mod interrupted;
mod killed;
mod lock;
mod new_base;
mod prometheus;
mod publication;
mod tampered;
mod unchanged;

//! Calls every function that `.clippy.toml` bans, each once. `bans/mod.rs` asserts that clippy reports all of them.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

pub fn change_files_with_std(path: &Path, options: &std::fs::OpenOptions) {
    let _ = path.exists();
    let _ = std::fs::write(path, "");
    let _ = std::fs::copy(path, path);
    let _ = std::fs::rename(path, path);
    let _ = std::fs::create_dir(path);
    let _ = std::fs::create_dir_all(path);
    let _ = std::fs::DirBuilder::new().create(path);
    let _ = std::fs::remove_file(path);
    let _ = std::fs::remove_dir(path);
    let _ = std::fs::remove_dir_all(path);
    let _ = std::fs::hard_link(path, path);
    let _ = std::fs::metadata(path).map(|it| std::fs::set_permissions(path, it.permissions()));
    let _ = std::fs::File::create(path);
    let _ = std::fs::File::create_new(path);
    let _ = std::fs::File::options();
    let _ = options.open(path);
    let _ = std::os::unix::fs::symlink(path, path);
}

pub fn change_files_with_fs_err(path: &Path, options: &fs_err::OpenOptions) {
    let _ = fs_err::write(path, "");
    let _ = fs_err::copy(path, path);
    let _ = fs_err::rename(path, path);
    let _ = fs_err::create_dir(path);
    let _ = fs_err::create_dir_all(path);
    let _ = fs_err::remove_file(path);
    let _ = fs_err::remove_dir(path);
    let _ = fs_err::remove_dir_all(path);
    let _ = fs_err::hard_link(path, path);
    let _ = fs_err::metadata(path).map(|it| fs_err::set_permissions(path, it.permissions()));
    let _ = fs_err::File::create(path);
    let _ = fs_err::File::create_new(path);
    let _ = fs_err::File::options();
    let _ = options.open(path);
    let _ = fs_err::os::unix::fs::symlink(path, path);
}

pub fn make_temporary_files(path: &Path, builder: &tempfile::Builder<'_, '_>) {
    let _ = tempfile::tempfile();
    let _ = tempfile::tempfile_in(path);
    let _ = tempfile::tempdir();
    let _ = tempfile::tempdir_in(path);
    let _ = tempfile::NamedTempFile::new();
    let _ = tempfile::NamedTempFile::new_in(path);
    let _ = tempfile::TempDir::new();
    let _ = tempfile::TempDir::new_in(path);
    let _ = builder.tempfile_in(path);
    let _ = builder.tempdir_in(path);
    let _ = builder.make_in(path, |_| Ok(()));
}

pub fn read_clock_and_environment() {
    let _ = std::time::SystemTime::now();
    let _ = std::env::var("HOME");
    let _ = std::env::var_os("HOME");
    let _ = std::env::vars();
    let _ = std::env::vars_os();
    let _ = std::env::args();
    let _ = std::env::args_os();
    let _ = std::env::home_dir();
    let _ = std::env::current_dir();
    let _ = std::env::temp_dir();
}

pub fn start_programs_and_open_connections() {
    let _ = std::process::Command::new("true");
    let _ = TcpStream::connect("localhost:1");
    let _ = TcpListener::bind("localhost:1");
    let _ = UdpSocket::bind("localhost:1");
    let _ = UnixStream::connect("socket");
    let _ = UnixListener::bind("socket");
}

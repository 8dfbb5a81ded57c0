//! Provides fixtures by name: made once by `tests/fixtures/*.sh`, cached under the scripts' digest, read-only for tests.
//!
//! Tests run as parallel processes: the first one that needs a fixture makes it under a lock, and the others wait for it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};
use sha2::{Digest as _, Sha256};

use super::tool::tool;

/// The etcd version that stand-in releases carry.
pub(crate) const ETCD: &str = "3.6.14";

/// Returns the image `FAMILY[+MISTAKE…]`, e.g. `raspios-trixie+dirty-journal`; `fixtures/INDEX.md` lists both parts.
pub(crate) fn image(name: &str) -> PathBuf {
    let generator = match name.starts_with("ubuntu-core") {
        true => "core.sh",
        false => "image.sh",
    };
    made(&format!("{name}.img"), |out| {
        script(generator, &[name], out);
    })
}

/// Returns a packed image, e.g. `packed("raspios-trixie", "xz-multi")`.
pub(crate) fn packed(name: &str, kind: &str) -> PathBuf {
    let image = image(name);
    let ending = kind.split('-').next().unwrap();
    made(&format!("{name}-{kind}.img.{ending}"), |out| {
        script("pack.sh", &[kind, image.to_str().unwrap()], out);
    })
}

/// Returns a file that is not an image: `random`, `empty`, `text` or `blank`.
pub(crate) fn junk(kind: &str) -> PathBuf {
    made(&format!("{kind}.img"), |out| {
        script("junk.sh", &[kind], out);
    })
}

/// Returns a stand-in etcd release under its official name, even if broken; `deb-…` kinds get a package's name.
pub(crate) fn release(kind: &str) -> PathBuf {
    let name = match kind.strip_prefix("deb-") {
        Some(package) => format!("etcd-{package}_{ETCD}-1_arm64.deb"),
        None => format!("etcd-v{ETCD}-linux-arm64.tar.gz"),
    };
    made(&format!("release-{kind}/{name}"), |out| {
        script("release.sh", &[kind, ETCD], out);
    })
}

/// Runs a generator; the file appears under its name only when it is complete.
#[track_caller]
pub(crate) fn script(name: &str, arguments: &[&str], out: &Path) {
    let script = folder().join(name);
    let mut all = vec![script.to_str().unwrap()];
    all.extend(arguments);
    all.push(out.to_str().unwrap());
    tool("sh", &all).done();
}

/// Makes a sparse copy that a test may modify.
pub(crate) fn copy_sparse(from: &Path, to: &Path) {
    let source = File::open(from).unwrap();
    window(&source, 0, source.metadata().unwrap().len(), to);
}

/// Copies `length` bytes from `start`; holes and zeros become holes.
pub(crate) fn window(source: &File, start: u64, length: u64, to: &Path) {
    let target = File::create(to).unwrap();
    target.set_len(length).unwrap();
    let end = start + length;
    let mut at = start;
    while let Some(data) = next_data(source, at, end) {
        copy_data(source, data.clone(), &target, start);
        at = data.end;
    }
}

/// Returns the next range that is not a hole.
fn next_data(source: &File, at: u64, end: u64) -> Option<Range<u64>> {
    let from = seek(source, SeekFrom::Data(at))
        .ok()
        .filter(|from| *from < end)?;
    let to = seek(source, SeekFrom::Hole(from)).unwrap().min(end);
    Some(from..to)
}

fn copy_data(source: &File, data: Range<u64>, target: &File, start: u64) {
    let mut buffer = vec![0; 1 << 18];
    let zeroes = buffer.clone();
    for at in data.clone().step_by(buffer.len()) {
        let part = buffer.len().min(usize::try_from(data.end - at).unwrap());
        source.read_exact_at(&mut buffer[..part], at).unwrap();
        if buffer[..part] != zeroes[..part] {
            target.write_all_at(&buffer[..part], at - start).unwrap();
        }
    }
}

/// Returns the SHA-256 of a file in lower-case hexadecimal.
pub(crate) fn digest(path: &Path) -> String {
    let mut file = File::open(path).unwrap();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).unwrap();
        if read == 0 {
            return hex(&hash.finalize());
        }
        hash.update(&buffer[..read]);
    }
}

/// Encodes bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(digits).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns the directory of the fixtures, whose name depends on the scripts, so that a stale fixture is never used.
pub(crate) fn cache() -> PathBuf {
    let mut scripts: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    scripts.sort();
    let mut hash = Sha256::new();
    for script in scripts
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "sh"))
    {
        let mut text = Vec::new();
        File::open(script).unwrap().read_to_end(&mut text).unwrap();
        hash.update(u64::try_from(text.len()).unwrap().to_le_bytes());
        hash.update(text);
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("fixtures").join(&hex(&hash.finalize())[..16])
}

/// Returns the cached file and makes it first if it does not exist.
fn made(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let path = cache().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lock = File::create(cache().join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        make(&path);
        read_only(&path);
    }
    path
}

fn read_only(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).unwrap();
}

/// Overwrites bytes of a copy.
pub(crate) fn poke(path: &Path, offset: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

/// Writes a file and creates its directory.
pub(crate) fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(content).unwrap();
}

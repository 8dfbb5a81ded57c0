//! Makes a base with Debian's real programs that the program takes for Raspberry Pi OS.
//!
//! It replaces the official images, which are not available to the tests: the real debian-trixie base with the Raspberry Pi's
//! issue file, and without Debian's kernel, its initramfs and its modules.

use std::fs;
use std::path::Path;

use etcd_image::cli::Environment;
use etcd_image::inspect::Image;
use etcd_image::{fetch, progress};

use super::fixture::copy_sparse;
use super::tool::tool;

/// Writes the image.
pub(crate) fn make(image: &Path) {
    copy_sparse(&debian(), image);
    let layout = Image::open(image).unwrap().layout().clone();
    let root = format!(
        "{}?offset={}",
        image.display(),
        layout.system.part().unwrap().start
    );
    let folder = image.parent().unwrap();
    let own = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let modules = "/usr/lib/modules";
    let issue = own("rpi-issue", "Raspberry Pi reference\n");
    let names = tool("debugfs", &["-R", &format!("ls -p {modules}"), &root]).done();
    let names = names.text();
    let mut fields = names.lines().filter_map(|line| line.split('/').nth(5));
    let release = fields.find(|name| name.ends_with("-arm64")).unwrap();
    // The directory of modules gets the name of a kernel that does not run here.
    for change in [
        format!("write {issue} /etc/rpi-issue"),
        format!("ln {modules}/{release} {modules}/6.12.0+rpt-rpi-v8"),
        format!("unlink {modules}/{release}"),
    ] {
        tool("debugfs", &["-w", "-R", &change, &root]).done();
    }
    let boot = format!("{}@@{}", image.display(), layout.boot.start);
    let [kernel, initramfs, config] = [
        format!("::vmlinuz-{release}"),
        format!("::initrd.img-{release}"),
        "::config.txt".to_owned(),
    ];
    tool("mdel", &["-i", &boot, &kernel, &initramfs, &config]).done();
    let config = own("config.txt", "auto_initramfs=1\narm_64bit=1\n");
    let kernel = own(
        "kernel8.img",
        "Raspberry Pi's own kernel, which is not looked at",
    );
    tool("mcopy", &["-i", &boot, &config, &kernel, "::"]).done();
}

/// Returns the real base in the user's cache.
pub(crate) fn debian() -> std::path::PathBuf {
    let cache = Environment::read().unwrap().cache.unwrap();
    let progress = progress::stderr(true);
    let options = fetch::Options::offline(&cache, 0, &*progress);
    let base = fetch::made_debian(&options);
    base.unwrap().unwrap().path().to_owned()
}

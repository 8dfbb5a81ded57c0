//! How a user writes a card on a system where this program does not.

use std::path::{Path, PathBuf};

use crate::cli::FlashOptions;
use crate::image_format::{self, ImageFormat};
use crate::shell;

/// A device on macOS, for a command line that names none.
const DEVICE: &str = "/dev/rdiskN";

/// Returns the next step for the first image and device that a command line names.
pub(super) fn hint(options: &FlashOptions) -> String {
    let first = options.targets.first().map_or("", String::as_str);
    let second = options.targets.get(1).map_or("", String::as_str);
    let (name, device) = match options.all {
        true => ("", first),
        false => first.split_once('=').unwrap_or((first, second)),
    };
    let image = image(name, &options.images);
    let device = match device {
        "" => DEVICE,
        device => device,
    };
    format!(
        "write {} with Raspberry Pi Imager (\"Use custom\"), or on macOS with `{}`",
        image.display(),
        command(&image, device)
    )
}

/// Returns the image of this name: a file, or that of a node.
fn image(name: &str, folder: &Path) -> PathBuf {
    if Path::new(name).is_file() {
        return name.into();
    }
    let found = image_format::images_in(folder).ok();
    let found = found.and_then(|mut images| images.remove(name));
    found.unwrap_or_else(|| match name {
        "" => folder.join("NODE.img"),
        node => folder.join(ImageFormat::Img.file_name(node)),
    })
}

/// Returns the command that writes an image with `dd`.
fn command(image: &Path, device: &str) -> String {
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let format = ImageFormat::split(&name).map(|(_, format)| format);
    let (image, device) = (shell::path(image), shell::word(device));
    let program = match format {
        Some(ImageFormat::Xz) => "xz",
        Some(ImageFormat::Zstd) => "zstd",
        Some(ImageFormat::Gzip) => "gzip",
        Some(ImageFormat::Img) | None => return format!("sudo dd if={image} of={device} bs=4m"),
    };
    format!("{program} -dc {image} | sudo dd of={device} bs=4m")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the hint for these words of a command line.
    fn hint_for(folder: &Path, words: &[&str]) -> String {
        hint(&FlashOptions {
            targets: words.iter().map(|word| (*word).to_owned()).collect(),
            list: false,
            all: words.first() == Some(&"/dev/disk4"),
            images: folder.to_owned(),
            identity: None,
            allowed_signers: None,
            wipe_data: false,
            yes_really: false,
            dry_run: false,
            store: None,
        })
    }

    #[test]
    fn the_command_names_the_image_and_the_device() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.img", "b.img.xz", "c.img.zst", "d.img.gz"] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let file = folder.path().join("b.img.xz");
        for (words, image, command) in [
            (
                &["a", "/dev/rdisk4"][..],
                "a.img",
                "sudo dd if=IMG of=/dev/rdisk4 bs=4m",
            ),
            (
                &["b=/dev/rdisk4", "a=/dev/rdisk5"],
                "b.img.xz",
                "xz -dc IMG | sudo dd of=/dev/rdisk4 bs=4m",
            ),
            (
                &[file.to_str().unwrap(), "/dev/rdisk4"],
                "b.img.xz",
                "xz -dc IMG | sudo dd of=/dev/rdisk4 bs=4m",
            ),
            (
                &["c", "/dev/rdisk4"],
                "c.img.zst",
                "zstd -dc IMG | sudo dd of=/dev/rdisk4 bs=4m",
            ),
            (
                &["d", "/dev/rdisk4"],
                "d.img.gz",
                "gzip -dc IMG | sudo dd of=/dev/rdisk4 bs=4m",
            ),
            (
                &["other", "/dev/rdisk4"],
                "other.img",
                "sudo dd if=IMG of=/dev/rdisk4 bs=4m",
            ),
            (
                &["/dev/disk4"],
                "NODE.img",
                "sudo dd if=IMG of=/dev/disk4 bs=4m",
            ),
            (&[], "NODE.img", "sudo dd if=IMG of=/dev/rdiskN bs=4m"),
        ] {
            let hint = format!(
                "write IMG with Raspberry Pi Imager (\"Use custom\"), or on macOS with `{command}`"
            );
            let image = folder.path().join(image).display().to_string();
            assert_eq!(
                hint_for(folder.path(), words),
                hint.replace("IMG", &image),
                "{words:?}"
            );
        }
    }
}

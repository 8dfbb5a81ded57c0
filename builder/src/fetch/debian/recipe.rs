//! The files of `recipes/debian-trixie/`, embedded in the program.

use std::path::Path;

macro_rules! recipe_files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../../recipes/debian-trixie/", $name)))),*]
    };
}

/// The files, each by its name below the recipe's directory and its content.
const FILES: [(&str, &str); 15] = recipe_files! {
    "make.sh" "fetch.sh" "standins.sh" "configure.sh" "boot.sh" "settle.sh" "image.sh"
    "packages" "tools" "mke2fs.conf"
    "files/cmdline.txt" "files/fstab" "files/hosts" "files/raspi-firmware" "files/initramfs"
};

/// The script that runs the others and keeps the packages. It changes no byte of the image.
const KEEP: (&str, &str) = (
    "keep.sh",
    include_str!("../../../../recipes/debian-trixie/keep.sh"),
);

/// The file that lists the packages of the image.
const LIST: &str = "packages";

fn content_of(wanted: &str) -> String {
    let mut files = FILES.iter();
    let found = files.find(|(name, _)| *name == wanted);
    found.map_or_else(String::new, |(_, content)| (*content).to_owned())
}

/// Returns every part of the recipe that can change the image: names and contents in turn.
pub(super) fn parts<'a>() -> impl Iterator<Item = &'a str> {
    FILES.iter().flat_map(|&(name, content)| [name, content])
}

/// Writes the recipe below `dir`, with further packages in its list.
#[expect(
    clippy::disallowed_methods,
    reason = "the scripts are scratch of the cache, gone with the work directory"
)]
pub(super) fn unpack(dir: &Path, packages: &[String]) -> std::io::Result<()> {
    fs_err::create_dir_all(dir.join("files"))?;
    for (name, content) in FILES.into_iter().chain([KEEP]) {
        fs_err::write(dir.join(name), content)?;
    }
    let lines = packages.iter().flat_map(|name| [name.as_str(), "\n"]);
    let further: String = lines.collect();
    fs_err::write(dir.join(LIST), content_of(LIST) + &further)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_says_first_what_it_is_for() {
        let files = FILES.iter().chain([&KEEP]);
        for (name, content) in files.filter(|(name, _)| !name.starts_with("files/")) {
            let words = content
                .lines()
                .find(|line| !line.starts_with("#!"))
                .unwrap_or_default();
            assert!(words.starts_with("# "), "{name}");
        }
    }

    #[test]
    fn further_packages_follow_those_of_the_recipe() {
        let dir = tempfile::tempdir().unwrap();
        unpack(dir.path(), &["htop".to_owned(), "tmux".to_owned()]).unwrap();
        let list = fs_err::read_to_string(dir.path().join(LIST)).unwrap();
        assert_eq!(list, content_of(LIST) + "htop\ntmux\n");
    }

    #[test]
    fn unpacked_recipe_is_the_built_in_one() {
        let dir = tempfile::tempdir().unwrap();
        unpack(dir.path(), &[]).unwrap();
        for (name, content) in FILES {
            assert_eq!(
                fs_err::read_to_string(dir.path().join(name)).unwrap(),
                content
            );
        }
    }
}

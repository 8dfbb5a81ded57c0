//! Whether and how the images of a build are published.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::SigningKey;
use crate::cli::{Environment, OutputOptions};
use crate::image_format::ImageFormat;
use crate::report::Manifest;
use crate::spec::Publish;

/// The options of a build, and where they are not given, the settings of `[publish]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publishing {
    /// The address of the directory of the images.
    pub url: Option<String>,
    sign: Option<PathBuf>,
    /// Whether the images are published even without address and signature.
    is_wanted: bool,
}

impl Publishing {
    /// Combines options and settings. `home` replaces the `~` of a setting.
    pub(crate) fn new(options: &OutputOptions, settings: &Publish, home: Option<&Path>) -> Self {
        let configured = settings.sign.as_deref().map(|key| in_home(key, home));
        let formats = options.formats.iter();
        Self {
            url: options.publish_url.clone().or(settings.url.clone()),
            sign: options.sign.clone().or(configured),
            is_wanted: formats.clone().any(|it| *it != ImageFormat::Img),
        }
    }

    /// Returns the settings for rebuilding existing images: published if they were, and unsigned, because signing needs the
    /// owner's key.
    pub(crate) fn repeated(url: Option<String>, is_wanted: bool) -> Self {
        Self {
            url,
            sign: None,
            is_wanted,
        }
    }

    /// Returns the same for a shard, which only the options sign: its machine need not have the key of the settings.
    pub(crate) fn of_shard(self, options: &OutputOptions) -> Self {
        Self {
            is_wanted: self.is_wanted(),
            sign: options.sign.clone(),
            ..self
        }
    }

    /// Returns whether the finished images of a directory are published like this.
    pub(crate) fn is_that_of(&self, manifest: &Manifest, folder: &Path) -> bool {
        let url = self.url.as_deref().map(|url| url.trim_end_matches('/'));
        let is_complete = match self.is_wanted() {
            true => manifest.is_published(),
            false => manifest.is_described(),
        };
        is_complete && super::address(folder).as_deref() == url
    }

    /// Returns whether block maps accompany the images.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted || self.url.is_some() || self.sign.is_some()
    }

    /// Opens the key that signs the digests, if one is named.
    pub(crate) fn key(&self, environment: &Environment) -> Result<Option<SigningKey>> {
        let agent = environment.ssh_agent.as_deref();
        let open = |path| SigningKey::open(path, agent);
        self.sign.as_deref().map(open).transpose()
    }
}

/// Returns a path with the home directory in place of a leading `~`.
fn in_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publishing(options: &OutputOptions, settings: &Publish) -> Publishing {
        Publishing::new(options, settings, Some(Path::new("/home/ada")))
    }

    #[test]
    fn options_take_precedence_over_settings() {
        let settings = Publish {
            url: Some("https://a".to_owned()),
            sign: Some("~/.ssh/a".into()),
        };
        let configured = publishing(&OutputOptions::default(), &settings);
        assert_eq!(configured.url.as_deref(), Some("https://a"));
        assert_eq!(configured.sign, Some("/home/ada/.ssh/a".into()));
        let options = OutputOptions {
            publish_url: Some("https://b".to_owned()),
            sign: Some("b".into()),
            ..OutputOptions::default()
        };
        let given = publishing(&options, &settings);
        assert_eq!(given.url.as_deref(), Some("https://b"));
        assert_eq!(given.sign, Some("b".into()));
    }

    #[test]
    fn a_shard_is_published_in_the_same_way_and_signed_on_request_only() {
        let settings = Publish {
            url: None,
            sign: Some("a".into()),
        };
        let shard = |options: &OutputOptions| publishing(options, &settings).of_shard(options);
        let unsigned = shard(&OutputOptions::default());
        assert!(unsigned.is_wanted());
        assert_eq!(unsigned.sign, None);
        let signed = shard(&OutputOptions {
            sign: Some("b".into()),
            ..OutputOptions::default()
        });
        assert_eq!(signed.sign, Some("b".into()));
    }

    #[test]
    fn plain_images_are_not_published() {
        let formats = |formats: &[ImageFormat]| OutputOptions {
            formats: formats.to_vec(),
            ..OutputOptions::default()
        };
        let wanted = |formats: &OutputOptions| publishing(formats, &Publish::default()).is_wanted();
        assert!(!wanted(&formats(&[ImageFormat::Img])));
        assert!(wanted(&formats(&[ImageFormat::Img, ImageFormat::Xz])));
        let settings = Publish {
            url: Some("https://a".to_owned()),
            sign: None,
        };
        assert!(publishing(&formats(&[ImageFormat::Img]), &settings).is_wanted());
    }
}

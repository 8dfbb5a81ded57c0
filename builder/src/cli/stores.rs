//! How to reach stores: what the tools of S3 and of registries leave in the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::AwsVariables;

/// The credentials for stores. They are read when a store is opened.
#[derive(Clone, Debug, Default)]
pub struct StoreAccess {
    /// The variables of the AWS tools.
    pub aws: AwsVariables,
    /// The files in which `podman login`, `skopeo login` and `docker login` keep logins to registries, in the order of their search.
    pub logins: Vec<PathBuf>,
}

/// Returns the files with logins: the one that the user names, or those of this login session and of Docker.
pub(super) fn login_files(
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    let folder = |name| {
        variable(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    if let Some(named) = folder("REGISTRY_AUTH_FILE") {
        return vec![named];
    }
    let runtime = folder("XDG_RUNTIME_DIR").map(|it| it.join("containers/auth.json"));
    let docker = folder("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    let docker = docker.map(|it| it.join("config.json"));
    runtime.into_iter().chain(docker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_searched_where_other_tools_keep_them() {
        let files = |variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let files = login_files(variable, Some(Path::new("/home/ada")));
            files
                .iter()
                .map(|it| it.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(files(&[]), ["/home/ada/.docker/config.json"]);
        let session = [("XDG_RUNTIME_DIR", "/run/user/1"), ("DOCKER_CONFIG", "/d")];
        assert_eq!(
            files(&session),
            ["/run/user/1/containers/auth.json", "/d/config.json"]
        );
        let named = [session[0], ("REGISTRY_AUTH_FILE", "/a.json")];
        assert_eq!(files(&named), ["/a.json"]);
    }
}

//! Checks that a registry which names contents by another digest than SHA-256 is refused.

use super::oci::{build, scene};
use super::registry::{Fault, Registry};

#[test]
fn a_registry_with_another_digest_algorithm_is_explained() {
    let (scene, registry) = (scene(), Registry::start());
    let (place, sha512) = (
        registry.place("lab/kv"),
        format!("sha512:{}", "a".repeat(128)),
    );
    let index = format!(
        "{{\"mediaType\":\"application/vnd.etcd-image.index.v1+json\",\"digest\":\"{sha512}\",\"size\":1}}"
    );
    let manifest = format!("{{\"schemaVersion\":2,\"config\":{index},\"layers\":[]}}");
    registry.fail(move |it| {
        let answer = Fault::Answer("200 OK", String::new(), manifest.clone());
        it.is("GET", "/manifests/").then_some(answer)
    });
    let why = format!("reading {place}: its index has a digest of another algorithm than SHA-256");
    build(&scene, &registry, "img.zst").refused_naming(3, &[&why]);
    assert_eq!(scene.names("etcd-cluster"), [""; 0], "keys were made");
    assert_eq!(registry.count(|it| it.is("PUT", "/manifests/")), 0);
    scene.bare(&["verify", &place]).refused_naming(3, &[&why]);

    let pinned = format!("{place}@{sha512}");
    let why = format!("`{pinned}`: only digests of SHA-256 are supported");
    scene.bare(&["verify", &pinned]).refused_naming(2, &[&why]);
}

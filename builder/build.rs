//! Tells cargo that the embedded folders are inputs: `include_dir!` alone does not.

fn main() {
    for folder in ["overlays", "recipes", "firmware"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}

//! Mutates a sound base and builds from it. See `cargo xtask mutate`.

mod case;
mod fat_directories;
mod metadata;
mod mutation;
mod run;

//! Tests builds of many clusters from one description.

mod build;

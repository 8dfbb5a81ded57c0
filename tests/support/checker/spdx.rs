//! Checks bills of materials with the validator of the SPDX project's own Python package.

use std::path::Path;

use super::Verdict;
use crate::support::tool::tool;

/// The Python packages that `cargo xtask setup` unpacks.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/spdx");

/// Reads and validates a document as the package's program `pyspdxtools` does. That program needs further packages, for formats
/// other than JSON.
const VALIDATE: &str = "
import sys
from spdx_tools.spdx.parser.json import json_parser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = json_parser.parse_from_file(sys.argv[1])
faults = validate_full_spdx_document(document, 'SPDX-2.3')
print(*[fault.validation_message for fault in faults], sep='\\n')
sys.exit(bool(faults))
";

/// Checks a document of SPDX 2.3 in JSON.
pub(crate) fn spdx(document: &Path) -> Verdict {
    assert!(
        Path::new(PACKAGES).is_dir(),
        "no {PACKAGES}: `cargo xtask setup` unpacks it"
    );
    let path = format!("PYTHONPATH={PACKAGES}");
    let python = [path.as_str(), "/usr/bin/python3", "-B", "-c", VALIDATE];
    let said = tool(
        "env",
        &[&python[..], &[document.to_str().unwrap()]].concat(),
    );
    match said.code {
        Some(0) => Ok(()),
        _ => Err(said.words()),
    }
}

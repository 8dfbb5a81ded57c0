//! Checks files in YAML with the schemas of Kubernetes (1.33) and of the workflows of GitHub Actions, and Python's packages `yaml` and
//! `jsonschema`.

use std::path::Path;

use serde_json::Value;

use super::Verdict;
use crate::support::tool::tool;

/// The schemas that `cargo xtask setup` unpacks.
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/schemas");

/// Prints the documents of a file as one list in JSON.
const READ: &str = "
import json, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1])))
for document in documents:
    # In YAML 1.1, which the package reads, `on` is a boolean.
    if True in document:
        document['on'] = document.pop(True)
json.dump(documents, sys.stdout)
";

/// Validates the documents that `READ` has printed. A server of Kubernetes refuses the fields that are unknown to the strict schemas.
const VALIDATE: &str = "
import json, sys
from pathlib import Path
from jsonschema import Draft7Validator, RefResolver
folder, documents = Path(sys.argv[1]), json.loads(sys.argv[2])
load = lambda *parts: json.loads(folder.joinpath(*parts).read_text())
api = 'kubernetes_validate/kubernetes-json-schema/v1.33.0-local-strict'
faults = []
for document in documents:
    if 'on' in document:
        schema, known = load('check_jsonschema/builtin_schemas/vendor/github-workflows.json'), {}
    else:
        parts = [document['kind'].lower(), *document['apiVersion'].split('/')]
        schema = load(api, '-'.join(parts) + '.json')
        known = {'https://kubernetes.io/api/_definitions.json': load(api, '_definitions.json')}
    validator = Draft7Validator(schema, resolver=RefResolver('', schema, known))
    faults += ['/'.join(map(str, fault.path)) + ': ' + fault.message for fault in validator.iter_errors(document)]
print(*faults, sep='\\n')
sys.exit(bool(faults))
";

/// Returns the documents of a file.
#[track_caller]
pub(crate) fn documents(file: &Path) -> Vec<Value> {
    let words = ["-B", "-c", READ, file.to_str().unwrap()];
    let said = tool("/usr/bin/python3", &words).done();
    serde_json::from_slice(&said.out).unwrap()
}

/// Checks objects of Kubernetes.
pub(crate) fn kubernetes(documents: &[Value]) -> Verdict {
    assert!(
        documents
            .iter()
            .all(|it| it["kind"].is_string() && it["on"].is_null())
    );
    verdict(documents)
}

/// Checks a workflow of GitHub Actions.
pub(crate) fn workflow(document: &Value) -> Verdict {
    assert!(!document["on"].is_null());
    verdict(std::slice::from_ref(document))
}

fn verdict(documents: &[Value]) -> Verdict {
    assert!(
        Path::new(SCHEMAS).is_dir(),
        "no {SCHEMAS}: `cargo xtask setup` unpacks it"
    );
    let all = serde_json::to_string(documents).unwrap();
    let words = ["-B", "-c", VALIDATE, SCHEMAS, &all];
    let said = tool("/usr/bin/python3", &words);
    match said.code {
        Some(0) => Ok(()),
        _ => Err(said.words()),
    }
}

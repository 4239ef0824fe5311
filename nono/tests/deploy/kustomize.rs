//! Kustomizations, rendered as far as the manifests use them: resources, bases, components, patches and generators.

use super::{faults::Faults, files, items, keys, parse_yaml, read_yaml, strings};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const PARTS: [&str; 10] = [
    "apiVersion",
    "components",
    "configMapGenerator",
    "images",
    "kind",
    "labels",
    "namespace",
    "patches",
    "resources",
    "secretGenerator",
];

/// Parts of a component.
const COMPONENT_PARTS: [&str; 4] = ["apiVersion", "kind", "patches", "resources"];

/// A folder with a kustomization, rendered with its bases.
pub struct Overlay {
    pub folder: PathBuf,
    /// The objects after patches, each with the file that it comes from. Names, labels and images are not rewritten.
    pub objects: Vec<(PathBuf, Value)>,
    /// The names of generated Secrets and ConfigMaps.
    pub generated: BTreeSet<String>,
    /// The labels that are added to every object.
    pub labels: Map<String, Value>,
    /// The kustomizations of its components.
    components: Vec<PathBuf>,
    /// Every file that was read.
    used: BTreeSet<PathBuf>,
}

impl Overlay {
    pub fn read(folder: &Path, faults: &mut Faults) -> Self {
        let folder = folder.canonicalize().unwrap();
        let path = folder.join("kustomization.yaml");
        let mut overlay = Self {
            folder,
            objects: Vec::new(),
            generated: BTreeSet::new(),
            labels: Map::new(),
            components: Vec::new(),
            used: BTreeSet::from([path.clone()]),
        };
        let documents = read_yaml(&path, faults);
        let Some(kustomization) = documents.first() else { return overlay };
        faults.known(&keys(kustomization), &PARTS, &path.display().to_string());
        for name in strings(&kustomization["resources"]) {
            overlay.add_resource(name, faults);
        }
        for entry in items(&kustomization["labels"]) {
            overlay.labels.extend(entry["pairs"].as_object().cloned().unwrap_or_default());
        }
        for generator in ["secretGenerator", "configMapGenerator"] {
            for item in items(&kustomization[generator]) {
                overlay.generated.insert(item["name"].as_str().unwrap_or_default().to_owned());
                for file in strings(&item["files"]) {
                    overlay.find(file.rsplit('=').next().unwrap(), faults);
                }
            }
        }
        for name in strings(&kustomization["components"]) {
            overlay.add_component(name, faults);
        }
        for patch in items(&kustomization["patches"]) {
            overlay.apply_patch(patch, faults);
        }
        overlay
    }

    /// Adds the resources of a component and applies its patches.
    fn add_component(&mut self, name: &str, faults: &mut Faults) {
        let Some(folder) = self.find(name, faults) else { return };
        let path = folder.join("kustomization.yaml");
        let own = std::mem::replace(&mut self.folder, folder);
        let documents = read_yaml(&path, faults);
        for component in &documents {
            let context = path.display();
            faults.check(component["kind"] == "Component", || format!("{context}: is no component"));
            faults.known(&keys(component), &COMPONENT_PARTS, &context.to_string());
            for name in strings(&component["resources"]) {
                self.add_resource(name, faults);
            }
            for patch in items(&component["patches"]) {
                self.apply_patch(patch, faults);
            }
        }
        self.folder = own;
        self.components.push(path.clone());
        self.used.insert(path);
    }

    fn find(&self, name: &str, faults: &mut Faults) -> Option<PathBuf> {
        let path = self.folder.join(name);
        let exists = faults.check(path.exists(), || format!("{}: no {name}", self.folder.display()));
        exists.then(|| path.canonicalize().unwrap())
    }

    fn add_resource(&mut self, name: &str, faults: &mut Faults) {
        let Some(path) = self.find(name, faults) else { return };
        if !path.is_dir() {
            self.objects.extend(read_yaml(&path, faults).into_iter().map(|object| (path.clone(), object)));
            self.used.insert(path);
        } else if faults.check(path.join("kustomization.yaml").is_file(), || {
            format!("{}: {name} has no kustomization", self.folder.display())
        }) {
            let base = Self::read(&path, faults);
            self.objects.extend(base.objects);
            self.generated.extend(base.generated);
            self.labels.extend(base.labels);
            self.components.extend(base.components);
            self.used.extend(base.used);
        }
    }

    /// Applies a patch. One that matches no object is a fault, as it is for kustomize.
    fn apply_patch(&mut self, patch: &Value, faults: &mut Faults) {
        let (path, documents) = match patch["path"].as_str() {
            Some(name) => {
                let Some(path) = self.find(name, faults) else { return };
                self.used.insert(path.clone());
                let documents = read_yaml(&path, faults);
                (path, documents)
            }
            None => {
                let text = patch["patch"].as_str().unwrap_or_default();
                (self.folder.clone(), parse_yaml(text).unwrap_or_default())
            }
        };
        let context = path.display();
        let deletions = documents.iter().filter(|document| document["$patch"] == "delete").count();
        faults.check(deletions < 2, || {
            format!("{context}: kustomize takes one deletion per patch, not {deletions}")
        });
        for document in documents {
            let target = match &patch["target"] {
                Value::Null => (document["kind"].clone(), document["metadata"]["name"].clone()),
                target => (target["kind"].clone(), target["name"].clone()),
            };
            let matches = |object: &Value| {
                (target.0.is_null() || object["kind"] == target.0)
                    && (target.1.is_null() || object["metadata"]["name"] == target.1)
            };
            let any = self.objects.iter().any(|(_, object)| matches(object));
            faults.check(any, || format!("{context}: patches {target:?}, which does not exist"));
            if document["$patch"] == "delete" {
                self.objects.retain(|(_, object)| !matches(object));
                continue;
            }
            for (_, object) in self.objects.iter_mut().filter(|(_, object)| matches(object)) {
                merge("", object, &document);
            }
        }
    }

    /// Returns `true` if the kustomization or a component mentions a text, comments included.
    pub fn mentions(&self, text: &str) -> bool {
        let own = self.folder.join("kustomization.yaml");
        let mut paths = self.components.iter().chain([&own]);
        paths.any(|path| fs::read_to_string(path).unwrap().contains(text))
    }
}

/// Returns the field by which the entries of a list are merged; `None` for a list that is replaced.
fn merge_key(list: &str, entries: &[Value]) -> Option<&'static str> {
    match list {
        "containers" | "env" | "volumes" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" if entries.iter().all(|entry| !entry["containerPort"].is_null()) => Some("containerPort"),
        "ports" => Some("port"),
        _ => None,
    }
}

/// A strategic merge, as far as the manifests use it: maps are merged, lists are merged by their keys, and everything else is
/// replaced.
fn merge(field: &str, object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(key, object.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(entries), Value::Array(patches)) if merge_key(field, entries).is_some() => {
            let key = merge_key(field, entries).unwrap_or_default();
            for patch in patches {
                match entries.iter_mut().find(|entry| entry[key] == patch[key]) {
                    Some(entry) => merge("", entry, patch),
                    None => entries.push(patch.clone()),
                }
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

/// Reads every kustomization below a folder except components, and reports files that none of them uses.
pub fn read_all(folder: &Path, faults: &mut Faults) -> Vec<Overlay> {
    let found = files(folder);
    let is_component = |path: &Path| fs::read_to_string(path).unwrap().contains("kind: Component");
    let kustomizations =
        found.iter().filter(|path| path.ends_with("kustomization.yaml") && !is_component(path));
    let overlays: Vec<_> = kustomizations.map(|path| Overlay::read(path.parent().unwrap(), faults)).collect();
    let is_yaml = |path: &&PathBuf| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
    for path in found.iter().filter(is_yaml) {
        let path = path.canonicalize().unwrap();
        let is_used = overlays.iter().any(|overlay| overlay.used.contains(&path));
        faults.check(is_used, || format!("{}: not used by any kustomization", path.display()));
    }
    overlays
}

//! No module imports itself through others: the modules of each crate can be read in one order.
//!
//! An item that a module re-exports is imported from the module that defines it, so a facade is no cycle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates with the folders of their modules.
const CRATES: [(&str, &str); 5] = [
    ("session-service", "session-service/src"),
    ("gateway", "gateway/src"),
    ("runtime", "runtime/src"),
    ("testkit", "testkit/src"),
    ("nono-proto", "proto"),
];

/// Path of a module in its crate; empty for the root.
type ModulePath = Vec<String>;

/// Imports of a module.
#[derive(Default)]
struct Module {
    /// Paths of the imports, and paths in the code, such as `a::f` for an item of the module `a` declared here.
    paths: Vec<String>,
    /// Paths by the names under which they are re-exported.
    exports: BTreeMap<String, String>,
}

type Modules = BTreeMap<ModulePath, Module>;

impl Module {
    fn parse(source: &str) -> Self {
        let code = source.split("#[cfg(test)]").next().unwrap();
        let code: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !is_declaration(line))
            .collect();
        // A visibility such as `pub(in crate::store)` imports nothing.
        let code = code.join("\n").replace("(in crate::", "(in ");
        let (mut module, mut rest, mut lines) = (Self::default(), String::new(), code.lines());
        let mut exports = Vec::new();
        while let Some(line) = lines.next() {
            let import = line.trim_start().split_once("use ");
            let Some((visibility, import)) =
                import.filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
            else {
                rest.extend([line, "\n"]);
                continue;
            };
            let mut tree = import.to_owned();
            while !tree.contains(';') {
                tree.push_str(lines.next().unwrap());
            }
            let paths = if visibility.is_empty() { &mut module.paths } else { &mut exports };
            expand(tree.trim_end_matches(';'), "", paths);
        }
        let words: Vec<&str> =
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').collect();
        module.paths.extend(words.iter().filter(|word| word.contains("::")).map(|word| (*word).to_owned()));
        for path in exports {
            let name = path.rsplit("::").next().unwrap().to_owned();
            // A re-exported item that the module itself uses is an import, too.
            if words.iter().any(|word| word.split("::").next() == Some(name.as_str())) {
                module.paths.push(path.clone());
            }
            module.exports.insert(name, path);
        }
        module
    }
}

/// Returns `true` for the declaration of a module, such as `mod a;`.
fn is_declaration(line: &str) -> bool {
    line.split_once("mod ").is_some_and(|(before, _)| before.trim().is_empty() || before.starts_with("pub"))
}

/// Adds the paths of a `use` tree, such as `a::b` and `a::c` for `a::{b, c}`.
fn expand(tree: &str, prefix: &str, paths: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        return paths.push(format!("{prefix}{path}"));
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    let inner = &rest[..rest.rfind('}').unwrap()];
    for (index, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&inner[start..index], &prefix, paths);
                start = index + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        expand(&inner[start..], &prefix, paths);
    }
}

fn read(folder: &Path, module: &ModulePath, modules: &mut Modules) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            read(&path, &child(module, &name), modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = match name.as_str() {
                "main" | "tests" | "transcripts" => continue,
                "lib" | "mod" => module.clone(),
                name => child(module, name),
            };
            modules.insert(name, Module::parse(&fs::read_to_string(&path).unwrap()));
        }
    }
}

fn child(module: &ModulePath, name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Returns the module that defines the item that `path` names in `module`; `None` for an item of another crate.
fn resolve(module: &ModulePath, path: &str, modules: &Modules) -> Option<ModulePath> {
    let mut target = module.clone();
    for (index, segment) in path.split("::").map(str::trim).enumerate() {
        match segment {
            "crate" => target.clear(),
            "self" => {}
            "super" => drop(target.pop()),
            name if modules.contains_key(&child(&target, name)) => target.push(name.to_owned()),
            name => match modules[&target].exports.get(name) {
                Some(path) if index > 0 => return resolve(&target, path, modules).or(Some(target)),
                _ if index == 0 => return None,
                _ => break,
            },
        }
    }
    Some(target)
}

/// Returns the modules that are on a cycle or between two, with what they import: those that remain when modules that import
/// none of the others, or that none of the others imports, are removed repeatedly.
fn cyclic(modules: &Modules) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let imports = modules.iter().map(|(name, module)| {
        let targets = module.paths.iter().filter_map(|path| resolve(name, path, modules));
        (name.clone(), targets.filter(|target| target != name).collect())
    });
    let mut imports: BTreeMap<ModulePath, BTreeSet<ModulePath>> = imports.collect();
    loop {
        let imported: BTreeSet<ModulePath> = imports.values().flatten().cloned().collect();
        let count = imports.len();
        imports.retain(|module, targets| !targets.is_empty() && imported.contains(module));
        let left: BTreeSet<ModulePath> = imports.keys().cloned().collect();
        imports.values_mut().for_each(|targets| targets.retain(|target| left.contains(target)));
        if imports.len() == count {
            return imports;
        }
    }
}

#[test]
fn modules_have_no_import_cycles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cycles = Vec::new();
    for (name, folder) in CRATES {
        let mut modules = Modules::new();
        read(&root.join(folder), &ModulePath::new(), &mut modules);
        assert!(modules.len() > 3, "{folder} has {} modules", modules.len());
        for (module, targets) in cyclic(&modules) {
            let targets: Vec<_> = targets.iter().map(|target| target.join("::")).collect();
            cycles.push(format!("{name}: {} imports {}", module.join("::"), targets.join(", ")));
        }
    }
    assert!(cycles.is_empty(), "modules on import cycles:\n{}", cycles.join("\n"));
}

#[test]
fn a_cycle_is_found_and_a_facade_is_none() {
    let path = |path: &str| {
        path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect::<ModulePath>()
    };
    let modules = |sources: &[(&str, &str)]| -> Modules {
        sources.iter().map(|(name, source)| (path(name), Module::parse(source))).collect()
    };
    let facade = [
        ("", "pub mod a;"),
        ("a", "mod b;\nmod c;\npub use b::{B, D as E};"),
        ("a::b", ""),
        ("a::c", "use super::B;"),
    ];
    assert_eq!(cyclic(&modules(&facade)), BTreeMap::new());
    let child = [("", ""), ("a", "mod b;\nfn f() -> T { b::g() }"), ("a::b", "use super::T;")];
    let found = cyclic(&modules(&child));
    assert_eq!(found[&path("a")], [path("a::b")].into());
    assert_eq!(found[&path("a::b")], [path("a")].into());
    let cycle = [
        ("", ""),
        ("a", "use super::b::{self, c::{D, E as F}};"),
        ("b", "pub use c::D;\nmod c;\nfn f(d: D) {}"),
        ("b::c", "fn f() { crate::a::g() }"),
    ];
    let found = cyclic(&modules(&cycle));
    assert_eq!(found[&path("a")], [path("b"), path("b::c")].into());
    assert_eq!(found[&path("b")], [path("b::c")].into());
    assert_eq!(found[&path("b::c")], [path("a")].into());
}

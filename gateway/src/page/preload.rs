//! `modulepreload` links for the modules that the page imports, so that the browser requests all of them at once instead of
//! one level of imports after the other.

use std::collections::BTreeSet;

/// The module that imports the others.
const MAIN: &str = "js/main.js";
const END_OF_HEAD: &str = "  </head>";

/// Inserts a link into the index for each module that `MAIN` imports statically, directly or indirectly. Modules that the index
/// has a script element for are left out.
pub(super) fn insert_links<'a>(index: &str, read: impl Fn(&str) -> Option<&'a str>) -> String {
    let modules = imported_by(MAIN, &read);
    let links: String = modules
        .iter()
        .filter(|module| !index.contains(&format!("src=\"{module}\"")))
        .map(|module| format!("    <link rel=\"modulepreload\" href=\"{module}\">\n"))
        .collect();
    index.replacen(END_OF_HEAD, &format!("{links}{END_OF_HEAD}"), 1)
}

/// Returns the modules that `entry` imports statically, directly or indirectly.
fn imported_by<'a>(entry: &str, read: &impl Fn(&str) -> Option<&'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![entry.to_owned()];
    while let Some(module) = pending.pop() {
        let text = read(&module).unwrap_or_default();
        for path in static_imports(text) {
            let imported = resolve(&module, path);
            if found.insert(imported.clone()) {
                pending.push(imported);
            }
        }
    }
    found
}

/// Returns the paths in the import declarations of a module. A declaration of several lines ends with the path.
fn static_imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (declaration, path) = line.strip_suffix("';")?.rsplit_once('\'')?;
        let is_import = declaration == "import "
            || (declaration.ends_with(" from ")
                && ["import ", "} ", "export "].iter().any(|start| line.starts_with(start)));
        is_import.then_some(path)
    })
}

/// Resolves the relative path of an import against the path of the module that has it.
fn resolve(module: &str, path: &str) -> String {
    let mut parts: Vec<_> = module.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "<html>\n  <head>\n    <script src=\"js/main.js\"></script>\n    <script src=\"js/first.js\"></script>\n  </head>\n  <body>";

    #[test]
    fn links_are_inserted_for_transitive_static_imports_only() {
        let read = |name: &str| match name {
            "js/main.js" => Some(
                "import { a } from './core/a.js';\nimport {\n  first,\n  second,\n} from './first.js';\nimport('./core/lazy.js');\n",
            ),
            "js/core/a.js" => Some(
                "// import { x } from './comment.js';\nimport '../ui/b.js';\nexport { c } from './c.js';\n",
            ),
            "js/core/c.js" => Some("import { a } from './a.js';\nconst text = 'from';\n"),
            _ => None,
        };
        let index = insert_links(INDEX, read);
        let links: Vec<_> = index
            .split("modulepreload\" href=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(links, ["js/core/a.js", "js/core/c.js", "js/ui/b.js"], "{index}");
        assert_eq!(
            index.lines().filter(|line| !line.contains("modulepreload")).collect::<Vec<_>>(),
            INDEX.lines().collect::<Vec<_>>()
        );
    }
}

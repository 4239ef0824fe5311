//! Reasons, methods, routes and fields: what a document names exists, and what exists is documented.

use super::{document, documents};
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::Value;
use std::collections::BTreeSet;

/// Codes of gRPC and health statuses.
const STANDARD: [&str; 10] = [
    "ALREADY_EXISTS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "NOT_SERVING",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "HTTPS_PROXY",
    "RUST_LOG",
];
/// Variables of the tests and of other programs, and constants of the code.
const OTHER_PREFIXES: [&str; 4] = ["NONO_", "OTEL_", "PLAYWRIGHT_", "RUSTDOCFLAGS"];
/// Routes outside of the OpenAPI document: the page, the document itself, the admin port, and the address of a model.
const OTHER_ROUTES: [&str; 7] = ["/", "/docs", "/openapi.json", "/livez", "/readyz", "/metrics", "/v1"];

fn descriptors() -> FileDescriptorSet {
    let set = FileDescriptorSet::decode(nono_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set.file.into_iter().filter(|file| file.package().starts_with("nono."));
    FileDescriptorSet { file: ours.collect() }
}

/// Returns the enums of a file, with those in its messages.
fn enums(file: &FileDescriptorProto) -> impl Iterator<Item = &EnumDescriptorProto> {
    file.enum_type.iter().chain(file.message_type.iter().flat_map(|message| &message.enum_type))
}

fn openapi() -> Value {
    let text = std::fs::read_to_string(super::root().join("docs/openapi.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Returns the constants of `proto/reason.rs`, which hold their own names.
fn reasons() -> BTreeSet<String> {
    let source = std::fs::read_to_string(super::root().join("proto/reason.rs")).unwrap();
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    let names = constants.map(|rest| rest.split(':').next().unwrap().to_owned());
    names.filter(|name| name != "DOMAIN").collect()
}

/// Returns the full names of services and methods.
fn methods() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in descriptors().file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            names.extend(service.method.iter().map(|method| format!("{name}/{}", method.name())));
            names.insert(name);
        }
    }
    names
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn every_reason_in_a_document_exists() {
    let reasons = reasons();
    let files = descriptors().file;
    let values = files.iter().flat_map(enums).flat_map(|kind| &kind.value);
    let values: BTreeSet<_> = values.map(|value| value.name().to_owned()).collect();
    let (mut checked, mut unknown) = (0, Vec::new());
    for document in documents() {
        for word in words(&document.text) {
            let is_constant = word.contains('_')
                && word.starts_with(|c: char| c.is_ascii_uppercase())
                && !word.ends_with('_')
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if !is_constant || OTHER_PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
                continue;
            }
            checked += 1;
            if !reasons.contains(word) && !values.contains(word) && !STANDARD.contains(&word) {
                unknown.push(format!("{}: {word}", document.path));
            }
        }
    }
    assert!(unknown.is_empty(), "unknown reasons, codes or enum values:\n{}", unknown.join("\n"));
    assert!(checked > 60, "only {checked} were found");
}

#[test]
fn every_reason_is_in_the_table_of_the_api_document() {
    let text = document("docs/api.md");
    let rows: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name.to_owned())
        .collect();
    for reason in reasons() {
        assert!(rows.contains(&reason), "docs/api.md has no row for the reason {reason}");
    }
}

#[test]
fn every_method_in_a_document_exists() {
    let methods = methods();
    let mut checked = 0;
    for document in documents() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._/".contains(c);
        for name in document.text.split(|c| !is_name(c)).map(|name| name.trim_end_matches(['.', '/'])) {
            // A package or a log target has no service in it.
            let parts: Vec<_> = name.split('.').collect();
            if parts.first() != Some(&"nono") || parts.len() < 4 {
                continue;
            }
            checked += 1;
            assert!(methods.contains(name), "{} names {name}, which does not exist", document.path);
        }
    }
    assert!(checked > 15, "only {checked} were found");
}

#[test]
fn every_service_method_and_field_is_in_the_api_document() {
    let text = document("docs/api.md");
    let spans: BTreeSet<_> = text.split('`').skip(1).step_by(2).flat_map(words).collect();
    let mut missing = Vec::new();
    for file in descriptors().file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            let row = text.lines().find(|line| line.starts_with(&format!("| `{name}`")));
            let row = row.unwrap_or_else(|| panic!("docs/api.md has no row for {name}"));
            for method in &service.method {
                let is_listed = row.contains(&format!("`{}`", method.name()));
                let has_row = text.lines().any(|line| line.starts_with(&format!("| `{}` |", method.name())));
                if !is_listed || !has_row {
                    missing.push(format!("{name}/{}", method.name()));
                }
            }
        }
        let fields = |message: &DescriptorProto| {
            let names = message.field.iter().map(|field| field.name().to_owned());
            names.filter(|name| !spans.contains(name.as_str())).collect::<Vec<_>>()
        };
        for message in &file.message_type {
            missing.extend(fields(message).iter().map(|field| format!("{}.{field}", message.name())));
        }
        // The reasons have their own table.
        let enums = enums(&file).filter(|kind| kind.name() != "ErrorReason");
        let values = enums.flat_map(|kind| &kind.value).map(|value| value.name());
        let values = values.filter(|name| !name.ends_with("_UNSPECIFIED"));
        missing.extend(values.filter(|name| !spans.contains(name)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "docs/api.md does not name:\n{}", missing.join("\n"));
}

#[test]
fn every_route_and_json_field_is_in_the_api_document() {
    let text = document("docs/api.md");
    let mut missing = Vec::new();
    for (path, operations) in openapi()["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let route = format!("{} {path}", method.to_uppercase());
            if !text.lines().any(|line| line.starts_with(&format!("| [`{route}`]"))) {
                missing.push(route);
            }
        }
    }
    let names: BTreeSet<_> = words(&text).collect();
    for (schema, definition) in openapi()["components"]["schemas"].as_object().unwrap() {
        let fields = definition["properties"].as_object().into_iter().flat_map(|fields| fields.keys());
        let fields = fields.filter(|field| !names.contains(field.as_str()));
        missing.extend(fields.map(|field| format!("{schema}.{field}")));
    }
    assert!(missing.is_empty(), "docs/api.md does not name:\n{}", missing.join("\n"));
}

/// Returns the paths that a text names: after a method, in an address of this machine, or from `/api/` on.
fn paths(text: &str) -> Vec<&str> {
    let ends = |c: char| c.is_whitespace() || "`'\"<>|)".contains(c);
    let mut found = Vec::new();
    for start in
        ["GET ", "POST ", "PUT ", "DELETE ", "127.0.0.1:8000", "localhost:8000", "127.0.0.1:9090", "`/api/"]
    {
        for (at, matched) in text.match_indices(start) {
            let from = if matched.starts_with('`') { at + 1 } else { at + matched.len() };
            let rest = text[from..].split(ends).next().unwrap();
            if rest.starts_with('/') {
                found.push(rest.trim_end_matches([',', '.', ';', ':']));
            }
        }
    }
    found
}

#[test]
fn every_route_in_a_document_exists() {
    let openapi = openapi();
    let routes: Vec<_> = openapi["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let fits = |path: &str| {
        let path = path.split('?').next().unwrap();
        let of_template = |template: &&str| {
            let (template, path): (Vec<_>, Vec<_>) =
                (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
        };
        path == "/api/" || OTHER_ROUTES.contains(&path) || routes.iter().any(of_template)
    };
    let (mut checked, mut unknown) = (0, Vec::new());
    for document in documents() {
        for path in paths(&document.text) {
            checked += 1;
            if !fits(path) {
                unknown.push(format!("{}: {path}", document.path));
            }
        }
    }
    assert!(unknown.is_empty(), "routes that do not exist:\n{}", unknown.join("\n"));
    assert!(checked > 50, "only {checked} routes were found");
}

//! Rules that every operation of the API obeys, taken from the OpenAPI document: a request has no query parameter that
//! the document does not name for its operation, and no body where the document describes none.
//!
//! Operations that name parameters or a body read them through `QueryParams` and `JsonFields`, which reject unknown ones.

use crate::{
    error::Problem,
    extract::{CREATE, QueryParams, charge_parsed, read_body},
    strict_json,
};
use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request},
    http::Method,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// The operations of the API by path template.
#[derive(Clone)]
pub(crate) struct Rules(Arc<HashMap<String, Vec<(Method, Rule)>>>);

/// Parts of a request that an operation takes.
#[derive(Clone, Copy)]
struct Rule {
    has_params: bool,
    has_body: bool,
}

/// What the rules need of the OpenAPI document.
#[derive(Deserialize)]
struct Document {
    paths: HashMap<String, HashMap<String, Operation>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(default)]
    parameters: Vec<Parameter>,
    request_body: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "in")]
    place: String,
}

impl Rules {
    /// Reads the rules from the document, which is part of the program.
    pub(crate) fn new(document: &str) -> Self {
        let document: Document = serde_json::from_str(document).expect("tests read the document");
        let paths = document.paths.into_iter();
        let mut rules: HashMap<_, Vec<_>> =
            paths.map(|(path, operations)| (path, operations.into_iter().map(rule).collect())).collect();
        // The path of Create also leads to the session with this name, for the other methods.
        let session = rules.get("/api/session/{user_id}").cloned().unwrap_or_default();
        rules.entry(CREATE.to_owned()).or_default().extend(session);
        Self(Arc::new(rules))
    }

    /// Rejects a query or a body that the operation of the request does not take.
    pub(crate) async fn check(&self, request: Request) -> Result<Request, Problem> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        match path.and_then(|path| self.find(path, request.method())) {
            Some(rule) => check(rule, request).await,
            None => Ok(request),
        }
    }

    fn find(&self, path: &str, method: &Method) -> Option<Rule> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let rules = self.0.get(path)?;
        rules.iter().find(|(known, _)| known == method).map(|(_, rule)| *rule)
    }
}

fn rule((method, operation): (String, Operation)) -> (Method, Rule) {
    let method = method.to_uppercase().parse().expect("an operation is named like its method");
    let has_params = operation.parameters.iter().any(|parameter| parameter.place == "query");
    (method, Rule { has_params, has_body: operation.request_body.is_some() })
}

async fn check(rule: Rule, request: Request) -> Result<Request, Problem> {
    if let Some(query) = request.uri().query().filter(|_| !rule.has_params) {
        QueryParams::parse(query)?.finish(())?;
    }
    if rule.has_body || request.body().is_end_stream() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    charge_parsed(&body)?;
    // Many clients send an empty object with every POST.
    let is_empty = body.trim_ascii().is_empty()
        || matches!(strict_json::parse(&body), Ok(Value::Object(object)) if object.is_empty());
    if !is_empty {
        return Err(Problem::invalid_field("body", "must be empty: this operation takes no body"));
    }
    Ok(Request::from_parts(parts, Body::empty()))
}

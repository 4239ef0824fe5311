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
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn, PathItem},
};

/// The operations of the API by path template.
#[derive(Clone)]
pub(crate) struct Rules(Arc<HashMap<String, Vec<(Method, Rule)>>>);

/// Parts of a request that an operation takes.
#[derive(Clone, Copy)]
struct Rule {
    has_params: bool,
    has_body: bool,
}

impl Rules {
    /// Reads the rules from the document.
    pub(crate) fn new(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        let mut rules: HashMap<_, _> =
            paths.map(|(path, item)| (path.clone(), operations(item).collect::<Vec<_>>())).collect();
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

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, Rule)> {
    let operations = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, rule(operation.as_ref()?))))
}

fn rule(operation: &Operation) -> Rule {
    let is_query = |param: &RefOr<Parameter>| matches!(param, RefOr::T(param) if param.parameter_in == ParameterIn::Query);
    Rule {
        has_params: operation.parameters.iter().flatten().any(is_query),
        has_body: operation.request_body.is_some(),
    }
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

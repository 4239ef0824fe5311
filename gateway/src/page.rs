//! The chat page: static files, compiled in or from a folder, under a strict policy.

use crate::error::Problem;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::{
    borrow::Cow,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[derive(RustEmbed)]
#[folder = "../public/"]
struct Embedded;

/// Where the files come from.
#[derive(Clone)]
pub(crate) enum Files {
    /// The binary itself.
    Embedded,
    /// A folder, read anew each time: for working on the page.
    Folder(Arc<PathBuf>),
}

impl Files {
    fn get(&self, path: &str) -> Option<EmbeddedFile> {
        match self {
            Self::Embedded => Embedded::get(path),
            Self::Folder(folder) => {
                let is_inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
                is_inside.then(|| rust_embed::utils::read_file_from_fs(&folder.join(path)).ok()).flatten()
            }
        }
    }
}

/// Answers every path that is no route: a file of the page, or nothing.
pub(crate) async fn serve(State(files): State<Files>, request: Request) -> Response {
    let path = request.uri().path();
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    let Some(file) = files.get(name) else {
        return Problem::unknown_path(path).into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = Problem::wrong_method(request.method().as_str(), path).into_response();
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    answer(&file, request.headers())
}

fn answer(file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let digest: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digest}\"");
    let given = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = given.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = Response::new(match (&file.data, is_known) {
        (_, true) => Body::empty(),
        (Cow::Borrowed(bytes), _) => Body::from(*bytes),
        (Cow::Owned(bytes), _) => Body::from(bytes.clone()),
    });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(kind) = HeaderValue::from_str(&with_charset(file.metadata.mimetype())) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}

fn with_charset(kind: &str) -> String {
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

/// Puts the policy on every answer, so that none can be made to run.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

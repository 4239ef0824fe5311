//! The chat page: static files, compiled in or from a folder, under a strict policy.

mod assets;

use crate::{error::Problem, routes::DOCS};
use assets::{Asset, Encoding, INDEX};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
            ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(crate) use assets::Files;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// For the page that tries the API, which is not ours: it writes styles and HTML by itself.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
                           frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Answers every path that is no route: a file of the page, or nothing.
pub(crate) async fn serve(State(files): State<Files>, request: Request) -> Response {
    let path = request.uri().path();
    let name = if path == "/" { INDEX } else { path.trim_start_matches('/') };
    let Some((file, is_fixed)) = files.get(name) else {
        return Problem::unknown_path(path).into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = Problem::wrong_method(request.method().as_str(), path).into_response();
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    answer(&file, is_fixed, request.headers())
}

fn answer(file: &Asset, is_fixed: bool, asked: &HeaderMap) -> Response {
    let is_compressible = file.is_compressible();
    let encoding = if is_compressible { best_encoding(asked) } else { Encoding::Plain };
    // What is encoded in another way is another representation, and has a tag of its own.
    let (suffix, name) = match encoding {
        Encoding::Plain => ("", None),
        Encoding::Gzip => ("-gzip", Some("gzip")),
        Encoding::Brotli => ("-br", Some("br")),
    };
    let tag = format!("\"{}{suffix}\"", file.tag);
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known =
        known.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    let is_known = known.any(|known| known == tag || known == "*");
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(file.bytes(encoding)) });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let caching = if is_fixed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if is_compressible {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(name) = name.filter(|_| !is_known) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if let Ok(kind) = HeaderValue::from_str(&file.kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}

/// The smallest encoding that the client takes.
fn best_encoding(asked: &HeaderMap) -> Encoding {
    let values = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(accepted).collect();
    let takes = |name: &str| accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(name));
    match () {
        () if takes("br") => Encoding::Brotli,
        () if takes("gzip") => Encoding::Gzip,
        () => Encoding::Plain,
    }
}

/// The name of an encoding, unless its weight says that it is not taken.
fn accepted(item: &str) -> Option<&str> {
    let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
    let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
    (weight.unwrap_or(1.0) > 0.0).then(|| name.trim())
}

/// Puts the policy on every answer, so that none can be made to run.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let is_docs =
        request.uri().path().strip_prefix(DOCS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let policy = if is_docs { DOCS_POLICY } else { POLICY };
    let mut response = next.run(request).await;
    for (name, value) in [(CONTENT_SECURITY_POLICY, policy)].into_iter().chain(HEADERS) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

//! The chat page: static files from the program or a folder, under a strict Content-Security-Policy.

mod assets;
pub(crate) mod folder;

use crate::{error::Problem, header_list};
use assets::{Asset, Encoding, Found, INDEX_HTML, NOT_FOUND_HTML, with_charset};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use folder::OpenFile;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

pub(crate) use assets::Files;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Path of the page to try the API.
pub(crate) const DOCS: &str = "/docs";

/// Policy of the page to try the API, which is a third-party application with inline styles.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
                           frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Serves every path that is not a route: a file of the page, or 404.
pub(crate) async fn serve(State(files): State<Files>, request: Request) -> Response {
    let path = request.uri().path();
    let name = if path == "/" { INDEX_HTML } else { path.trim_start_matches('/') };
    let Some(found) = files.get(name).await else {
        return unknown_path(&files, request).await;
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = Problem::wrong_method(request.method().as_str(), path).into_response();
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match found {
        Found::Asset { asset, is_immutable } => respond(&asset, is_immutable, request.headers()),
        Found::File(file) => stream(file, request.headers(), request.method() == Method::HEAD),
    }
}

/// Rejects an unknown path: for a person who follows a link, with a page that leads on.
async fn unknown_path(files: &Files, request: Request) -> Response {
    let path = request.uri().path();
    let is_navigation = *request.method() == Method::GET && !path.starts_with("/api/");
    let accepted: Vec<_> = header_list::items(request.headers(), ACCEPT).collect();
    if is_navigation && header_list::quality(&accepted, &["text/html"]).is_some_and(|quality| quality > 0) {
        let mut response = match files.get(NOT_FOUND_HTML).await {
            Some(Found::Asset { asset, .. }) => respond(&asset, false, &HeaderMap::new()),
            Some(Found::File(file)) => stream(file, &HeaderMap::new(), false),
            None => return Problem::unknown_path(path).into_response(),
        };
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().remove(ETAG);
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
        return response;
    }
    Problem::unknown_path(path).into_response()
}

/// Streams a file. It is read by threads that may block.
fn stream(open: OpenFile, request_headers: &HeaderMap, is_head: bool) -> Response {
    let OpenFile { file, bytes, kind, tag } = open;
    let tag = format!("\"{tag}\"");
    let is_known = is_known(request_headers, &tag);
    // A file that grows in the meantime is cut at the length that is announced.
    let read = || Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file).take(bytes)));
    let mut response = Response::new(if is_known || is_head { Body::empty() } else { read() });
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(kind) = HeaderValue::from_str(&with_charset(&kind)) {
        headers.insert(CONTENT_TYPE, kind);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    response
}

/// Returns `true` if the client has the representation with this tag.
fn is_known(request_headers: &HeaderMap, tag: &str) -> bool {
    let mut known =
        header_list::values(request_headers, IF_NONE_MATCH).map(|known| known.trim_start_matches("W/"));
    known.any(|known| known == tag || known == "*")
}

fn respond(file: &Asset, is_immutable: bool, request_headers: &HeaderMap) -> Response {
    let is_compressible = file.is_compressible();
    let encoding = if is_compressible { best_encoding(request_headers) } else { Encoding::Plain };
    // Another encoding is another representation with an ETag of its own.
    let (suffix, name) = match encoding {
        Encoding::Plain => ("", None),
        Encoding::Gzip => ("-gzip", Some("gzip")),
        Encoding::Brotli => ("-br", Some("br")),
    };
    let tag = format!("\"{}{suffix}\"", file.etag);
    let is_known = is_known(request_headers, &tag);
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(file.bytes(encoding)) });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let caching = if is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if is_compressible {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(name) = name.filter(|_| !is_known) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}

/// Returns the encoding that the client prefers, the smaller one if it has no preference.
fn best_encoding(request_headers: &HeaderMap) -> Encoding {
    let accepted: Vec<_> = header_list::items(request_headers, ACCEPT_ENCODING).collect();
    let quality = |names: &[&str]| header_list::quality(&accepted, names).unwrap_or_default();
    let encodings =
        [(quality(&["gzip", "x-gzip", "*"]), Encoding::Gzip), (quality(&["br", "*"]), Encoding::Brotli)];
    let best = encodings.into_iter().filter(|(quality, _)| *quality > 0).max_by_key(|(quality, _)| *quality);
    best.map_or(Encoding::Plain, |(_, encoding)| encoding)
}

/// Calls `respond` and sets the security headers of the response, even of an error. Responses of the API are never cached.
pub(crate) async fn security_headers<F>(request: Request, respond: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let is_docs =
        request.uri().path().strip_prefix(DOCS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let policy = if is_docs { DOCS_POLICY } else { POLICY };
    let path = request.uri().path();
    let is_api = path.starts_with("/api/") || path == "/health";
    let mut response = respond(request).await;
    if is_api {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in [(CONTENT_SECURITY_POLICY, policy)].into_iter().chain(HEADERS) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

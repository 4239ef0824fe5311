//! Permission for the pages of listed origins to use the API (CORS).

use crate::routes::LAST_EVENT_ID;
use axum::http::{
    HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use runtime::context::{TRACEPARENT, X_REQUEST_ID, X_TRACE_ID};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Time for which a browser may remember a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);
const REQUEST_HEADERS: [HeaderName; 6] =
    [ACCEPT, AUTHORIZATION, CONTENT_TYPE, LAST_EVENT_ID, X_REQUEST_ID, TRACEPARENT];
const RESPONSE_HEADERS: [HeaderName; 3] = [RETRY_AFTER, X_REQUEST_ID, X_TRACE_ID];

/// Returns the layer for these origins; `None` without any, so that no response has a header of CORS.
pub(crate) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(PREFLIGHT_MAX_AGE);
    Some(layer)
}

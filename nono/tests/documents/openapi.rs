//! `docs/openapi.json`, the OpenAPI document as it is served. A change of the REST API shows in its difference.

use super::root;
use crate::app::App;
use serde_json::Value;
use std::fs;

#[tokio::test]
async fn the_committed_openapi_document_is_the_one_that_is_served() {
    let served = App::memory().await.get("/openapi.json").await.ok();
    let committed = fs::read_to_string(root().join("docs/openapi.json")).unwrap_or_default();
    if serde_json::from_str::<Value>(&committed).ok().as_ref() != Some(&served) {
        fs::write(root().join("target/openapi.json"), format!("{served:#}\n")).unwrap();
        panic!(
            "the REST API has changed. If that is intended: cp target/openapi.json docs/openapi.json, commit the \
             difference, and describe it in docs/api.md and CHANGELOG.md"
        );
    }
}

//! `docs/openapi.json`, the OpenAPI document that is served. A change of the REST API shows in its difference.

use super::root;
use crate::app::App;
use serde_json::Value;
use std::fs;

#[tokio::test]
async fn the_served_openapi_document_describes_the_handlers() {
    let described = serde_json::to_value(gateway::write_openapi_document()).unwrap();
    let committed = fs::read_to_string(root().join("docs/openapi.json")).unwrap();
    if serde_json::from_str::<Value>(&committed).ok().as_ref() != Some(&described) {
        fs::write(root().join("target/openapi.json"), format!("{described:#}\n")).unwrap();
        panic!(
            "the REST API has changed. If that is intended: cp target/openapi.json docs/openapi.json, commit the \
             difference, and describe it in docs/api.md and CHANGELOG.md"
        );
    }
    assert_eq!(App::memory().await.get("/openapi.json").await.ok(), described);
}

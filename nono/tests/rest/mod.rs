//! The REST API: in one process over memory, and in two processes over Redis.

mod export;
mod page;
mod preview;
mod rejections;
mod rules;

use crate::app::App;
use export::*;
use page::*;
use preview::*;
use rejections::*;
use reqwest::Method;
use rules::*;
use serde_json::{Value, json};

macro_rules! rest_suite {
    ($($case:ident)+) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(&crate::app::App::memory().await).await; })+
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(&crate::app::App::redis().await).await; })+
        }
    };
}

rest_suite! {
    the_quick_test_of_the_readme_returns_the_documented_json
    the_documented_examples_return_the_documented_json
    create_of_a_live_session_fails_or_returns_it_by_if_exists
    a_retried_create_returns_the_created_session
    messages_are_appended_once_and_read_in_pages
    metadata_is_returned_as_it_was_sent
    lists_are_paged
    an_export_has_the_whole_conversation_in_both_formats
    an_export_has_a_valid_file_name_for_any_user_id
    an_invalid_export_is_rejected_before_it_begins
    an_export_quotes_the_content_of_messages
    an_export_that_cannot_continue_breaks_the_connection
    touch_extends_the_expiry_and_delete_removes_the_session
    sessions_have_a_preview_once_they_have_a_message
    calls_return_session_not_found_for_an_unknown_session
    percent_encoded_ids_work_in_paths
    every_invalid_field_is_reported
    every_invalid_parameter_is_reported
    malformed_requests_return_a_problem
    values_at_a_limit_are_accepted_and_beyond_it_rejected
    a_full_batch_is_stored_and_one_more_message_is_rejected
    pages_fit_into_a_grpc_message_with_any_metadata
    request_id_and_trace_id_are_returned
    config_returns_every_limit
    personas_are_listed_without_their_prompts
    health_returns_the_status_of_every_dependency
    the_openapi_document_describes_every_route
    the_page_has_a_strict_content_security_policy
    an_unknown_address_leads_a_browser_to_the_page
    versioned_files_of_the_page_are_immutable
    files_are_compressed_with_an_encoding_that_the_client_accepts
    docs_serves_a_page_to_try_the_api
    every_operation_rejects_unknown_parameters_and_bodies
    a_duplicate_key_is_rejected
    the_openapi_document_is_as_strict_as_the_parser
    an_unsupported_method_returns_405_with_the_allowed_ones
    an_empty_request_id_is_rejected
    violations_beyond_the_limit_are_counted
    metadata_beyond_16_levels_is_rejected_by_its_field
    doubles_keep_their_exact_value
    escaped_text_counts_as_decoded_text
    responses_of_the_api_are_never_cached
    json_content_types_are_recognized_by_their_grammar
    events_are_negotiated_by_accept_with_quality
}

/// Returns `true` if a value is a time in the documented form.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn the_quick_test_of_the_readme_returns_the_documented_json(app: &App) {
    let created = app.post_text("/api/session/create", r#"{"user_id":"test"}"#).await.ok();
    assert_eq!(keys(&created), ["created", "created_at", "expires_at", "persona", "session_id", "user_id"]);
    assert_eq!(
        (&created["user_id"], &created["persona"], &created["created"]),
        (&json!("test"), &json!("default"), &json!(true))
    );
    assert!(is_time(&created["created_at"]) && is_time(&created["expires_at"]));
    let session_id = created["session_id"].as_str().unwrap();
    assert!(session_id.strip_prefix("session_test_").is_some_and(|seconds| seconds.parse::<u64>().is_ok()));

    let listed = app.get("/api/sessions").await.ok();
    assert_eq!(keys(&listed), ["count", "sessions"]);
    assert_eq!(listed["count"], 1);
    let session = &listed["sessions"][0];
    let fields = [
        "created_at",
        "expires_at",
        "last_activity",
        "message_count",
        "metadata",
        "persona",
        "session_id",
        "user_id",
    ];
    assert_eq!(keys(session), fields);
    for field in ["session_id", "created_at", "expires_at", "persona", "user_id"] {
        assert_eq!(session[field], created[field], "{field}");
    }
    let history = app.get("/api/session/test/history").await.ok();
    assert_eq!(history, json!({ "user_id": "test", "message_count": 0, "messages": [], "has_more": false }));
}

async fn the_documented_examples_return_the_documented_json(app: &App) {
    let body = json!({ "user_id": "John Doe", "persona": "mental_health_nurse", "metadata": { "optional": "data" } });
    let created = app.post("/api/session/create", &body).await.ok();
    assert!(created["session_id"].as_str().unwrap().starts_with("session_John Doe_"));
    assert_eq!(created["persona"], "mental_health_nurse");
    let appended = json!({ "messages": [{ "role": "user", "content": "message" }] });
    let appended = app.post("/api/session/John%20Doe/messages", &appended).await.ok();
    assert_eq!((&appended["replayed"], &appended["session"]["message_count"]), (&json!(false), &json!(1)));
    let history = app.get("/api/session/John%20Doe/history").await.ok();
    assert_eq!((&history["user_id"], &history["message_count"]), (&json!("John Doe"), &json!(1)));
    let message = &history["messages"][0];
    assert_eq!(message, &appended["messages"][0]);
    assert_eq!(keys(message), ["content", "metadata", "role", "seq", "timestamp"]);
    assert_eq!(
        (&message["role"], &message["content"], &message["metadata"]),
        (&json!("user"), &json!("message"), &json!({}))
    );
    assert!(is_time(&message["timestamp"]));
    let session = app.get("/api/session/John%20Doe").await.ok();
    assert_eq!(session["metadata"], json!({ "optional": "data" }));
    assert_eq!(session, appended["session"]);
}

async fn create_of_a_live_session_fails_or_returns_it_by_if_exists(app: &App) {
    let created = app.create("a").await;
    let body = json!({ "user_id": "a", "persona": "creative_writer", "metadata": { "x": 1 } });
    let problem = app.post("/api/session/create", &body).await.problem(409);
    assert_eq!(problem["reason"], "SESSION_EXISTS");
    let mut body = body;
    body["if_exists"] = json!("return");
    let returned = app.post("/api/session/create", &body).await.ok();
    assert_eq!((&returned["created"], &returned["persona"]), (&json!(false), &json!("default")));
    assert_eq!(returned["session_id"], created["session_id"]);
    assert_eq!(app.get("/api/session/a").await.ok()["metadata"], json!({}));
    body["if_exists"] = json!("fail");
    app.post("/api/session/create", &body).await.problem(409);
}

async fn a_retried_create_returns_the_created_session(app: &App) {
    let body = json!({ "user_id": "a", "request_id": "r" });
    let first = app.post("/api/session/create", &body).await.ok();
    let again = app.post("/api/session/create", &body).await.ok();
    assert_eq!((&first["created"], &again["created"]), (&json!(true), &json!(true)));
    assert_eq!(first["session_id"], again["session_id"]);
}

async fn messages_are_appended_once_and_read_in_pages(app: &App) {
    app.create("a").await;
    for n in 1..=5 {
        let body = json!({ "messages": [{ "role": "user", "content": n.to_string() }], "request_id": format!("r{n}") });
        let first = app.post("/api/session/a/messages", &body).await.ok();
        let again = app.post("/api/session/a/messages", &body).await.ok();
        assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
        assert_eq!(first["messages"], again["messages"]);
    }
    let other = json!({ "messages": [{ "role": "user", "content": "other" }], "request_id": "r1" });
    assert_eq!(app.post("/api/session/a/messages", &other).await.violations(), ["request_id"]);
    let read = async |query: &str| {
        let history = app.get(&format!("/api/session/a/history{query}")).await.ok();
        assert_eq!(history["message_count"], 5);
        let seqs: Vec<_> =
            history["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
        (seqs, history["has_more"].as_bool().unwrap())
    };
    assert_eq!(read("").await, (vec![1, 2, 3, 4, 5], false));
    assert_eq!(read("?limit=2").await, (vec![4, 5], true));
    assert_eq!(read("?limit=2&before=4").await, (vec![2, 3], true));
    assert_eq!(read("?limit=2&before=3").await, (vec![1, 2], false));
    assert_eq!(read("?limit=2&after=3").await, (vec![4, 5], false));
    assert_eq!(read("?after=0&limit=1").await, (vec![1], true));
    assert_eq!(read("?limit=99999999999").await, (vec![1, 2, 3, 4, 5], false));
}

async fn metadata_is_returned_as_it_was_sent(app: &App) {
    let metadata = r#"{"list":[],"object":{},"deep":{"a":[{"b":[1,-2,0.5,null,true,"x"]}]},"n":42,"max":9007199254740991,"min":-9007199254740991,"text":"é🤖\u0001"}"#;
    let metadata: Value = serde_json::from_str(metadata).unwrap();
    let body = json!({ "user_id": "a", "metadata": metadata });
    app.post("/api/session/create", &body).await.ok();
    assert_eq!(app.get("/api/session/a").await.ok()["metadata"], metadata);
    let body = json!({ "messages": [{ "role": "system", "content": "x", "metadata": metadata }] });
    app.post("/api/session/a/messages", &body).await.ok();
    let history = app.get("/api/session/a/history").await;
    assert!(history.text.contains(r#""n":42,"#), "an integer stays an integer: {}", history.text);
    assert_eq!(history.ok()["messages"][0]["metadata"], metadata);
}

async fn lists_are_paged(app: &App) {
    for n in 0..7 {
        app.create(&n.to_string()).await;
    }
    let mut names = Vec::new();
    let mut query = "?page_size=3".to_owned();
    loop {
        let page = app.get(&format!("/api/sessions{query}")).await.ok();
        assert_eq!(page["count"], 7);
        names.extend(
            page["sessions"].as_array().unwrap().iter().map(|s| s["user_id"].as_str().unwrap().to_owned()),
        );
        // A session that is used during the listing is neither repeated nor skipped.
        app.post("/api/session/0/touch", &json!({})).await.ok();
        let Some(token) = page.get("next_page_token") else {
            break;
        };
        query = format!("?page_size=3&page_token={}", token.as_str().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6"]);
}

async fn touch_extends_the_expiry_and_delete_removes_the_session(app: &App) {
    let created = app.create("a").await;
    let touched = app.send(app.request(Method::POST, "/api/session/a/touch")).await.ok();
    assert!(touched["expires_at"].as_str() >= created["expires_at"].as_str());
    let deleted = app.delete("/api/session/a").await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    app.get("/api/session/a").await.problem(404);
    assert_eq!(app.get("/api/sessions").await.ok(), json!({ "sessions": [], "count": 0 }));
}

async fn percent_encoded_ids_work_in_paths(app: &App) {
    let longest = "é".repeat(64);
    let ids =
        ["}x", "a{b}c", "a:b", "%2F", "a/b", "🤖", "create", "history", "a b", "a?b#c", "a+b", "é", &longest];
    for id in ids {
        app.create(id).await;
        let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let appended = json!({ "messages": [{ "role": "user", "content": id }] });
        app.post(&format!("/api/session/{path}/messages"), &appended).await.ok();
        let history = app.get(&format!("/api/session/{path}/history")).await.ok();
        assert_eq!((&history["user_id"], &history["messages"][0]["content"]), (&json!(id), &json!(id)));
        assert_eq!(app.get(&format!("/api/session/{path}")).await.ok()["user_id"], id);
    }
    assert_eq!(app.get("/api/session/create").await.ok()["user_id"], "create");
    assert_eq!(app.get("/api/sessions").await.ok()["count"], ids.len());
    for id in ids {
        let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(app.delete(&format!("/api/session/{path}")).await.status, 204);
    }
}

async fn request_id_and_trace_id_are_returned(app: &App) {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = app
        .request(Method::GET, "/api/session/unknown")
        .header("x-request-id", "mine")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let problem = app.send(request).await.problem(404);
    assert_eq!((&problem["request_id"], &problem["trace_id"]), (&json!("mine"), &json!(trace)));
    let (one, two) = (app.get("/api/sessions").await, app.get("/api/sessions").await);
    assert_ne!(one.headers["x-request-id"], two.headers["x-request-id"]);
}

async fn config_returns_every_limit(app: &App) {
    let config = app.get("/api/config").await.ok();
    assert_eq!(
        keys(&config),
        ["auth", "limits", "powered_by", "server_time", "session_ttl_seconds", "title"]
    );
    assert_eq!((&config["title"], &config["session_ttl_seconds"]), (&json!("Nono Chat Bot"), &json!(3600)));
    assert!(is_time(&config["server_time"]));
    let limits = &config["limits"];
    assert_eq!(
        (&limits["user_id_max_bytes"], &limits["message_content_max_bytes"]),
        (&json!(128), &json!(32768))
    );
    assert!(limits.as_object().unwrap().values().all(Value::is_number));
}

async fn personas_are_listed_without_their_prompts(app: &App) {
    let response = app.get("/api/personas").await;
    assert!(!response.text.contains("system_prompt") && !response.text.contains("You are"));
    let personas = response.ok();
    let names: Vec<_> =
        personas["personas"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Default Assistant", "Mental Health Nurse", "Technical Support", "Creative Writer"]);
    assert_eq!(keys(&personas["personas"][0]), ["description", "key", "name", "role", "tags"]);
}

async fn health_returns_the_status_of_every_dependency(app: &App) {
    let health = app.get("/health").await.ok();
    assert_eq!(health["status"], "healthy");
    let all = json!({ "session_service": "healthy", "store": "healthy", "model": "healthy" });
    assert_eq!(health["dependencies"], all);
    assert!(is_time(&health["timestamp"]));
}

async fn the_openapi_document_describes_every_route(app: &App) {
    let document = app.get("/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["responses"].as_object().unwrap().len() > 1, "{method} {path} can fail");
            operations.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    operations.sort_unstable();
    assert_eq!(
        operations,
        [
            "DELETE /api/session/{user_id}",
            "GET /api/config",
            "GET /api/personas",
            "GET /api/session/{user_id}",
            "GET /api/session/{user_id}/events",
            "GET /api/session/{user_id}/export",
            "GET /api/session/{user_id}/history",
            "GET /api/sessions",
            "GET /health",
            "POST /api/session/create",
            "POST /api/session/{user_id}/chat",
            "POST /api/session/{user_id}/chat/cancel",
            "POST /api/session/{user_id}/messages",
            "POST /api/session/{user_id}/touch",
        ]
    );
}

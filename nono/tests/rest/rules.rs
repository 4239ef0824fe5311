//! Rules for every operation of the OpenAPI document, and the grammar of requests.

use crate::app::{App, HttpResponse};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// An operation of the OpenAPI document, for the session `a`.
struct Operation {
    method: Method,
    path: String,
    description: Value,
}

async fn operations(app: &App) -> Vec<Operation> {
    let document = app.get("/openapi.json").await.ok();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, description) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{user_id}", "a");
            operations.push(Operation { method, path, description: description.clone() });
        }
    }
    assert!(operations.len() >= 12);
    operations
}

pub async fn every_operation_rejects_unknown_parameters_and_bodies(app: &App) {
    app.create("a").await;
    for Operation { method, path, description } in operations(app).await {
        let takes_body = description.get("requestBody").is_some();
        let request = app.request(method.clone(), &format!("{path}?dry_run=true"));
        let response = app.send(request).await;
        // An operation with a body may check the body first.
        if !takes_body || response.status == 400 {
            assert_eq!(response.violations(), ["dry_run"], "{method} {path}");
        }
        let request = app.request(method.clone(), &format!("{path}?dry_run=true")).json(&valid_body(&path));
        assert_eq!(app.send(request).await.violations(), ["dry_run"], "{method} {path}");
        if takes_body {
            let mut body = valid_body(&path);
            body["ttl_seconds"] = json!(7200);
            assert_eq!(app.send(app.request(method, &path).json(&body)).await.violations(), ["ttl_seconds"]);
        } else {
            for body in ["{\"ttl_seconds\":7200}", "[]", "x", "null"] {
                let request = app.request(method.clone(), &path).body(body);
                assert_eq!(app.send(request).await.violations(), ["body"], "{method} {path} {body}");
            }
        }
    }
    assert_eq!(app.get("/api/session/a").await.ok()["message_count"], 0);
    for empty in [" {} ", "{ }", "\u{feff}{}"] {
        app.send(app.request(Method::POST, "/api/session/a/touch").body(empty)).await.ok();
    }
    for empty in ["", "{}", r#"{"request_id":null}"#] {
        let cancelled = app.post_text("/api/session/a/chat/cancel", empty).await.ok();
        assert_eq!(cancelled, json!({ "cancelled": false }), "{empty:?}");
    }
    app.send(app.request(Method::POST, "/api/session/a/chat/cancel")).await.ok();
    app.send(app.request(Method::POST, "/api/session/a/chat/cancel").body("{}")).await.problem(415);
    let both = app.get("/api/session/a/history?before=1&after=1").await;
    assert!(!both.text.contains("before_seq"), "the detail has JSON names: {}", both.text);
    both.problem(400);
    app.get("/api/session/create?dry_run=true").await.problem(400);
}

/// Returns a valid body for an operation that takes one, and an empty object for the others.
fn valid_body(path: &str) -> Value {
    match path.rsplit('/').next().unwrap() {
        "create" => json!({ "user_id": "b" }),
        "messages" => json!({ "messages": [{ "role": "user", "content": "x" }] }),
        "chat" => json!({ "message": "x" }),
        _ => json!({}),
    }
}

pub async fn the_openapi_document_is_as_strict_as_the_parser(app: &App) {
    let document = app.get("/openapi.json").await.ok();
    let schemas = &document["components"]["schemas"];
    for name in ["CreateRequest", "AppendRequest", "NewMessage", "ChatRequest", "CancelRequest"] {
        assert_eq!(schemas[name]["additionalProperties"], false, "{name}");
    }
    for (schema, keyword, expected) in [
        ("UserId", "maxLength", json!(128)),
        ("RequestId", "maxLength", json!(128)),
        ("PageSize", "minimum", json!(0)),
        ("Seq", "maximum", json!(u32::MAX)),
        ("ExportFormat", "enum", json!(["markdown", "json"])),
    ] {
        assert_eq!(schemas[schema][keyword], expected, "{schema}");
    }
    let messages = &schemas["AppendRequest"]["properties"]["messages"];
    assert_eq!((&messages["minItems"], &messages["maxItems"]), (&json!(1), &json!(100)));
    for (schema, field) in [("NewMessage", "content"), ("ChatRequest", "message")] {
        let field = &schemas[schema]["properties"][field];
        assert_eq!((&field["minLength"], &field["maxLength"]), (&json!(1), &json!(32768)), "{schema}");
    }
}

pub async fn an_unsupported_method_returns_405_with_the_allowed_ones(app: &App) {
    for method in [Method::PUT, Method::PATCH, Method::OPTIONS] {
        let response = app.send(app.request(method, "/api/session/create")).await;
        assert_eq!(response.headers["allow"], "POST");
        response.problem(405);
    }
}

pub async fn a_duplicate_key_is_rejected(app: &App) {
    app.create("a").await;
    for (path, body) in [
        ("create", r#"{"user_id":"b","user_id":"c"}"#),
        ("create", r#"{"user_id":"b","metadata":{"x":{"k":1,"k":2}}}"#),
        ("a/messages", r#"{"messages":[{"role":"user","role":"user","content":"x"}]}"#),
        ("a/messages", r#"{"messages":[{"role":"user","content":"x","metadata":{"k":1,"\u006b":2}}]}"#),
        ("a/chat", r#"{"message":"x","message":"y"}"#),
    ] {
        let response = app.post_text(&format!("/api/session/{path}"), body).await;
        assert!(response.text.contains("the same key twice"), "{}", response.text);
        assert_eq!(response.violations(), ["body"], "{body}");
    }
    assert_eq!(app.get("/api/sessions").await.ok()["count"], 1);
}

pub async fn an_empty_request_id_is_rejected(app: &App) {
    app.create("a").await;
    for path in ["create", "a/messages", "a/chat", "a/chat/cancel"] {
        let mut body = valid_body(&format!("/{path}"));
        body["request_id"] = json!("");
        let response = app.post(&format!("/api/session/{path}"), &body).await;
        assert_eq!(response.violations(), ["request_id"], "{path}");
        body["request_id"] = Value::Null;
        app.post(&format!("/api/session/{path}"), &body).await.ok();
    }
}

/// Checks the size of an error, and returns the numbers of listed and of omitted violations.
fn bounded(response: HttpResponse) -> (usize, u64) {
    assert!(response.text.len() < 12 * 1024, "{} bytes", response.text.len());
    let problem = response.problem(400);
    assert!(problem["detail"].as_str().unwrap().len() < 5 * 1024);
    let listed = problem["violations"].as_array().unwrap().len();
    (listed, problem.get("violations_omitted").map_or(0, |omitted| omitted.as_u64().unwrap()))
}

pub async fn violations_beyond_the_limit_are_counted(app: &App) {
    app.create("a").await;
    let append = async |messages: &[&str]| {
        let body = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        bounded(app.post_text("/api/session/a/messages", body).await)
    };
    let huge_number = r#"{"role":"user","content":"x","metadata":{"a":1e308}}"#;
    assert_eq!(append(&[huge_number; 40]).await, (20, 20));
    assert_eq!(append(&["{}"; 100]).await, (20, 180));
    assert_eq!(append(&["{}"; 400_000]).await, (1, 0), "the count is checked first");
    let unknown: String = (0..30_000).map(|n| format!("\"{n}{}\":1,", "\u{e9}".repeat(9))).collect();
    let body = format!(r#"{{{unknown}"user_id":"b"}}"#);
    assert_eq!(bounded(app.post_text("/api/session/create", body).await), (20, 29_980));
    let long_name = format!(r#"{{"user_id":"b","{}":1}}"#, "n".repeat(1_000_000));
    assert_eq!(bounded(app.post_text("/api/session/create", long_name).await), (1, 0));
    let query: String = (0..2000).map(|n| format!("p{n}=1&")).collect();
    assert_eq!(bounded(app.get(&format!("/api/sessions?{query}")).await), (20, 1980));
    let secret = app.get("/api/session/a/history?limit=secret-value").await;
    assert!(!secret.text.contains("secret-value"), "{}", secret.text);
}

pub async fn metadata_beyond_16_levels_is_rejected_by_its_field(app: &App) {
    app.create("a").await;
    for levels in [1, 15, 16, 17, 18, 33, 34, 50, 100, 120] {
        for (open, close) in [(r#"{"a":"#, "}"), ("[", "]")] {
            let inner = format!("{}1{}", open.repeat(levels - 1), close.repeat(levels - 1));
            let metadata = format!(r#"{{"a":{inner}}}"#);
            let create = format!(r#"{{"user_id":"b","if_exists":"return","metadata":{metadata}}}"#);
            let append = format!(r#"{{"messages":[{{"role":"user","content":"x","metadata":{metadata}}}]}}"#);
            let created = app.post_text("/api/session/create", create).await;
            let appended = app.post_text("/api/session/a/messages", append).await;
            if levels <= 16 {
                created.ok();
                appended.ok();
            } else {
                assert_eq!(created.violations(), ["metadata"], "{levels} levels of {open}");
                assert_eq!(appended.violations(), ["messages[0].metadata"], "{levels} levels of {open}");
            }
        }
    }
}

pub async fn doubles_keep_their_exact_value(app: &App) {
    let numbers = [
        "0.42451918914251396",
        "0.1",
        "-0.0",
        "5e-324",
        "2.2250738585072014e-308",
        "1.7976931348623155e-308",
        "9007199254740991",
        "-9007199254740991",
        "4503599627370495.5",
        "123456789.12345679",
        "42",
    ];
    let metadata = format!(r#"{{"n":[{}]}}"#, numbers.join(","));
    let body = format!(r#"{{"user_id":"a","metadata":{metadata}}}"#);
    app.post_text("/api/session/create", body).await.ok();
    let returned = app.get("/api/session/a").await.text;
    assert!(returned.contains(&metadata), "{returned}");
    app.get("/api/sessions").await.text.contains(&metadata).then_some(()).unwrap();
    for beyond in ["9007199254740992", "-9007199254740993", "1e300", "1.7976931348623157e308"] {
        let body = format!(r#"{{"user_id":"b","metadata":{{"n":{beyond}}}}}"#);
        assert_eq!(app.post_text("/api/session/create", body).await.violations(), ["metadata"], "{beyond}");
    }
}

pub async fn escaped_text_counts_as_decoded_text(app: &App) {
    app.create("a").await;
    let escape = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    for (text, count) in [("你".repeat(10_900), 28), ("x".repeat(32_000), 32), ("🤖".repeat(8_000), 32)] {
        let message = format!(r#"{{"role":"user","content":"{}"}}"#, escape(&text));
        let body = format!(r#"{{"messages":[{}]}}"#, vec![message; count].join(","));
        app.post_text("/api/session/a/messages", body).await.ok();
    }
    let body = format!(r#"{{"user_id":"{}"}}"#, escape(&"x".repeat(1_310_720)));
    app.post_text("/api/session/create", body).await.problem(413);
}

pub async fn responses_of_the_api_are_never_cached(app: &App) {
    app.create("a").await;
    for Operation { method, path, .. } in operations(app).await {
        for path in [path.clone(), format!("{path}?dry_run=true"), path.replace("/a", "/gone")] {
            let response = app.send(app.request(method.clone(), &path).json(&valid_body(&path))).await;
            assert_eq!(response.headers["cache-control"], "no-store", "{method} {path}");
        }
    }
    for path in ["/api/nothing", "/api/", "/api/session/%FF"] {
        assert_eq!(app.get(path).await.headers["cache-control"], "no-store", "{path}");
    }
}

pub async fn json_content_types_are_recognized_by_their_grammar(app: &App) {
    let post = async |content_type: &str, body: Vec<u8>| {
        let request = app.request(Method::POST, "/api/session/create").header(CONTENT_TYPE, content_type);
        app.send(request.body(body)).await
    };
    let body = || br#"{"user_id":"a","if_exists":"return"}"#.to_vec();
    for content_type in [
        "application/json",
        "Application/JSON ; Charset=\"UTF-8\"",
        "application/json;",
        "application/json; profile=\"a;charset=latin1\"",
        "application/vnd.nono+json",
    ] {
        post(content_type, body()).await.ok();
    }
    for content_type in
        ["text/plain", "application/json; charset=latin1", "application/xml", "", "json", "text/x+json"]
    {
        post(content_type, body()).await.problem(415);
    }
    post("application/json", [b"\xef\xbb\xbf".to_vec(), body()].concat()).await.ok();
}

pub async fn events_are_negotiated_by_accept_with_quality(app: &App) {
    app.create("a").await;
    for (accept, expected) in [
        ("text/event-stream", "text/event-stream"),
        ("TEXT/Event-Stream; q=0.5", "text/event-stream"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("text/event-stream;q=0", "application/json"),
        ("text/event-stream;q=0.1, application/json", "application/json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/plain;x=\"text/event-stream\"", "application/json"),
    ] {
        let request = app.request(Method::POST, "/api/session/a/chat").header("accept", accept);
        let response = app.send(request.json(&json!({ "message": "hi" }))).await;
        assert_eq!(
            (response.status.as_u16(), response.headers[CONTENT_TYPE].to_str().unwrap()),
            (200, expected),
            "{accept}"
        );
    }
}

//! Invalid requests and their errors.

use crate::app::{App, HttpResponse};
use reqwest::Method;
use serde_json::{Value, json};

pub async fn every_invalid_field_is_reported(app: &App) {
    app.create("a").await;
    let create = async |body: Value| app.post("/api/session/create", &body).await.violations();
    assert_eq!(create(json!({})).await, ["user_id"]);
    assert_eq!(
        create(json!({ "user_id": 5, "persona": [], "metadata": "x", "if_exists": "no", "nope": 1 })).await,
        ["user_id", "persona", "metadata", "if_exists", "nope"]
    );
    assert_eq!(
        create(
            json!({ "user_id": " x", "persona": "pirate", "metadata": { "n": 9_007_199_254_740_992_u64 } })
        )
        .await,
        ["user_id", "persona", "metadata"]
    );
    assert_eq!(
        create(json!({ "user_id": "x", "metadata": { "n": 18_446_744_073_709_551_615_u64 } })).await,
        ["metadata"]
    );
    assert_eq!(create(json!({ "user_id": "a\nb", "request_id": "\u{7}" })).await, ["user_id", "request_id"]);
    for user_id in ["", "x".repeat(129).as_str(), "a\u{0}"] {
        assert_eq!(create(json!({ "user_id": user_id })).await, ["user_id"], "{user_id:?}");
    }
    let append = async |body: Value| app.post("/api/session/a/messages", &body).await.violations();
    assert_eq!(append(json!({})).await, ["messages"]);
    assert_eq!(append(json!({ "messages": [] })).await, ["messages"]);
    assert_eq!(append(json!({ "messages": {} })).await, ["messages"]);
    assert_eq!(
        append(json!({ "messages": [1, { "role": "robot", "content": 2, "x": 3 }] })).await,
        ["messages[0]", "messages[1].role", "messages[1].content", "messages[1].x"]
    );
    assert_eq!(
        append(json!({ "messages": [{ "role": "user", "content": "ok" }, {}] })).await,
        ["messages[1].role", "messages[1].content"]
    );
    assert_eq!(app.get("/api/session/a/history").await.ok()["message_count"], 0);
}

pub async fn every_invalid_parameter_is_reported(app: &App) {
    app.create("a").await;
    for (path, fields) in [
        ("/api/session/a/history?limit=-1", &["limit"][..]),
        ("/api/session/a/history?limit=x", &["limit"]),
        ("/api/session/a/history?before=-1", &["before"]),
        ("/api/session/a/history?after=99999999999", &["after"]),
        ("/api/session/a/history?before=1&after=2", &["before", "after"]),
        ("/api/session/a/history?limit=1&limit=2", &["limit"]),
        ("/api/session/a/history?nope=1", &["nope"]),
        ("/api/sessions?page_size=-1", &["page_size"]),
        ("/api/sessions?page_token=garbage&page_size=-1", &["page_size", "page_token"]),
        ("/api/sessions?page_token=AAAA", &["page_token"]),
        ("/api/session/%FF/history", &["user_id"]),
        ("/api/session/%20", &["user_id"]),
    ] {
        assert_eq!(app.get(path).await.violations(), fields, "{path}");
    }
}

pub async fn malformed_requests_return_a_problem(app: &App) {
    for body in
        ["", "{", "null", "[]", "\"x\"", "5", "{\"user_id\":\"a\"", "{\"user_id\":\"\\ud800\"}", "\u{0}"]
    {
        assert_eq!(app.post_text("/api/session/create", body).await.violations(), ["body"], "{body:?}");
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(app.post_text("/api/session/create", nested).await.violations(), ["body"]);
    let not_json = app.request(Method::POST, "/api/session/create").body("user_id=a");
    app.send(not_json).await.problem(415);
    let huge = format!(r#"{{"user_id":"{}"}}"#, "x".repeat(1_310_720));
    app.post_text("/api/session/create", huge).await.problem(413);
    app.get("/api/nothing").await.problem(404);
    app.get("/nothing.html").await.problem(404);
    app.get("/../Cargo.toml").await.problem(404);
    let wrong = app.send(app.request(Method::PUT, "/api/sessions")).await;
    assert_eq!(wrong.headers["allow"], "GET,HEAD");
    wrong.problem(405);
    app.send(app.request(Method::POST, "/")).await.problem(405);
}

pub async fn values_at_a_limit_are_accepted_and_beyond_it_rejected(app: &App) {
    app.create(&"x".repeat(128)).await;
    app.create("a").await;
    let say = async |content: &str| {
        let body = json!({ "messages": [{ "role": "user", "content": content }] });
        app.post("/api/session/a/messages", &body).await
    };
    say(&"é".repeat(16 * 1024)).await.ok();
    assert_eq!(say(&"x".repeat(32 * 1024 + 1)).await.violations(), ["messages[0].content"]);
    assert_eq!(say("").await.violations(), ["messages[0].content"]);
    let with = async |metadata: Value, user_id: &str| {
        app.post("/api/session/create", &json!({ "user_id": user_id, "metadata": metadata })).await
    };
    with(json!({ "a": "x".repeat(16 * 1024 - 8) }), "m1").await.ok();
    assert_eq!(with(json!({ "a": "x".repeat(16 * 1024 - 7) }), "m2").await.violations(), ["metadata"]);
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    with(nested(16), "m3").await.ok();
    assert_eq!(with(nested(17), "m4").await.violations(), ["metadata"]);
}

pub async fn a_full_batch_is_stored_and_one_more_message_is_rejected(app: &App) {
    app.create("a").await;
    let batch = |count: usize| json!({ "messages": vec![json!({ "role": "user", "content": "x" }); count] });
    assert_eq!(
        app.post("/api/session/a/messages", &batch(100)).await.ok()["messages"].as_array().unwrap().len(),
        100
    );
    assert_eq!(app.post("/api/session/a/messages", &batch(101)).await.violations(), ["messages"]);
    let large = |count: usize| json!({ "messages": vec![json!({ "role": "user", "content": "x".repeat(32_766) }); count] });
    app.post("/api/session/a/messages", &large(32)).await.ok();
    assert_eq!(app.post("/api/session/a/messages", &large(33)).await.violations(), ["messages"]);
    assert_eq!(app.get("/api/session/a").await.ok()["message_count"], 132);
    let page = app.get("/api/session/a/history?limit=1000").await.ok();
    assert_eq!(page["has_more"], true, "a page ends near 1 MiB");
}

pub async fn calls_return_session_not_found_for_an_unknown_session(app: &App) {
    let message = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let responses: [HttpResponse; 5] = [
        app.get("/api/session/unknown").await,
        app.get("/api/session/unknown/history").await,
        app.post("/api/session/unknown/messages", &message).await,
        app.post("/api/session/unknown/touch", &json!({})).await,
        app.delete("/api/session/unknown").await,
    ];
    for response in responses {
        assert_eq!(response.problem(404)["reason"], "SESSION_NOT_FOUND");
    }
    assert_eq!(app.get("/api/sessions").await.ok()["count"], 0);
}

pub async fn pages_fit_into_a_grpc_message_with_any_metadata(app: &App) {
    // A number takes 2 bytes as JSON and 11 in a protobuf Struct.
    let numbers = json!({ "n": vec![1; 8000] });
    for n in 0..60 {
        app.post("/api/session/create", &json!({ "user_id": n.to_string(), "metadata": numbers })).await.ok();
    }
    let mut names = Vec::new();
    let mut query = "?page_size=1000".to_owned();
    loop {
        let page = app.get(&format!("/api/sessions{query}")).await.ok();
        names.extend(
            page["sessions"].as_array().unwrap().iter().map(|s| s["user_id"].as_str().unwrap().to_owned()),
        );
        app.post("/api/session/7/touch", &json!({})).await.ok();
        let Some(token) = page.get("next_page_token") else { break };
        query = format!("?page_size=1000&page_token={}", token.as_str().unwrap());
    }
    names.sort_unstable_by_key(|name| name.parse::<u32>().unwrap());
    assert_eq!(names, (0..60).map(|n| n.to_string()).collect::<Vec<_>>());

    let message = json!({ "role": "user", "content": "x", "metadata": numbers });
    for _ in 0..3 {
        app.post("/api/session/0/messages", &json!({ "messages": vec![message.clone(); 20] })).await.ok();
    }
    let mut seqs: Vec<u64> = Vec::new();
    loop {
        let before = seqs.first().map(|seq| format!("&before={seq}")).unwrap_or_default();
        let page = app.get(&format!("/api/session/0/history?limit=1000{before}")).await.ok();
        let page_seqs = page["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap());
        seqs.splice(0..0, page_seqs);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seqs, (1..=60).collect::<Vec<_>>());
    let forward = app.get("/api/session/0/history?limit=1000&after=0").await.ok();
    assert_eq!((&forward["messages"][0]["seq"], &forward["has_more"]), (&json!(1), &json!(true)));
    let too_much = json!({ "messages": vec![message; 60] });
    assert_eq!(app.post("/api/session/0/messages", &too_much).await.violations(), ["messages"]);
}

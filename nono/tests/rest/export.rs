//! Export of conversations as files.

use super::*;

/// Appends `count` messages whose contents are their seqs.
async fn fill(app: &App, user_id: &str, count: usize) {
    app.create(user_id).await;
    let all: Vec<_> = (1..=count).collect();
    for batch in all.chunks(100) {
        let messages: Vec<_> = batch
            .iter()
            .map(|n| {
                let role = if n % 2 == 1 { "user" } else { "assistant" };
                json!({ "role": role, "content": format!("message {n}"), "metadata": { "n": n } })
            })
            .collect();
        app.post(&format!("/api/session/{user_id}/messages"), &json!({ "messages": messages })).await.ok();
    }
}

pub async fn an_export_has_the_whole_conversation_in_both_formats(app: &App) {
    // More than fit on one page of the history.
    fill(app, "a", 1250).await;
    let file = app.get("/api/session/a/export?format=json").await;
    assert_eq!(file.headers["content-type"], "application/json");
    assert_eq!(file.headers["cache-control"], "no-store");
    let file = file.ok();
    assert_eq!(file["session"], app.get("/api/session/a").await.ok());
    let messages = file["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1250);
    let newest = app.get("/api/session/a/history?limit=1000").await.ok();
    assert_eq!(&messages[250..], newest["messages"].as_array().unwrap());
    for (n, message) in (1..).zip(messages) {
        assert_eq!((&message["seq"], &message["metadata"]["n"]), (&json!(n), &json!(n)));
    }
    let file = app.get("/api/session/a/export").await;
    assert_eq!(file.headers["content-type"], "text/markdown; charset=utf-8");
    assert!(file.text.starts_with("# Conversation: a\n\n- Session: session\\_a\\_"));
    assert_eq!(file.text.matches("\n## ").count(), 1250);
    let time = messages[1249]["timestamp"].as_str().unwrap();
    assert!(file.text.ends_with(&format!("\n## 1250. Assistant, {time}\n\n> message 1250\n")));
}

pub async fn an_export_has_a_valid_file_name_for_any_user_id(app: &App) {
    let created = app.create("Zoë \"/x").await;
    let path = "/api/session/Zo%C3%AB%20%22%2Fx/export";
    let seconds = created["session_id"].as_str().unwrap().rsplit('_').next().unwrap().to_owned();
    let empty = app.get(&format!("{path}?format=json")).await;
    let expected = format!(
        "attachment; filename=\"session_Zo_ __x_{seconds}.json\"; \
         filename*=UTF-8''session_Zo%C3%AB%20%22%2Fx_{seconds}.json"
    );
    assert_eq!(empty.headers["content-disposition"], expected);
    assert_eq!(empty.ok()["messages"], json!([]));
    let text = app.get(path).await.text;
    assert!(text.starts_with("# Conversation: Zoë \\\"/x\n"), "{text}");
}

pub async fn an_invalid_export_is_rejected_before_it_begins(app: &App) {
    let missing = app.get("/api/session/unknown/export").await;
    assert_eq!(missing.problem(404)["reason"], "SESSION_NOT_FOUND");
    app.create("a").await;
    assert_eq!(app.get("/api/session/a/export?format=pdf&x=1").await.violations(), ["format", "x"]);
}

/// The content of a message cannot look like another message of the file.
pub async fn an_export_quotes_the_content_of_messages(app: &App) {
    app.create("a").await;
    let forged = "hi\n\n## 2. Assistant, 2024-10-20T12:00:00.000Z\n\n```";
    let messages = json!({ "messages": [{ "role": "user", "content": forged }] });
    app.post("/api/session/a/messages", &messages).await.ok();
    let file = app.get("/api/session/a/export").await.text;
    assert_eq!(file.lines().filter(|line| line.starts_with("## ")).count(), 1, "{file}");
    assert!(
        file.ends_with("\n\n> hi\n> \n> ## 2. Assistant, 2024-10-20T12:00:00.000Z\n> \n> ```\n"),
        "{file}"
    );
}

/// If the session ends during the export, the client must not take the file for complete.
pub async fn an_export_that_cannot_continue_breaks_the_connection(app: &App) {
    app.create("a").await;
    let content = "x".repeat(30_000);
    let messages = vec![json!({ "role": "user", "content": content }); 33];
    // More than fits into the connection's buffers.
    for _ in 0..20 {
        app.post("/api/session/a/messages", &json!({ "messages": messages })).await.ok();
    }
    let mut file = app.request(Method::GET, "/api/session/a/export").send().await.unwrap();
    assert!(file.chunk().await.unwrap().is_some());
    assert_eq!(app.delete("/api/session/a").await.status, 204);
    let rest = async {
        while file.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    };
    assert!(rest.await.is_err(), "an incomplete file ends with an error");
}

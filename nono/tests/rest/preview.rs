//! Previews of sessions.

use crate::app::App;
use serde_json::json;

pub async fn sessions_have_a_preview_once_they_have_a_message(app: &App) {
    assert_eq!(app.create("a").await.get("preview"), None);
    assert_eq!(app.get("/api/session/a").await.ok().get("preview"), None);
    let message = json!({ "role": "user", "content": format!("two\nlines {}", "🤖".repeat(200)) });
    let appended = app.post("/api/session/a/messages", &json!({ "messages": [message] })).await.ok();
    let preview = format!("two lines {}", "🤖".repeat(110));
    assert_eq!(appended["session"]["preview"], preview);
    assert_eq!(app.get("/api/session/a").await.ok()["preview"], preview);
    assert_eq!(app.get("/api/sessions").await.ok()["sessions"][0]["preview"], preview);
}

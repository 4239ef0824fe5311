//! The programs of `examples/`, run against a real server.

use crate::app::App;
use std::path::PathBuf;
use tokio::process::Command;

#[tokio::test]
async fn the_example_client_creates_a_session_and_prints_a_reply() {
    let app = App::memory().await;
    let path = PathBuf::from(env!("CARGO_BIN_EXE_nono")).with_file_name("examples").join("client");
    assert!(path.exists(), "the example is not built: cargo build --package nono --examples");
    let output = Command::new(path).arg(&app.grpc).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("session: Some(\"session_example_"), "{text}");
    assert!(text.ends_with("\nfinished: Stop\n"), "{text}");
    let history = app.get("/api/session/example/history").await.ok();
    let reply = history["messages"][1]["content"].as_str().unwrap();
    assert!(text.contains(reply), "{reply:?} in {text}");
}

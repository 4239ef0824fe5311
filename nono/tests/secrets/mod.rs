//! Canaries in all data of callers, models, stores and files. No log line contains them, at any level.

mod credentials;

use crate::app::{App, Program};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use std::io::Write;
use testkit::{Behaviour, ModelServer, RedisServer};

const KEY: &str = "canary-api-key";
const ECHO: &str = "canary-api-key canary-message canary-prompt";

/// The servers and files behind a service, all with canaries.
struct Backends {
    redis: RedisServer,
    model: ModelServer,
    personas: tempfile::NamedTempFile,
    store: String,
}

impl Backends {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let user = ["ACL", "SETUSER", "nono", "on", ">canary-redis-password", "~*", "&*", "+@all"];
        assert_eq!(redis.ask(&user), "+OK\r\n");
        let store = format!("redis://nono:canary-redis-password@127.0.0.1:{}", redis.port());
        let mut personas = tempfile::NamedTempFile::new().unwrap();
        let text = include_str!("../../../session-service/src/personas.toml");
        let text = text.replace("system_prompt = \"\"\"", "system_prompt = \"\"\"canary-prompt ");
        personas.write_all(text.as_bytes()).unwrap();
        Self { redis, model: ModelServer::start().await, personas, store }
    }

    fn arguments(&self) -> Vec<String> {
        let personas = self.personas.path().to_str().unwrap();
        let url = self.model.url();
        ["--personas", personas, "--model-url", &url, "--model", "m"].map(str::to_owned).to_vec()
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [("RUST_LOG", "trace"), ("NONO_STORE", &self.store), ("NONO_MODEL_API_KEY", KEY)]
    }
}

/// Returns every way in which a model can echo its request.
fn echoes() -> Vec<Behaviour> {
    let mut echoes = Vec::new();
    let error = json!({"message": ECHO, "type": KEY, "code": KEY, "param": ECHO, KEY: KEY});
    for code in [400, 401, 403, 404, 429, 500, 503] {
        for body in [json!({ "error": error }), json!({ "error": ECHO }), json!(ECHO), error.clone()] {
            let retry_after = Some(KEY.into());
            echoes.push(Behaviour::Status { code, retry_after, body: body.to_string() });
        }
    }
    for stream in [
        format!("data: {}\n\n", json!({ "error": error })),
        format!("event: error\ndata: {error}\n\n"),
        format!("error: {error}\n\n"),
        format!("data: {ECHO}\n\n{ECHO}\n\n"),
        format!("data: {}\n\n", json!({"choices": ECHO})),
        format!("data: {}\n\n", json!({"choices": [{"delta": ECHO, "finish_reason": ECHO}]})),
        format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "canary-reply"}}], "error": error})),
        format!("data: {{\"choices\": [{{\"delta\": {{\"content\": \"{ECHO}\n\n"),
        json!({ "error": error }).to_string(),
    ] {
        echoes.push(Behaviour::Raw(stream));
    }
    for response in [
        format!("{ECHO}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{ECHO}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\ncanary: \u{1}{ECHO}\r\n\r\n"),
        format!("HTTP/1.1 500 {KEY}\r\nx-echo: {ECHO}\r\ncontent-length: 1\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nlocation: http://{KEY}/\r\ncontent-length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{ECHO}\r\n"),
    ] {
        echoes.push(Behaviour::Http(response));
    }
    echoes
}

async fn use_every_call(app: &App, backends: &Backends) {
    let metadata = json!({"canary-name": ["canary-metadata"]});
    app.post("/api/session/create", &json!({"user_id": "canary-user", "metadata": metadata})).await.ok();
    let message = json!({"role": "user", "content": "canary-content", "metadata": metadata});
    app.post("/api/session/canary-user/messages", &json!({"messages": [message], "request_id": "r"}))
        .await
        .ok();
    app.get("/api/session/canary-user/history").await.ok();
    app.get("/api/sessions").await.ok();
    let reply = app.post("/api/session/canary-user/chat", &json!({"message": "canary-message"})).await.ok();
    assert!(reply["response"].as_str().unwrap().ends_with("canary-message"), "{reply}");
    for (n, echo) in echoes().into_iter().enumerate() {
        backends.model.script(echo.clone());
        let said = json!({"message": format!("canary-message {n}"), "metadata": metadata});
        let error = app.post("/api/session/canary-user/chat", &said).await;
        assert_eq!(error.status, 503, "{echo:?}");
        assert!(!error.text.contains("canary"), "{}", error.text);
    }
    let sent = backends.model.requests()[0].to_string();
    assert!(sent.contains("canary-prompt") && sent.contains("canary-message"), "{sent}");
}

async fn send_bad_requests(app: &App) {
    for (path, body) in [
        (
            "/api/session/create",
            json!({"user_id": "canary\n", "persona": "canary-persona", "canary": "canary"}),
        ),
        ("/api/session/create", json!({"user_id": "canary-user", "metadata": {"canary-name": 1e300}})),
        ("/api/session/create", json!({"user_id": "canary-user", "if_exists": "canary"})),
        ("/api/session/canary-user/messages", json!({"messages": [{"role": "canary", "content": "canary"}]})),
        ("/api/session/canary-user/chat", json!({"message": ["canary-message"], "request_id": "canary\n"})),
    ] {
        assert_eq!(app.post(path, &body).await.status, 400, "{path} {body}");
    }
    for text in ["{\"canary-name\": canary", "\"canary-content\"", "[\"canary\"]", "{\"user_id\": \"canary"] {
        assert_eq!(app.post_text("/api/session/create", text).await.status, 400, "{text}");
    }
    assert_eq!(app.get("/api/sessions?page_token=canary&canary=canary").await.status, 400);
    assert_eq!(app.get("/canary/path?canary=1").await.status, 404);
    let odd =
        app.request(Method::from_bytes(b"CANARY").unwrap(), "/api/sessions").header("x-canary", "canary");
    assert_eq!(app.send(odd).await.status, 405);
    let large = json!({"user_id": "canary".repeat(300_000)});
    assert_eq!(app.post("/api/session/create", &large).await.status, 413);
}

/// Writes canaries into records that are then corrupt, and reads them.
async fn read_corrupt_records(app: &App, redis: &RedisServer) {
    let history = "chat_history:{canary-user}";
    for message in [
        "canary",
        r#""canary""#,
        r#"{"role":"canary","content":"canary","metadata":{},"timestamp":1}"#,
        r#"{"role":"user","content":{"canary":1},"metadata":{},"timestamp":1}"#,
        r#"{"role":"user","content":"a","metadata":"canary","timestamp":1}"#,
        r#"{"role":"user","content":"a","metadata":{},"timestamp":"canary"}"#,
    ] {
        assert_eq!(redis.ask(&["LSET", history, "0", message]), "+OK\r\n");
        let read = app.get("/api/session/canary-user/history?limit=1000").await;
        assert!(
            !read.text.contains("canary-cause") && read.status.as_u16() >= 400,
            "{message}: {}",
            read.text
        );
    }
    for (n, field) in
        ["created_at", "last_activity", "ttl", "message_count", "metadata"].into_iter().enumerate()
    {
        let user_id = format!("canary-user{n}");
        app.create(&user_id).await;
        redis.ask(&["HSET", &format!("session:{{{user_id}}}"), field, "\"canary\""]);
        assert_eq!(app.get(&format!("/api/session/{user_id}")).await.status, 500, "{field}");
    }
}

/// Checks that a log has lines of every level and no canary.
fn assert_clean(name: &str, log: &[String]) {
    for line in log {
        assert!(!line.to_lowercase().contains("canary"), "{name}: {line}");
    }
    assert!(log.iter().any(|line| line.contains("TRACE")) && log.len() > 500, "{name}: {} lines", log.len());
}

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_of_the_two_services_contain_no_secret_and_no_content() {
    let mut backends = Backends::start().await;
    let arguments = backends.arguments();
    let ports = ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let arguments = [&ports[..], &strings(&arguments)].concat();
    let mut service = Program::start("session-service", &arguments, &backends.environment());
    let line = service.wait_for_log("\"message\":\"listening\"").await;
    let grpc = format!("http://{}", line.split("\"grpc\":\"").nth(1).unwrap().split('"').next().unwrap());
    let service_log = service.collect_log();
    let ports = ["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut gateway = Program::start("gateway", &ports, &[("RUST_LOG", "trace"), ("NONO_BACKEND", &grpc)]);
    let line = gateway.wait_for_log("\"message\":\"listening\"").await;
    let app = App::at(line.split("\"page\":\"").nth(1).unwrap().split('"').next().unwrap());
    let gateway_log = gateway.collect_log();
    use_every_call(&app, &backends).await;
    send_bad_requests(&app).await;
    read_corrupt_records(&app, &backends.redis).await;
    backends.redis.kill();
    assert_eq!(app.post("/api/session/canary-user/chat", &json!({"message": "canary"})).await.status, 503);
    service.signal(Signal::SIGKILL);
    service.exit_code().await;
    assert_eq!(app.post("/api/session/canary-user/chat", &json!({"message": "canary"})).await.status, 503);
    gateway.signal(Signal::SIGTERM);
    assert_clean("session-service", &service_log.await.unwrap());
    assert_clean("gateway", &gateway_log.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_of_nono_contain_no_secret_and_no_content() {
    let mut backends = Backends::start().await;
    let arguments = backends.arguments();
    let mut nono = Program::nono(&strings(&arguments), &backends.environment());
    let greeting = nono.greeting().await;
    let at = greeting.find("http://").unwrap();
    let app = App::at(greeting[at..].split_whitespace().next().unwrap());
    let log = nono.collect_log();
    use_every_call(&app, &backends).await;
    send_bad_requests(&app).await;
    read_corrupt_records(&app, &backends.redis).await;
    backends.redis.kill();
    assert_eq!(app.post("/api/session/canary-user/chat", &json!({"message": "canary"})).await.status, 503);
    nono.signal(Signal::SIGTERM);
    assert_clean("nono", &log.await.unwrap());
}

#[tokio::test]
async fn an_invalid_setting_is_reported_without_its_value() {
    let personas = |text: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    };
    let built_in = include_str!("../../../session-service/src/personas.toml");
    let mistyped =
        personas(&built_in.replacen("temperature = 0.7", "temperature = \"canary \\\" prompt\"", 1));
    for (arguments, environment) in [
        (&["--model-api-key=canary key"][..], &[][..]),
        (&["canary-api-key"], &[]),
        (&["--model-api-kye=canary-api-key"], &[]),
        (&["--log-format", "canary"], &[]),
        (&["--session-ttl", "canary"], &[]),
        (&["--http-listen", "canary"], &[]),
        (&["--context-messages", "canary"], &[]),
        (&["--store", "redis://:canary@h:port"], &[]),
        (&["--personas", mistyped.path().to_str().unwrap()], &[]),
        (&[], &[("NONO_STORE", "canary://canary")]),
        (&[], &[("NONO_MODEL_API_KEY", "canary key")]),
    ] {
        let (code, out, err) = Program::run("nono", arguments, environment).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error: ") && !err.contains("canary"), "{err}");
    }
}

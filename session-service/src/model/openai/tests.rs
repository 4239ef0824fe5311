//! Behaviours of model servers, over real connections.

use super::*;
use crate::model::{
    FinishReason, LimitedModel, ReplyEvent,
    limits::{REPLY_MAX_BYTES, STALL_TIMEOUT},
    tests::{SHORT_STALL_TIMEOUT, prompt, read},
};
use futures_util::StreamExt;
use testkit::{Behaviour, ModelServer};

const KEY: &str = "sk-very-secret";

pub(super) fn model_at(url: &str) -> LimitedModel {
    model_within(STALL_TIMEOUT, url)
}

fn model_within(silence: Duration, url: &str) -> LimitedModel {
    let key = KEY.parse().unwrap();
    LimitedModel::new(
        OpenAi::new(&url.parse().unwrap(), "llama3.2", Some(Current::new(key))).unwrap(),
        silence,
    )
}

pub(super) fn pieces(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn status(code: u16, retry_after: Option<&str>, body: &str) -> Behaviour {
    Behaviour::Status { code, retry_after: retry_after.map(Into::into), body: body.into() }
}

/// Returns the texts of a reply of a server with this behaviour, and its end.
pub(super) async fn reply(behaviour: Behaviour) -> (Vec<String>, Result<FinishReason, &'static str>) {
    reply_within(STALL_TIMEOUT, behaviour).await
}

/// Like [`reply`], with a shorter timeout.
async fn reply_within(
    silence: Duration,
    behaviour: Behaviour,
) -> (Vec<String>, Result<FinishReason, &'static str>) {
    let server = ModelServer::start().await;
    server.script(behaviour);
    let reply = read(&model_within(silence, &server.url()), prompt("hello")).await;
    server.idle().await;
    reply
}

async fn failure(behaviour: Behaviour) -> ModelError {
    let server = ModelServer::start().await;
    server.script(behaviour);
    let Err(error) = model_at(&server.url()).reply(prompt("hello")).await else { panic!("it must fail") };
    error
}

#[tokio::test]
async fn requests_follow_the_protocol() {
    let server = ModelServer::start().await;
    let (texts, end) = read(&model_at(&format!("{}/", server.url())), prompt("hello")).await;
    assert_eq!((texts, end), (pieces(&["You ", "said: ", "hello"]), Ok(FinishReason::Stop)));
    let expected = serde_json::json!({
        "model": "llama3.2",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}],
        "stream": true,
        "temperature": 0.7,
        "max_tokens": 64,
    });
    let (request, headers) = (&server.requests()[0], &server.headers()[0]);
    assert_eq!(request.to_string(), expected.to_string());
    assert_eq!(headers["request"], "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(headers["content-type"], "application/json");
}

#[tokio::test]
async fn requests_without_a_key_have_no_authorization() {
    let server = ModelServer::start().await;
    let model = OpenAi::new(&server.url().parse().unwrap(), "m", None).unwrap();
    read(&LimitedModel::new(model, STALL_TIMEOUT), prompt("hello")).await.1.unwrap();
    assert!(!server.headers()[0].contains_key("authorization"));
}

#[tokio::test]
async fn deltas_are_not_delayed() {
    let server = ModelServer::start().await;
    server.script(Behaviour::Gated(pieces(&["a", "b"])));
    let mut reply = model_at(&server.url()).reply(prompt("hello")).await.unwrap();
    for expected in ["a", "b"] {
        server.release();
        assert_eq!(reply.next().await.unwrap().unwrap(), ReplyEvent::Text(expected.into()));
    }
    assert_eq!(reply.next().await.unwrap().unwrap(), ReplyEvent::Finish(FinishReason::Stop));
}

#[tokio::test]
async fn slow_replies_do_not_time_out() {
    let (silence, pause) = (Duration::from_secs(2), Duration::from_millis(150));
    let slow = Behaviour::Slow { pieces: pieces(&["a"; 15]), pause };
    assert_eq!(reply_within(silence, slow).await, (pieces(&["a"; 15]), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn additional_fields_of_servers_are_ignored() {
    let behaviour = Behaviour::Verbose(pieces(&["a", "b"]));
    assert_eq!(reply(behaviour).await, (pieces(&["a", "b"]), Ok(FinishReason::Unknown)));
}

#[tokio::test]
async fn characters_split_across_packets_are_joined() {
    let text = "schön 🤖 日本";
    assert_eq!(reply(Behaviour::SplitUtf8(text.into())).await, (pieces(&[text]), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn stalled_servers_time_out() {
    for (behaviour, texts) in [
        (Behaviour::Hang, &[][..]),
        (Behaviour::Stall(vec![]), &[]),
        (Behaviour::Stall(pieces(&["a"])), &["a"]),
    ] {
        assert_eq!(reply_within(SHORT_STALL_TIMEOUT, behaviour).await, (pieces(texts), Err("timeout")));
    }
}

#[tokio::test]
async fn truncated_replies_are_errors() {
    assert_eq!(reply(Behaviour::Cut(pieces(&["a"]))).await, (pieces(&["a"]), Err("truncated")));
    assert_eq!(reply(Behaviour::Cut(vec![])).await, (vec![], Err("truncated")));
}

#[tokio::test]
async fn malformed_chunks_are_skipped_and_streams_without_a_chunk_are_invalid() {
    let kept = (pieces(&["a"]), Ok(FinishReason::Unknown));
    assert_eq!(reply(Behaviour::Garbage(pieces(&["a"]))).await, kept);
    assert_eq!(reply(Behaviour::Garbage(vec![])).await, (vec![], Err("invalid_response")));
    assert_eq!(reply(Behaviour::Raw(String::new())).await, (vec![], Err("invalid_response")));
}

#[tokio::test]
async fn endless_replies_are_cut_and_their_request_ends() {
    let (texts, end) = reply(Behaviour::Endless("word ".into())).await;
    assert_eq!((texts.concat().len(), end), (REPLY_MAX_BYTES, Ok(FinishReason::Length)));
}

#[tokio::test]
async fn errors_name_the_status_and_do_not_quote_the_server() {
    let echo =
        format!(r#"{{"error":{{"message":"{KEY}: hello","type":"hello","code":"{KEY}","param":"hello"}}}}"#);
    for (code, outcome) in [
        (302, "failed"),
        (400, "failed"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "failed"),
        (429, "rate_limited"),
        (500, "failed"),
        (503, "failed"),
    ] {
        let error = failure(status(code, None, &echo)).await;
        assert_eq!(error.as_label(), outcome, "{code}");
        let words = format!("{error} {error:?}");
        assert!(words.contains(&format!("status {code}")), "{words}");
        assert_eq!(words.contains("llama3.2"), code == 404, "{words}");
        assert!(!words.contains(KEY) && !words.contains("hello"), "{words}");
    }
}

#[tokio::test]
async fn rate_limits_have_a_clamped_delay() {
    for (header, seconds) in [
        (Some("7"), Some(7)),
        (Some("0"), Some(1)),
        (Some("315360000"), Some(60)),
        (Some("Fri, 31 Dec 9999 23:59:59 GMT"), Some(60)),
        (Some("Wed, 21 Oct 2015 07:28:00 GMT"), Some(1)),
        (Some("-7"), None),
        (Some("soon"), None),
        (None, None),
    ] {
        let error = failure(status(429, header, "")).await;
        let expected = seconds.map(Duration::from_secs);
        assert!(
            matches!(error, ModelError::RateLimited { retry_after, .. } if retry_after == expected),
            "{header:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn failed_requests_are_not_retried() {
    let server = ModelServer::start().await;
    server.script(status(500, None, ""));
    let model = model_at(&server.url());
    assert_eq!(read(&model, prompt("hello")).await.1, Err("failed"));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(read(&model, prompt("hello")).await.1, Ok(FinishReason::Stop), "the next reply is a new one");
}

#[tokio::test]
async fn unreachable_models_are_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let Err(error) = model_at(&format!("http://{address}/v1")).reply(prompt("hello")).await else { panic!() };
    assert!(matches!(error, ModelError::Unreachable(_)), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("refused") && !words.contains(&address.to_string()), "{words}");
}

#[tokio::test]
async fn models_with_unknown_hosts_are_reported() {
    let model = model_at("http://nowhere.invalid/v1");
    assert_eq!(read(&model, prompt("hello")).await, (vec![], Err("unreachable")));
}

#[tokio::test]
async fn dropping_a_reply_cancels_its_request() {
    let server = ModelServer::start().await;
    server.script(Behaviour::Stall(pieces(&["a"])));
    let mut reply = model_at(&server.url()).reply(prompt("hello")).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), ReplyEvent::Text("a".into()));
    assert_eq!(server.open(), 1);
    drop(reply);
    server.idle().await;
}

#[tokio::test]
async fn a_hundred_concurrent_replies_do_not_mix() {
    let server = ModelServer::start().await;
    let model = &model_at(&server.url());
    let replies = (0..100).map(|n| async move {
        let (texts, end) = read(model, prompt(&n.to_string())).await;
        assert_eq!((texts.concat(), end), (format!("You said: {n}"), Ok(FinishReason::Stop)));
    });
    futures_util::future::join_all(replies).await;
    assert_eq!(server.requests().len(), 100);
    server.idle().await;
}

//! Every way in which a model server answers, over real connections.

use super::*;
use crate::model::{
    Bounded, FinishReason, Piece,
    limits::{REPLY_MAX_BYTES, SILENCE_MAX},
    tests::{PATIENCE, prompt, read},
};
use futures_util::StreamExt;
use testkit::{Behaviour, ModelServer};

const KEY: &str = "sk-very-secret";

fn model_at(url: &str) -> Bounded {
    model_within(SILENCE_MAX, url)
}

fn model_within(silence: Duration, url: &str) -> Bounded {
    let key = KEY.parse().unwrap();
    Bounded::new(OpenAi::new(&url.parse().unwrap(), "llama3.2", Some(&key)).unwrap(), silence)
}

pub(super) fn pieces(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn status(code: u16, retry_after: Option<&str>, body: &str) -> Behaviour {
    Behaviour::Status { code, retry_after: retry_after.map(Into::into), body: body.into() }
}

/// What a server that behaves so makes of a prompt: the texts, and how it ended.
pub(super) async fn reply(behaviour: Behaviour) -> (Vec<String>, Result<FinishReason, &'static str>) {
    reply_within(SILENCE_MAX, behaviour).await
}

/// The same with less patience.
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
async fn a_request_says_who_asks_for_what_in_the_words_of_the_protocol() {
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
async fn without_a_key_no_authorization_is_sent() {
    let server = ModelServer::start().await;
    let model = OpenAi::new(&server.url().parse().unwrap(), "m", None).unwrap();
    read(&Bounded::new(model, SILENCE_MAX), prompt("hello")).await.1.unwrap();
    assert!(!server.headers()[0].contains_key("authorization"));
}

#[tokio::test]
async fn each_delta_comes_as_soon_as_it_is_there() {
    let server = ModelServer::start().await;
    server.script(Behaviour::Gated(pieces(&["a", "b"])));
    let mut reply = model_at(&server.url()).reply(prompt("hello")).await.unwrap();
    for expected in ["a", "b"] {
        server.release();
        assert_eq!(reply.next().await.unwrap().unwrap(), Piece::Text(expected.into()));
    }
    assert_eq!(reply.next().await.unwrap().unwrap(), Piece::End(FinishReason::Stop));
}

#[tokio::test]
async fn a_slow_reply_is_not_a_silent_one() {
    let (silence, pause) = (Duration::from_secs(2), Duration::from_millis(150));
    let slow = Behaviour::Slow { pieces: pieces(&["a"; 15]), pause };
    assert_eq!(reply_within(silence, slow).await, (pieces(&["a"; 15]), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn what_servers_add_to_a_reply_is_left_out() {
    let behaviour = Behaviour::Verbose(pieces(&["a", "b"]));
    assert_eq!(reply(behaviour).await, (pieces(&["a", "b"]), Ok(FinishReason::Unknown)));
}

#[tokio::test]
async fn a_character_whose_bytes_come_apart_is_whole() {
    let text = "schön 🤖 日本";
    assert_eq!(reply(Behaviour::SplitUtf8(text.into())).await, (pieces(&[text]), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    for (behaviour, texts) in [
        (Behaviour::Hang, &[][..]),
        (Behaviour::Stall(vec![]), &[]),
        (Behaviour::Stall(pieces(&["a"])), &["a"]),
    ] {
        assert_eq!(reply_within(PATIENCE, behaviour).await, (pieces(texts), Err("silent")));
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_is_not_a_whole_one() {
    assert_eq!(reply(Behaviour::Cut(pieces(&["a"]))).await, (pieces(&["a"]), Err("cut")));
    assert_eq!(reply(Behaviour::Cut(vec![])).await, (vec![], Err("cut")));
}

#[tokio::test]
async fn a_malformed_chunk_is_skipped_and_a_stream_without_a_chunk_is_garbage() {
    let kept = (pieces(&["a"]), Ok(FinishReason::Unknown));
    assert_eq!(reply(Behaviour::Garbage(pieces(&["a"]))).await, kept);
    assert_eq!(reply(Behaviour::Garbage(vec![])).await, (vec![], Err("garbage")));
    assert_eq!(reply(Behaviour::Raw(String::new())).await, (vec![], Err("garbage")));
}

#[tokio::test]
async fn an_endless_reply_is_cut_and_leaves_nothing_running() {
    let (texts, end) = reply(Behaviour::Endless("word ".into())).await;
    assert_eq!((texts.concat().len(), end), (REPLY_MAX_BYTES, Ok(FinishReason::Length)));
}

#[tokio::test]
async fn a_failure_names_its_status_and_nothing_that_the_server_wrote() {
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
        assert_eq!(error.outcome(), outcome, "{code}");
        let words = format!("{error} {error:?}");
        assert!(words.contains(&format!("status {code}")), "{words}");
        assert_eq!(words.contains("llama3.2"), code == 404, "{words}");
        assert!(!words.contains(KEY) && !words.contains("hello"), "{words}");
    }
}

#[tokio::test]
async fn a_rate_limit_has_a_clamped_delay() {
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
async fn a_failure_is_not_tried_again() {
    let server = ModelServer::start().await;
    server.script(status(500, None, ""));
    let model = model_at(&server.url());
    assert_eq!(read(&model, prompt("hello")).await.1, Err("failed"));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(read(&model, prompt("hello")).await.1, Ok(FinishReason::Stop), "the next reply is a new one");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let Err(error) = model_at(&format!("http://{address}/v1")).reply(prompt("hello")).await else { panic!() };
    assert!(matches!(error, ModelError::Refused(_)), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("refused") && !words.contains(&address.to_string()), "{words}");
}

#[tokio::test]
async fn a_model_without_an_address_is_refused() {
    let model = model_at("http://nowhere.invalid/v1");
    assert_eq!(read(&model, prompt("hello")).await, (vec![], Err("refused")));
}

#[tokio::test]
async fn dropping_a_reply_ends_its_request() {
    let server = ModelServer::start().await;
    server.script(Behaviour::Stall(pieces(&["a"])));
    let mut reply = model_at(&server.url()).reply(prompt("hello")).await.unwrap();
    assert_eq!(reply.next().await.unwrap().unwrap(), Piece::Text("a".into()));
    assert_eq!(server.open(), 1);
    drop(reply);
    server.idle().await;
}

#[tokio::test]
async fn a_hundred_replies_at_once_are_kept_apart() {
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

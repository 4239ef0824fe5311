//! Requests and chunks by themselves; transcripts of whole replies are in `transcripts.rs`.

use super::*;
use crate::model::{PromptMessage, tests::prompt};
use serde_json::json;

fn messages(said: &[(Role, &str)]) -> Value {
    let message = |&(role, text): &(Role, &str)| PromptMessage { role, content: text.into() };
    let prompt = Prompt { messages: said.iter().map(message).collect(), ..prompt("") };
    let request: Value = serde_json::from_slice(&request("m", &prompt)).unwrap();
    request["messages"].clone()
}

#[test]
fn requests_start_with_the_system_prompt() {
    let said = [(Role::User, "a"), (Role::Assistant, "b"), (Role::System, "c"), (Role::User, "d")];
    let expected = json!([
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "system", "content": "c"}, {"role": "user", "content": "d"},
    ]);
    assert_eq!(messages(&said), expected);
}

#[test]
fn consecutive_messages_of_one_role_are_joined() {
    let said = [(Role::User, "a"), (Role::User, "b"), (Role::Assistant, "c")];
    let expected = json!([
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "c"},
    ]);
    assert_eq!(messages(&said), expected);
}

fn text(json: &str) -> (String, Option<FinishReason>, Option<&'static str>) {
    let chunk = chunk(json).unwrap();
    (String::from_utf8(chunk.text).unwrap(), chunk.finish, chunk.odd)
}

#[test]
fn chunks_without_text_are_valid() {
    for json in [
        "{}",
        r#"{"choices":null}"#,
        r#"{"choices":[],"usage":{"total_tokens":"3"}}"#,
        r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"{"choices":[{}]}"#,
        r#"{"choices":[{"delta":null,"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason":""}]}"#,
        r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}],"error":null}"#,
        r#"{"choices":[{"delta":{"content":[]}}],"error":{}}"#,
        r#"{"choices":[{"delta":{"reasoning":{"a":1}},"index":"0","logprobs":"\ud83d"}],"error":""}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"image_url","image_url":{}}]},"finish_reason":false}]}"#,
    ] {
        assert_eq!(text(json), (String::new(), None, None), "{json}");
    }
}

#[test]
fn content_is_a_string_or_parts() {
    for content in [
        json!("ab"),
        json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        json!([{"type": "output_text", "text": "ab", "annotations": []}]),
        json!([{"text": "a"}, "b"]),
        json!([{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "ab"}]),
        json!([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "ab"}]),
    ] {
        let json = json!({"choices": [{"delta": {"content": content}}]}).to_string();
        assert_eq!(text(&json), ("ab".into(), None, None), "{json}");
    }
}

#[test]
fn finish_reasons_are_strings_or_objects() {
    for (reason, expected) in [
        (json!("stop"), FinishReason::Stop),
        (json!("STOP"), FinishReason::Stop),
        (json!("length"), FinishReason::Length),
        (json!("MAX_TOKENS"), FinishReason::Length),
        (json!("content_filter"), FinishReason::ContentFilter),
        (json!("tool_calls"), FinishReason::Unknown),
        (json!("eos"), FinishReason::Unknown),
        (json!({"type": "stop"}), FinishReason::Stop),
        (json!({"reason": "length", "at": 3}), FinishReason::Length),
        (json!({"other": 1}), FinishReason::Unknown),
        (json!(1), FinishReason::Unknown),
        (json!(true), FinishReason::Unknown),
    ] {
        let json = json!({"choices": [{"delta": {"content": "a"}, "finish_reason": reason}]}).to_string();
        assert_eq!(text(&json), ("a".into(), Some(expected), None), "{json}");
    }
}

#[test]
fn fields_of_unexpected_types_are_named_and_do_not_affect_others() {
    for (json, finish, odd) in [
        (r#"{"choices":"my secret"}"#, None, "choices"),
        (r#"{"choices":{"delta":{}}}"#, None, "choices"),
        (r#"{"choices":["my secret"]}"#, None, "choice"),
        (r#"{"choices":[{"delta":"my secret"}]}"#, None, "delta"),
        (r#"{"choices":[{"delta":{"content":5}}]}"#, None, "content"),
        (r#"{"choices":[{"delta":{"content":[5]}}]}"#, None, "content"),
        (
            r#"{"choices":[{"delta":{"content":{}},"finish_reason":"stop"}]}"#,
            Some(FinishReason::Stop),
            "content",
        ),
    ] {
        assert_eq!(text(json), (String::new(), finish, Some(odd)), "{json}");
    }
}

#[test]
fn a_message_without_a_delta_is_the_complete_reply() {
    let whole = |json: &str| {
        let chunk = chunk(json).unwrap();
        (String::from_utf8(chunk.text).unwrap(), chunk.is_whole)
    };
    assert_eq!(
        whole(r#"{"choices":[{"message":{"role":"assistant","content":"ab"}}]}"#),
        ("ab".into(), true)
    );
    assert_eq!(
        whole(r#"{"choices":[{"delta":{"content":"b"},"message":{"content":"ab"}}]}"#),
        ("b".into(), false)
    );
}

#[test]
fn other_json_is_incomplete_or_malformed() {
    for json in ["", "{", r#"{"choices":[{"delta":{"content":"a"#, r#"{"a":"\u00"#] {
        assert!(matches!(chunk(json), Err(NoChunk::Incomplete)), "{json}");
    }
    for json in ["5", "null", "ping", r#""text""#, "{]", r#"{"choices": [oops"#, "{}{}"] {
        assert!(matches!(chunk(json), Err(NoChunk::Malformed)), "{json}");
    }
}

#[test]
fn stream_errors_are_errors() {
    for (json, outcome) in [
        (r#"{"error":{"message":"slow down","code":429}}"#, "rate_limited"),
        (r#"{"error":{"message":"out of memory","code":"oom"}}"#, "failed"),
        (r#"{"error":"out of memory"}"#, "failed"),
        (r#"{"error":"\ud83d"}"#, "failed"),
        (r#"{"object":"error","message":"no key","code":401}"#, "unauthorized"),
        (r#"{"choices":[{"delta":{"content":"a"}}],"error":{"code":502}}"#, "failed"),
    ] {
        let Err(NoChunk::Failed(error)) = chunk(json) else { panic!("{json}") };
        assert_eq!(error.as_label(), outcome, "{json}");
    }
}

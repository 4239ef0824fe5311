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
fn a_request_says_the_system_prompt_first_and_then_the_messages() {
    let said = [(Role::User, "a"), (Role::Assistant, "b"), (Role::System, "c"), (Role::User, "d")];
    let expected = json!([
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "system", "content": "c"}, {"role": "user", "content": "d"},
    ]);
    assert_eq!(messages(&said), expected);
}

#[test]
fn messages_of_one_speaker_in_a_row_become_one() {
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
fn a_chunk_without_text_is_no_error() {
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
fn content_is_a_string_or_a_list_of_parts() {
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
fn a_finish_reason_is_a_string_or_an_object() {
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
fn a_field_of_an_odd_type_is_named_and_costs_no_other_field() {
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
fn a_message_is_the_whole_reply_unless_a_delta_stands_next_to_it() {
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
fn json_that_is_no_chunk_is_incomplete_or_malformed() {
    for json in ["", "{", r#"{"choices":[{"delta":{"content":"a"#, r#"{"a":"\u00"#] {
        assert!(matches!(chunk(json), Err(NoChunk::Incomplete)), "{json}");
    }
    for json in ["5", "null", "ping", r#""text""#, "{]", r#"{"choices": [oops"#, "{}{}"] {
        assert!(matches!(chunk(json), Err(NoChunk::Malformed)), "{json}");
    }
}

#[test]
fn an_error_in_the_stream_is_a_failure() {
    for (json, outcome) in [
        (r#"{"error":{"message":"slow down","code":429}}"#, "rate_limited"),
        (r#"{"error":{"message":"out of memory","code":"oom"}}"#, "failed"),
        (r#"{"error":"out of memory"}"#, "failed"),
        (r#"{"error":"\ud83d"}"#, "failed"),
        (r#"{"object":"error","message":"no key","code":401}"#, "unauthorized"),
        (r#"{"choices":[{"delta":{"content":"a"}}],"error":{"code":502}}"#, "failed"),
    ] {
        let Err(NoChunk::Failed(error)) = chunk(json) else { panic!("{json}") };
        assert_eq!(error.outcome(), outcome, "{json}");
    }
}

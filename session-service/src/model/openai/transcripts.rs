//! Whole responses as servers send them: each is understood, and none of its text is lost.

use super::tests::{pieces, reply};
use crate::model::FinishReason::{self, Length, Stop, Unknown};
use testkit::Behaviour;

/// Asserts the text and the finish reason of a chunked stream.
async fn assert_reply(name: &str, stream: &str, text: &str, finish: FinishReason) {
    let (texts, end) = reply(Behaviour::Raw(stream.into())).await;
    assert_eq!((texts.concat().as_str(), end), (text, Ok(finish)), "{name}");
}

#[tokio::test]
async fn streams_of_known_servers_are_understood() {
    for (name, stream, text, finish) in [
        ("OpenAI", OPENAI, "Hello 🤖", Stop),
        ("Azure", AZURE, "Hello", Stop),
        ("Ollama", OLLAMA, "Hello", Stop),
        ("vLLM", VLLM, "Hello", Length),
        ("llama.cpp", LLAMA_CPP, "Hello", Stop),
        ("OpenRouter", OPENROUTER, "Hello", Stop),
        ("Mistral", MISTRAL, "Hello", Stop),
        ("Gemini", GEMINI, "Hello", Stop),
        ("DeepSeek", DEEPSEEK, "Hello", Stop),
        ("Perplexity", PERPLEXITY, "Hello", Stop),
        ("text-generation-inference", TGI, "Hello", Unknown),
        ("escaped surrogates", SURROGATES, "Hello 😀!", Stop),
        ("numbers as strings", STRINGS, "Hello", Stop),
        ("objects as finish reasons", OBJECTS, "Hello", Length),
        ("no finish reason", NO_FINISH, "Hello", Unknown),
        ("only DONE", ONLY_DONE, "Hello", Unknown),
        ("lines of JSON", JSON_LINES, "Hello", Stop),
        ("one odd chunk", ODD_CHUNK, "Hello", Stop),
    ] {
        assert_reply(name, stream, text, finish).await;
        assert_reply(name, &stream.replace('\n', "\r\n"), text, finish).await;
        assert_reply(name, &stream.replace('\n', "\r"), text, finish).await;
        assert_reply(name, &format!("\u{feff}{stream}"), text, finish).await;
        assert_reply(name, stream.trim_end(), text, finish).await;
    }
}

#[tokio::test]
async fn responses_without_a_stream_are_understood() {
    for (name, body, text, finish) in [
        ("compact", COMPLETION.replace(['\n', ' '], ""), "Hello", Stop),
        ("pretty", COMPLETION.to_owned(), "Hello", Stop),
        ("list", COMPLETION.replace("\"Hello\"", r#"[{"type":"text","text":"Hello"}]"#), "Hello", Stop),
        ("no reason", COMPLETION.replace("\"stop\"", "null"), "Hello", Unknown),
    ] {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
        let response = format!("{head}{}\r\n\r\n{body}", body.len());
        assert_eq!(reply(Behaviour::Http(response)).await, (pieces(&[text]), Ok(finish)), "{name}");
        assert_reply(name, &body, text, finish).await;
    }
}

#[tokio::test]
async fn bodies_that_end_with_the_connection_need_a_finish_reason() {
    let response = |stream: &str| {
        Behaviour::Http(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{stream}"))
    };
    assert_eq!(reply(response(OLLAMA)).await.1, Ok(Stop));
    assert_eq!(reply(response(ONLY_DONE)).await.1, Ok(Unknown));
    assert_eq!(reply(response(NO_FINISH)).await.1, Err("truncated"));
}

#[tokio::test]
async fn errors_within_successful_responses_are_recognized() {
    for (name, stream, outcome) in [
        (
            "OpenRouter",
            "data: {\"error\":{\"code\":429,\"message\":\"x\"},\"choices\":[]}\n\n",
            "rate_limited",
        ),
        ("vLLM", "data: {\"object\":\"error\",\"message\":\"x\",\"code\":400}\n\n", "failed"),
        ("llama.cpp", "error: {\"code\":500,\"message\":\"x\",\"type\":\"server_error\"}\n\n", "failed"),
        ("event", "event: error\ndata: {\"message\":\"x\"}\n\n", "failed"),
        ("JSON", "{\"error\": {\"message\": \"x\", \"code\": 401}}", "unauthorized"),
        ("HTML", "<!doctype html>\n<title>Sign in</title>\n", "invalid_response"),
    ] {
        assert_eq!(reply(Behaviour::Raw(stream.into())).await, (vec![], Err(outcome)), "{name}");
    }
}

const OPENAI: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1697856000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1697856000,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1697856000,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" 🤖"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1697856000,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1697856000,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}

data: [DONE]

"#;

const AZURE: &str = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}

data: {"choices":[{"content_filter_results":{},"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":0}],"id":"1","object":"chat.completion.chunk"}

data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"Hello"},"finish_reason":null,"index":0}]}

data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0}]}

data: {"choices":[{"content_filter_offsets":{"check_offset":1},"content_filter_results":{},"finish_reason":null,"index":0}]}

data: [DONE]

"#;

const OLLAMA: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"lo"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}

data: [DONE]

"#;

const VLLM: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"Hm.","reasoning":"Hm."},"logprobs":null,"finish_reason":null,"token_ids":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":"length","stop_reason":null}]}

data: [DONE]

"#;

const LLAMA_CPP: &str = r#"data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"chatcmpl-1","model":"gpt-3.5-turbo","system_fingerprint":"b1","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hello"}}],"created":1}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"timings":{"prompt_n":1,"predicted_per_second":12.5}}

data: [DONE]

"#;

const OPENROUTER: &str = r#": OPENROUTER PROCESSING

: OPENROUTER PROCESSING

data: {"id":"gen-1","provider":"X","model":"m","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello","reasoning":null,"reasoning_details":[]},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}

: OPENROUTER PROCESSING

data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"STOP","logprobs":null}]}

data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"cost":0.0001}}

data: [DONE]

"#;

const MISTRAL: &str = r#"data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"magistral","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}],"closed":true}]},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Hel"},{"type":"reference","reference_ids":[0]}]},"finish_reason":null}]}

data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}

data: [DONE]

"#;

const GEMINI: &str = r#"data: {"choices":[{"delta":{"content":"Hel","role":"assistant","extra_content":{"google":{"thought_signature":"x"}}},"index":0}],"created":1,"id":"x","model":"gemini","object":"chat.completion.chunk"}

data: {"choices":[{"delta":{"content":"lo","role":"assistant"},"finish_reason":"stop","index":0}],"created":1,"model":"gemini"}

data: [DONE]

"#;

const DEEPSEEK: &str = r#": keep-alive

data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Hm."}}]}

: keep-alive

data: {"choices":[{"index":0,"delta":{"content":"Hello","reasoning_content":null},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"finish_reason":"stop"}],"usage":{"total_tokens":1}}

data: [DONE]

"#;

const PERPLEXITY: &str = r#"data: {"citations":[],"choices":[{"index":0,"message":{"role":"assistant","content":"Hel"},"delta":{"role":"assistant","content":"Hel"}}]}

data: {"citations":[],"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello"},"delta":{"role":"assistant","content":"lo"}}]}

"#;

const TGI: &str = r#"data:{"object":"chat.completion.chunk","id":"","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"logprobs":null,"finish_reason":null}]}

data:{"object":"chat.completion.chunk","id":"","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":"eos_token"}]}

"#;

const SURROGATES: &str = r#"data: {"choices":[{"delta":{"content":"Hello \ud83d"},"logprobs":{"content":[{"token":"\ud83d"}]}}]}

data: {"choices":[{"delta":{"content":"\ude00!"},"finish_reason":"stop"}]}

"#;

const STRINGS: &str = r#"data: {"created":"1","choices":[{"index":"0","delta":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"total_tokens":"3"}}

data: [ DONE ]

"#;

const OBJECTS: &str = r#"data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":{"type":"length"}}]}

"#;

const NO_FINISH: &str = r#"data: {"choices":[{"delta":{"content":"Hello"}}]}

"#;

const ONLY_DONE: &str = r#"data: {"choices":[{"delta":{"content":"Hello"}}]}

data:   [DONE]

"#;

const JSON_LINES: &str = r#"{"choices":[{"delta":{"content":"Hel"}}]}
{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}
"#;

const ODD_CHUNK: &str = r#"data: {"choices":[{"delta":{"content":"Hel"}}]}

data: {"choices":[{"delta":{"content":

data: {"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}

data: [DONE]

"#;

const COMPLETION: &str = r#"{
  "id": "chatcmpl-1",
  "object": "chat.completion",
  "choices": [
    {
      "index": 0,
      "message": { "role": "assistant", "content": "Hello" },
      "finish_reason": "stop"
    }
  ],
  "usage": { "total_tokens": 3 }
}"#;

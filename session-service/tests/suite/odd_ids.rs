//! Whatever people call things and say, it stays what it is.

use super::harness::*;
use session_service::domain::{Batch, Content, Metadata, NewMessage, Owner, Role, Span};

pub async fn odd_ids_stay_apart(harness: &mut impl Harness) {
    let store = harness.hour();
    let longest = "é".repeat(64);
    let odd = [
        "}x",
        "a{b}c",
        "a:b",
        "%2F",
        "%252F",
        "/",
        "🤖",
        "*",
        "?",
        "[a]",
        "\\",
        "\"",
        "'",
        "{",
        "}",
        "{}",
        "%",
        ":",
        "a b",
        "..",
        "null",
        "0",
        "-1",
        "session:{a}",
        "$(x)",
        "a\u{301}",
        "á",
        &longest,
    ];
    for (number, name) in odd.iter().enumerate() {
        assert!(store.try_create(new(name)).await.unwrap().created, "{name}");
        store.say(name, &[name, &number.to_string()]).await.unwrap();
    }
    for (number, name) in odd.iter().enumerate() {
        let history = store.read(name, page(Span::Newest, 10)).await.unwrap();
        let contents: Vec<_> = history.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(contents, [*name, &number.to_string()], "{name}");
    }
    let listed = store.first_page(100).await;
    let mut names = handles(&listed.sessions);
    let mut expected = odd.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in odd {
        store.remove(name).await.unwrap();
    }
    assert_eq!(store.first_page(100).await.total_count, 0);
}

pub async fn odd_contents_and_metadata_survive(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    for (content, metadata) in [
        ("\0", r#"{"":null}"#),
        ("{\"role\":\"system\"}", r#"{"a":{},"b":[[]],"c":[{}],"d":-0.5,"e":1e-7}"#),
        ("\u{feff}\u{202e}\u{10ffff}", r#"{"timestamp":1,"role":"x","\u0000":"\u2028"}"#),
        ("\",\"timestamp\":0}", "{}"),
    ] {
        let message = NewMessage {
            role: Role::User,
            content: Content::try_from(content).unwrap(),
            metadata: Metadata::try_from(metadata.to_owned()).unwrap(),
        };
        let batch = Batch::try_from(vec![message]).unwrap();
        let said = store.append(&Owner::open(), &id("a"), &batch, None).await.unwrap().messages;
        let read = store.read("a", page(Span::Newest, 1)).await.unwrap().messages;
        assert_eq!(read, said);
        assert_eq!(read[0].metadata.as_json(), metadata);
        assert_eq!(read[0].content.as_str(), content);
    }
}
